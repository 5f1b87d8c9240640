"""Child: a process that was started here, known by a descriptor of its own and not by its number.

    state     the process           returncode   descriptor
    runs      runs, or is stopped   None         open
    ended     is a zombie           None         open, readable
    noted     is a zombie           known        open
    reaped    is gone               known        closed

To look is a waitid(2) that takes nothing away (WNOWAIT): any number of goroutines and threads may
look at once, and an exit status is noted before its zombie goes. Nobody else's children are waited
for, SIGCHLD is left alone, and a signal never reaches a stranger who got the number since.

Source: go1.27 os/exec_unix.go (*Process).pidfdWait, os/pidfd_linux.go; pidfd_open(2), waitid(2)
"""

from __future__ import annotations

import _thread
import os
import signal
from collections.abc import Callable
from contextlib import suppress
from errno import ENOSYS, EPERM
from typing import TypeVar

from netpoll._poll.pipe_fd import PipeFD
from netpoll._poll.raw import raw_control, raw_read
from netpoll._runtime.scope import shield, timeout
from netpoll.errors import ClosedError, ScopeTimeout

_T = TypeVar("_T")

_PATIENCE = 5.0
"""Seconds for which a killed process is waited for: the kernel may hold it in a system call."""


class Child:
    """A process to wait for and to send signals to; each method may be called from any thread."""

    __slots__ = ("_pidfds", "pid", "returncode")

    def __init__(self, pid: int) -> None:
        """Take over the reaping of a child that nobody else waits for. OSError."""
        self.pid = pid
        self.returncode: int | None = None
        self._pidfds: list[PipeFD] = []
        with suppress(ProcessLookupError):
            # Opened and kept in one step: a signal handler may raise between two.
            adopted = map(PipeFD.adopt, map(os.pidfd_open, (pid,)))
            self._pidfds.extend(filter(None, adopted))  # a poller takes any pidfd
        if not self._pidfds:  # it is gone, as where SIGCHLD is ignored
            self.returncode = 0

    def __del__(self) -> None:
        for pidfd in getattr(self, "_pidfds", ()):  # none, if it was broken off
            pidfd.close()

    def wait(self) -> int:
        """Park until it has ended, reap it, and return its exit code as subprocess does."""
        while self.returncode is None:
            with suppress(ClosedError):  # another one has reaped it meanwhile
                self._call(raw_read, self._look)
        self._reap()
        return self.returncode

    def poll(self) -> int | None:
        """Return the exit code, None while it runs; reap it if it has ended. Does not park."""
        if self.returncode is None:
            with suppress(BlockingIOError, ClosedError):
                self._call(raw_control, self._look)
        if self.returncode is not None:
            self._reap()
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal; nothing happens to one that has ended. PermissionError."""
        if self.returncode is None:
            with suppress(ClosedError, ProcessLookupError):
                self._call(raw_control, lambda pidfd: signal.pidfd_send_signal(pidfd, number))

    def linger(self, seconds: float) -> None:
        """Wait for its end for so long, whoever cancels the goroutine meanwhile."""
        with suppress(ScopeTimeout), shield(), timeout(seconds):
            self.wait()

    def destroy(self) -> None:
        """Kill it and wait until it is gone, whoever cancels the goroutine meanwhile."""
        self.send_signal(signal.SIGKILL)
        self.linger(_PATIENCE)

    def discard(self) -> None:
        """Kill it and leave the reaping to a thread. Does not park."""
        self.send_signal(signal.SIGKILL)
        self.abandon()

    def abandon(self) -> bool:
        """Let it go on alone, to be reaped by a thread when it ends; False if it has ended.

        To the child of a fork it is gone: there it is no child.
        """
        if self.poll() is not None:
            return False
        self._close()
        reap_later(self.pid)
        return True

    def _look(self, pidfd: int) -> None:
        """Note the exit code; BlockingIOError if there is none yet."""
        if self.returncode is not None:
            return
        try:
            status = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG | os.WNOWAIT)
        except ChildProcessError:
            self._note_lost()
            return
        if status is None:
            raise BlockingIOError
        ended_itself = status.si_code == os.CLD_EXITED
        self.returncode = status.si_status if ended_itself else -status.si_status

    def _note_lost(self) -> None:
        # Either another thread has noted it and reaped the process since we looked, or the kernel
        # keeps no zombies because SIGCHLD is ignored: then nobody can know, and it is 0 as with
        # subprocess.
        if self.returncode is None:
            self.returncode = 0

    def _reap(self) -> None:
        """Let the zombie go, which nobody needs any more. Again: does nothing."""
        with suppress(ChildProcessError, ClosedError):
            self._call(
                raw_control,
                lambda pidfd: os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOHANG),
            )
        self._close()

    def _call(
        self,
        how: Callable[[PipeFD, Callable[[int], _T]], _T],
        fn: Callable[[int], _T],
    ) -> _T:
        if not self._pidfds:
            raise ClosedError
        return how(self._pidfds[0], fn)

    def _close(self) -> None:
        for pidfd in self._pidfds:
            pidfd.close()


def reap_later(pid: int) -> None:
    """Have a thread wait for the end of a child that nobody waits for, so that no zombie stays.

    Of the plainest kind: this is called in finalizers, which may have interrupted anything, a start
    of a thread by the module threading too.
    """
    with suppress(RuntimeError):  # the interpreter is ending, and its children become init's
        _thread.start_new_thread(_reap_quietly, (pid,))


def _reap_quietly(pid: int) -> None:
    with suppress(OSError):
        os.waitpid(pid, 0)


def check_system() -> None:
    """Raise an OSError that says why, if no process can be started on this system."""
    try:
        list(map(os.close, map(os.pidfd_open, (os.getpid(),))))  # in one step, as above
    except AttributeError:
        reason = "this Python was built without it"
    except OSError as error:
        if error.errno not in {ENOSYS, EPERM}:
            raise
        reason = os.strerror(error.errno)
    else:
        return
    raise OSError(ENOSYS, f"netpoll.process needs pidfd_open(2), of Linux 5.4 and later: {reason}")

"""No zombie is left, whatever becomes of a Popen; nobody else's children are touched."""

import errno
import gc
import os
import resource
import signal
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psutil
import pytest

from netpoll import process, run, sleep
from netpoll.process import PIPE, Popen
from tests.process.commands import SLEEP
from tests.running import in_run, open_descriptors, says
from tests.runtime.children import in_child, no_warning


def until_gone(pid: int) -> None:
    end = time.monotonic() + 5
    while psutil.pid_exists(pid):
        assert time.monotonic() < end
        time.sleep(0.001)


@in_run
def test_one_that_is_dropped_goes_on_and_is_reaped_at_its_end() -> None:
    dropped = Popen(SLEEP)
    pid = dropped.pid
    with pytest.warns(ResourceWarning, match=f"process {pid} is still running"):
        del dropped
    assert psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    os.kill(pid, signal.SIGKILL)
    until_gone(pid)


@in_run
def test_one_that_has_ended_is_reaped_when_it_is_dropped() -> None:
    dropped = Popen(["true"])
    pid = dropped.pid
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    del dropped
    gc.collect()
    assert not psutil.pid_exists(pid)


@in_run
def test_many_may_be_dropped() -> None:
    with pytest.warns(ResourceWarning):
        pids = [Popen(["sleep", "0.05"]).pid for _ in range(30)]
    for pid in pids:
        until_gone(pid)


def test_a_program_may_end_while_its_processes_run() -> None:
    said = says(
        """
        import os, signal, warnings
        from netpoll import process, run

        warnings.simplefilter("ignore")
        kept = run(process.Popen, ["sleep", "3600"])
        os.kill(kept.pid, signal.SIGKILL)
        print("end")
        """
    )
    assert said == "end\n"


@in_run
def test_other_children_are_left_to_those_who_started_them() -> None:
    with subprocess.Popen(["/bin/true"]) as other:
        os.waitid(os.P_PID, other.pid, os.WEXITED | os.WNOWAIT)
        process.run(["true"])
        assert other.poll() == 0
    pid = os.posix_spawn("/bin/sh", ["sh", "-c", "exit 6"], {})
    process.run(["sleep", "0.01"])
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 6


@in_run
def test_subprocess_does_not_reap_ours() -> None:
    for _ in range(20):
        with Popen(["sh", "-c", "exit 3"]) as ours:
            os.waitid(os.P_PID, ours.pid, os.WEXITED | os.WNOWAIT)
            gc.collect()
            with subprocess.Popen(["/bin/true"]):
                pass
            assert ours.wait() == 3


def test_sigchld_is_left_alone() -> None:
    before = signal.getsignal(signal.SIGCHLD)
    run(process.run, ["true"])
    assert signal.getsignal(signal.SIGCHLD) is before


@contextmanager
def handling_sigchld(handler: signal.Handlers) -> Iterator[None]:
    before = signal.signal(signal.SIGCHLD, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGCHLD, before)


@in_run
def test_where_sigchld_is_ignored_the_code_is_lost_as_with_subprocess() -> None:
    with handling_sigchld(signal.SIG_IGN):
        assert subprocess.run(["/bin/sh", "-c", "exit 3"], check=False).returncode == 0
        assert process.run(["sh", "-c", "sleep 0.05; exit 3"]).returncode == 0
        assert process.run(["true"]).returncode == 0
        with pytest.raises(FileNotFoundError):
            process.run(["/no/such/program"])
        with Popen(SLEEP) as child:
            child.kill()
            assert child.wait() == 0


@in_run
def test_one_that_somebody_else_has_reaped_is_not_waited_for_for_ever() -> None:
    with Popen(["sh", "-c", "exit 3"]) as ours:
        os.waitpid(ours.pid, 0)
        assert ours.poll() == 0
        assert ours.wait() == 0


@no_warning
@in_run
def test_a_forked_child_neither_warns_nor_reaps() -> None:
    with Popen(SLEEP) as ours:

        def drop() -> str:
            nonlocal ours
            del ours
            gc.collect()
            return "dropped"

        assert in_child(drop) == "'dropped'"
        assert ours.poll() is None
        ours.kill()


@no_warning
@in_run
def test_a_forked_child_can_run_processes_of_its_own() -> None:
    process.run(["true"])
    assert in_child(lambda: process.run(["echo", "x"], stdout=PIPE).stdout) == r"b'x\n'"


@contextmanager
def descriptors_left(count: int) -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    fillers: list[int] = []
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, hard))
        try:
            while True:
                fillers.append(os.open(os.devnull, os.O_RDONLY | os.O_CLOEXEC))
        except OSError:
            for _ in range(count):
                os.close(fillers.pop())
        yield
    finally:
        for filler in fillers:
            os.close(filler)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.mark.parametrize("left", range(10))
@in_run
def test_without_descriptors_nothing_is_left_behind(left: int) -> None:
    sleep(1e-3)
    process.run(["true"])
    with descriptors_left(left):
        try:
            process.run(["cat"], input=b"x", capture_output=True, timeout=20)
        except OSError as error:
            assert error.errno == errno.EMFILE
    assert process.run(["cat"], input=b"x", stdout=PIPE).stdout == b"x"


@in_run
def test_one_whose_pidfd_cannot_be_had_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    open_pidfd = os.pidfd_open

    def refuse(pid: int) -> int:
        if pid == os.getpid():
            return open_pidfd(pid)
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))

    process.run(["true"])
    monkeypatch.setattr(os, "pidfd_open", refuse)
    before = open_descriptors()
    with pytest.raises(OSError, match="Too many open files"):
        Popen(SLEEP, stdin=PIPE, stdout=PIPE)
    assert open_descriptors() == before


@pytest.mark.parametrize("code", [errno.ENOSYS, errno.EPERM])
@in_run
def test_a_system_without_pidfds_is_told_before_anything_is_started(
    monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    def refuse(_pid: int) -> int:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "pidfd_open", refuse)
    with pytest.raises(OSError, match=r"needs pidfd_open\(2\), of Linux 5.4") as caught:
        process.run(["true"])
    assert caught.value.errno == errno.ENOSYS
    monkeypatch.delattr(os, "pidfd_open")
    with pytest.raises(OSError, match="built without"):
        process.run(["true"])
    monkeypatch.undo()
    assert process.run(["true"]).returncode == 0

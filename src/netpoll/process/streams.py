"""What a child gets as its standard streams, and our ends of the pipes to it.

    asked for               the child gets                         here
    None                    ours                                   None
    DEVNULL                 /dev/null                              None
    PIPE                    one end of a new pipe                  the other end, a File
    STDOUT (stderr alone)   the same as its stdout                 None
    a number, a file        that descriptor                        None
    a File                  that, opened anew if it does not       None
                            block and can be
    a Conn                  its socket, which blocks from now on   None

Programs expect standard streams that block, and whether one does is a matter of the open file,
which a descriptor handed on shares. Pipes and terminals are therefore opened anew. A socket cannot
be; its Conn never relies on the mode (sendfile and copy do).

Source: go1.27 os/exec/exec.go (childStdin, childStdout, childStderr); fcntl(2), proc_pid_fd(5)
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Callable
from itertools import starmap
from operator import index
from subprocess import DEVNULL, PIPE, STDOUT
from typing import Protocol, TypeAlias

from netpoll._poll.pipe_fd import PipeFD
from netpoll.net.endpoint import Endpoint
from netpoll.net.file import File
from netpoll.net.file_kinds import PipeFile


class HasFileno(Protocol):
    """A file of open(), a socket, a File or a Conn."""

    def fileno(self) -> int:
        """Return the descriptor's number."""


Stream: TypeAlias = int | HasFileno | None

_STDERR = 2
_MASTER = os.makedev(5, 2)
"""The device /dev/ptmx: opened anew, it would be another terminal."""


class Streams:
    """The three standard streams of one child, up to its start.

    A signal handler may raise wherever Python has called something. So what opens a descriptor puts
    it into a list in the same call, by map, and what closes them forgets them before that.
    """

    def __init__(self, pipesize: int) -> None:
        self._pipesize = pipesize
        self._pipes: list[tuple[int, int]] = []
        self._ours: list[PipeFD] = []  # which have one end of each pipe, or will have
        self._of_child: list[int] = []
        self.files: list[File | None] = [None, None, None]

    def make(self, *asked_for: Stream) -> list[int | None]:
        """Open what is needed for stdin, stdout and stderr; return what subprocess is to be given.

        Whoever called has to call `give_up` if this raises.
        """
        return [self._prepare(number, what) for number, what in enumerate(asked_for)]

    def started(self) -> list[File | None]:
        """Close what is the child's alone, which has it now; return our ends of the pipes."""
        self._close_of_child()
        return self.files

    def give_up(self) -> None:
        """Close everything: there is no child."""
        try:
            self._close_of_child()
        finally:
            for ours in self._ours:
                ours.close()

    def _close_of_child(self) -> None:
        adopted = {ours.fileno() for ours in self._ours if not ours.closed}
        ends = [end for pipe in self._pipes for end in pipe if end not in adopted]
        closing = map(os.close, self._of_child + ends)
        self._of_child, self._pipes = [], []
        list(closing)

    def _prepare(self, number: int, what: Stream) -> int | None:
        """Return what subprocess is to be given for one of the streams."""
        if what is None:
            return self._inherited(number)
        if isinstance(what, File):
            return self._file(what)
        if isinstance(what, Endpoint):
            return self._socket(what)
        if not isinstance(what, int):
            return index(what.fileno())
        if what == PIPE:
            return self._pipe(number)
        if what == STDOUT and number != _STDERR:
            raise ValueError("STDOUT is for stderr alone")
        if what < 0 and what not in {DEVNULL, STDOUT}:
            raise ValueError(f"{what} is no descriptor")
        return what

    def _pipe(self, number: int) -> int:
        self._pipes.extend(map(os.pipe2, (os.O_CLOEXEC,)))
        reading, writing = self._pipes[-1]
        ours, childs = (writing, reading) if number == 0 else (reading, writing)
        if self._pipesize > 0:
            fcntl.fcntl(ours, fcntl.F_SETPIPE_SZ, self._pipesize)
        os.set_blocking(ours, False)  # each end is an open file of its own
        self._ours.extend(filter(None, map(PipeFD.adopt, (ours,))))  # a poller takes any pipe
        self.files[number] = PipeFile(self._ours[-1])
        return childs

    def _inherited(self, number: int) -> int | None:
        """Return None, or another open file of our own stream if that does not block."""
        try:
            if os.get_blocking(number):
                return None
        except OSError:  # there is none
            return None
        return self._opened_anew(number)

    def _file(self, file: File) -> int:
        duplicate = self._keep(file.dup)
        if os.get_blocking(duplicate):
            return duplicate
        anew = self._opened_anew(duplicate)
        return duplicate if anew is None else anew

    def _socket(self, endpoint: Endpoint) -> int:
        duplicate = self._keep(endpoint.dup)
        os.set_blocking(duplicate, True)
        return duplicate

    def _opened_anew(self, number: int) -> int | None:
        """Open the same pipe or terminal once more, to block; None if it is something else."""
        status = os.fstat(number)
        is_terminal = os.isatty(number) and status.st_rdev != _MASTER
        if not is_terminal and not stat.S_ISFIFO(status.st_mode):
            return None
        flags = fcntl.fcntl(number, fcntl.F_GETFL) & (os.O_ACCMODE | os.O_APPEND)
        path = f"/proc/self/fd/{number}"
        return self._keep(os.open, path, flags | os.O_NOCTTY | os.O_CLOEXEC)

    def _keep(self, opening: Callable[..., int], *args: object) -> int:
        """Open a descriptor that is the child's alone."""
        self._of_child.extend(starmap(opening, (args,)))
        return self._of_child[-1]

"""The kinds of File, and open_fd, which tells them apart.

    kind of descriptor                         class      how it waits    deadlines   positions
    pipe, FIFO, terminal, and what else the    PipeFile   in the poller   yes         no
    poller takes
    regular file, directory, /dev/null         DiskFile   on a thread     no          yes

Source: go1.27 os/file_unix.go newFile
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from errno import EOPNOTSUPP, ESPIPE
from operator import index
from typing import TYPE_CHECKING, NoReturn

from netpoll._poll.disk_fd import DiskFD
from netpoll._poll.pipe_fd import PipeFD
from netpoll._runtime.threads import blocking
from netpoll.errors import OpError
from netpoll.net.file import NETWORK, File, failure

if TYPE_CHECKING:
    from typing_extensions import Buffer


def open_fd(fileno: int) -> File:
    """Take over a descriptor, whatever it is of, and return a File. OpError; it stays yours then.

    Closing the File closes it. A pipe, a FIFO or a terminal that blocks is opened anew under the
    same number, so that others who have it open, such as the shell on standard input, do not find
    theirs non-blocking. Where the system refuses that to a standard stream, threads wait for it;
    another descriptor is made non-blocking for all. What else uses the same number here, as
    sys.stdin does, finds it non-blocking. Sockets are for net: as a File one reads and
    writes, and that is all.
    Source: go1.27 os/file_unix.go NewFile
    """
    fileno = index(fileno)
    try:
        pipe = PipeFD.adopt(fileno)
        return PipeFile(pipe) if pipe is not None else DiskFile(DiskFD.adopt(fileno))
    except OSError as error:
        raise failure("open", error) from error
    except OverflowError:
        raise ValueError("a descriptor's number is a C int") from None


def check_place(n: int, offset: int) -> None:
    """Raise ValueError if either is negative, or the offset one that no file has."""
    if index(n) < 0 or not 0 <= index(offset) < 1 << 63:
        raise ValueError("n and offset are numbers of bytes, neither of them negative")


class PipeFile(File):
    """A File that waits in the poller."""

    __slots__ = ()

    _fd: PipeFD

    def __init__(self, fd: PipeFD) -> None:
        self._fd = fd

    def read(self, n: int = 65536) -> bytes:
        """Read up to n bytes; see File.read."""
        try:
            return self._fd.read_bytes(n)
        except OSError as error:
            raise failure("read", error) from error

    def readinto(self, buffer: Buffer) -> int:
        """Read into a buffer; see File.readinto."""
        try:
            return self._fd.readinto(buffer)
        except OSError as error:
            raise failure("read", error) from error

    def readv(self, buffers: Iterable[Buffer]) -> int:
        """Read into several buffers; see File.readv."""
        try:
            return self._fd.readv(buffers)
        except OSError as error:
            raise failure("read", error) from error

    def write(self, data: Buffer) -> int:
        """Write all; see File.write."""
        try:
            return self._fd.write(data)
        except OSError as error:
            raise failure("write", error) from error

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several; see File.writev."""
        try:
            return self._fd.writev(buffers)
        except OSError as error:
            raise failure("write", error) from error

    def pread(self, n: int, offset: int) -> bytes:
        """Raise OpError(ESPIPE); ValueError as File.pread."""
        check_place(n, offset)
        self._no_position("read")

    def pwrite(self, data: Buffer, offset: int) -> int:  # noqa: ARG002 - as the other kind
        """Raise OpError(ESPIPE); ValueError as File.pwrite."""
        check_place(0, offset)
        self._no_position("write")

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:  # noqa: ARG002 - as the other kind
        """Raise OpError(ESPIPE)."""
        self._no_position("seek")

    def _no_position(self, op: str) -> NoReturn:
        self.fileno()
        raise OpError(op, NETWORK, errno=ESPIPE)

    def _check_limit(self, value: float | None) -> None:
        pass


class DiskFile(File):
    """A File whose calls run on threads."""

    __slots__ = ()

    _fd: DiskFD

    def __init__(self, fd: DiskFD) -> None:
        self._fd = fd

    def read(self, n: int = 65536) -> bytes:
        """Read up to n bytes; see File.read."""
        if index(n) < 0:
            raise ValueError("cannot read a negative number of bytes")
        try:
            return blocking(self._fd.read_now, n)
        except OSError as error:
            raise failure("read", error) from error

    def readinto(self, buffer: Buffer) -> int:
        """Read into a buffer; see File.readinto."""
        try:
            return blocking(self._fd.readinto_now, buffer)
        except OSError as error:
            raise failure("read", error) from error

    def readv(self, buffers: Iterable[Buffer]) -> int:
        """Read into several buffers; see File.readv."""
        try:
            return blocking(self._readv_now, [memoryview(buffer) for buffer in buffers])
        except OSError as error:
            raise failure("read", error) from error

    def _readv_now(self, buffers: list[memoryview]) -> int:
        total = 0
        for buffer in buffers:
            got = self._fd.readinto_now(buffer)
            total += got
            if got < buffer.nbytes:
                break
        return total

    def write(self, data: Buffer) -> int:
        """Write all; see File.write."""
        try:
            return blocking(self._fd.write_now, data)
        except OSError as error:
            raise failure("write", error) from error

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several; see File.writev."""
        return self.write(b"".join(buffers))

    def pread(self, n: int, offset: int) -> bytes:
        """Read at an offset; see File.pread."""
        check_place(n, offset)
        try:
            return blocking(self._fd.read_now, n, offset)
        except OSError as error:
            raise failure("read", error) from error

    def pwrite(self, data: Buffer, offset: int) -> int:
        """Write at an offset; see File.pwrite."""
        check_place(0, offset)
        try:
            return blocking(self._fd.write_now, data, offset)
        except OSError as error:
            raise failure("write", error) from error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position; see File.seek."""
        try:
            return self._fd.seek_now(offset, whence)
        except OSError as error:
            raise failure("seek", error) from error
        except OverflowError:
            raise ValueError("no file has such a position") from None

    def _check_limit(self, value: float | None) -> None:
        self.fileno()
        if value is not None:
            reason = "file type does not support deadlines"
            raise OpError("set", NETWORK, errno=EOPNOTSUPP, reason=reason)

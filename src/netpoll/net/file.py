"""File: a descriptor that is no connection, with the methods of one.

    kind of descriptor                         how it waits         deadlines   positions
    pipe, FIFO, terminal, and what else the    in the poller        yes         no
    poller takes
    regular file, directory, /dev/null         on a thread          no          yes

Source: go1.27 os/file.go, os/file_unix.go newFile
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterable
from errno import EOPNOTSUPP, ESPIPE
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn, Self, cast

from netpoll._poll.disk_fd import DiskFD
from netpoll._poll.pipe_fd import PipeFD
from netpoll._runtime.threads import blocking
from netpoll.errors import ClosedError, OpError
from netpoll.net.limit import no_limit
from netpoll.net.operror import wrap_error

if TYPE_CHECKING:
    from typing_extensions import Buffer

NETWORK = "file"
"""What stands in errors where a connection has its network."""


def open_fd(fileno: int) -> File:
    """Take over a descriptor, whatever it is of, and return a File. OpError; it stays yours then.

    Closing the File closes it. A pipe, a FIFO or a terminal that blocks is opened anew under the
    same number, so that others who have it open, such as the shell on standard input, do not find
    theirs non-blocking. Where the system refuses that to a standard stream, threads wait for it;
    another descriptor is made non-blocking for all. Sockets are for net: as a File one reads and
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


def failure(op: str, error: OSError) -> OpError:
    """Return an error of a file with what was being done."""
    if isinstance(error, ClosedError):
        return ClosedError(op, NETWORK, reason="use of closed file")
    return wrap_error(op, NETWORK, None, None, error)


class File(ABC):
    """A file, a pipe or a terminal; `with` closes it.

    Any goroutine of any thread may use it, any number at the same time. What parks raises, besides
    what it says: OpError, ClosedError once closed, DeadlineExceeded, and Cancelled.
    A disk has no readiness: its files are read and written on the threads of `blocking`, and a
    cancelled goroutine does not know whether its call still takes place, nor where the position
    is then. pread and pwrite do not use it.
    """

    __slots__ = ("__weakref__", "_fd")

    _fd: PipeFD | DiskFD

    # -- data

    @abstractmethod
    def read(self, n: int = 65536) -> bytes:
        """Read up to n bytes: at least one, or b"" at the end. Parks. ValueError: n is negative."""

    @abstractmethod
    def readinto(self, buffer: Buffer) -> int:
        """Read into a writable buffer; return how many bytes, 0 at the end. Parks.

        If a goroutine that reads a disk file is cancelled, the buffer may still be written to.
        """

    @abstractmethod
    def readv(self, buffers: Iterable[Buffer]) -> int:
        """Read into several writable buffers, one after the other; else as readinto. Parks."""

    @abstractmethod
    def write(self, data: Buffer) -> int:
        """Write all of a bytes-like object; return its length. Parks.

        On an error `bytes_written` of the exception tells how many bytes the kernel took. Never
        raises SIGPIPE, only BrokenPipeError.
        """

    @abstractmethod
    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several bytes-like objects; return how many bytes. Parks as write."""

    def pread(self, n: int, offset: int) -> bytes:
        """Read up to n bytes from an offset, b"" beyond the end; leave the position. Parks.

        OpError(ESPIPE): a pipe or a terminal. ValueError: n or offset is negative.
        """
        self._no_position("read", offset, n)

    def pwrite(self, data: Buffer, offset: int) -> int:
        """Write all of a bytes-like object at an offset; leave the position. Parks as write.

        OpError(ESPIPE): a pipe or a terminal. ValueError: the offset is negative.
        """
        self._no_position("write", offset)

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position as io files do, and return it. Does not park.

        OpError(ESPIPE): a pipe or a terminal.
        """
        self._no_position("seek")

    def tell(self) -> int:
        """Return the position. OpError(ESPIPE): a pipe or a terminal."""
        return self.seek(0, os.SEEK_CUR)

    def makefile(
        self,
        mode: str = "r",
        buffering: int = -1,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any:
        """Return a file object over this, as Conn.makefile does."""
        from netpoll.net.makefile import makefile

        options = {"encoding": encoding, "errors": errors, "newline": newline}
        return makefile(cast("Any", self), mode, buffering, **options)

    # -- the end

    def close(self) -> None:
        """Close. Never parks; again: does nothing.

        Who waits for a pipe or a terminal gets ClosedError at once. A thread that reads or writes
        a disk file comes to its end, and the number is free after that.
        """
        self._fd.close()

    @property
    def closed(self) -> bool:
        """True once `close` was called."""
        return self._fd.closed

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._fd.close()

    # -- limits

    def set_deadline(self, when: float | None) -> None:
        """Make reads and writes fail from `when` on; see Conn.set_deadline.

        OpError(EOPNOTSUPP): a disk file, for which there are none.
        """
        self._set_limit(self._fd.set_deadline, "deadline", when)

    def set_read_deadline(self, when: float | None) -> None:
        """Make reads fail from `when` on; as set_deadline."""
        self._set_limit(self._fd.set_read_deadline, "deadline", when)

    def set_write_deadline(self, when: float | None) -> None:
        """Make writes fail from `when` on; as set_deadline."""
        self._set_limit(self._fd.set_write_deadline, "deadline", when)

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later read and write to `seconds`; see Conn.settimeout.

        OpError(EOPNOTSUPP): a disk file, for which there are none.
        """
        self._set_limit(self._fd.settimeout, "timeout", seconds)

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, None if there is none."""
        return self._fd.gettimeout()

    def _set_limit(self, setter: Any, what: str, value: float | None) -> None:
        try:
            setter(value)
        except OSError as error:
            raise failure("set", error) from error
        except (TypeError, OverflowError):
            raise no_limit(what, value) from None

    # -- the descriptor

    def fileno(self) -> int:
        """Return the descriptor's number, which stays the file's. ClosedError."""
        try:
            return self._fd.fileno()
        except OSError as error:
            raise failure("fileno", error) from error

    def dup(self) -> int:
        """Return another descriptor, close-on-exec, for the caller to close. OpError, ClosedError."""
        try:
            return self._fd.dup()
        except OSError as error:
            raise failure("dup", error) from error

    @property
    def network(self) -> str:
        """Always "file"."""
        return NETWORK

    @property
    def local_addr(self) -> None:
        """None: a file has no address."""
        return None

    @property
    def remote_addr(self) -> None:
        """None: a file has no peer with one."""
        return None

    def __reduce__(self) -> NoReturn:
        raise TypeError("a File cannot be copied or pickled")

    def __repr__(self) -> str:
        what = "closed" if self._fd.closed else str(self._fd.fileno())
        return f"<{type(self).__name__} {what}>"

    def _no_position(self, op: str, offset: int = 0, n: int = 0) -> NoReturn:
        if index(offset) < 0 or index(n) < 0:
            raise ValueError("neither an offset nor a size is negative")
        self.fileno()
        raise OpError(op, NETWORK, errno=ESPIPE)


class PipeFile(File):
    """A File that waits in the poller."""

    __slots__ = ()

    _fd: PipeFD

    def __init__(self, fd: PipeFD) -> None:
        self._fd = fd

    def read(self, n: int = 65536) -> bytes:
        try:
            return self._fd.read_bytes(n)
        except OSError as error:
            raise failure("read", error) from error

    def readinto(self, buffer: Buffer) -> int:
        try:
            return self._fd.readinto(buffer)
        except OSError as error:
            raise failure("read", error) from error

    def readv(self, buffers: Iterable[Buffer]) -> int:
        try:
            return self._fd.readv(buffers)
        except OSError as error:
            raise failure("read", error) from error

    def write(self, data: Buffer) -> int:
        try:
            return self._fd.write(data)
        except OSError as error:
            raise failure("write", error) from error

    def writev(self, buffers: Iterable[Buffer]) -> int:
        try:
            return self._fd.writev(buffers)
        except OSError as error:
            raise failure("write", error) from error


class DiskFile(File):
    """A File whose calls run on threads."""

    __slots__ = ()

    _fd: DiskFD

    def __init__(self, fd: DiskFD) -> None:
        self._fd = fd

    def read(self, n: int = 65536) -> bytes:
        if index(n) < 0:
            raise ValueError("cannot read a negative number of bytes")
        try:
            return blocking(self._fd.read_now, n)
        except OSError as error:
            raise failure("read", error) from error

    def readinto(self, buffer: Buffer) -> int:
        try:
            return blocking(self._fd.readinto_now, buffer)
        except OSError as error:
            raise failure("read", error) from error

    def readv(self, buffers: Iterable[Buffer]) -> int:
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
        try:
            return blocking(self._fd.write_now, data)
        except OSError as error:
            raise failure("write", error) from error

    def writev(self, buffers: Iterable[Buffer]) -> int:
        return self.write(b"".join(buffers))

    def pread(self, n: int, offset: int) -> bytes:
        if index(offset) < 0 or index(n) < 0:
            raise ValueError("neither an offset nor a size is negative")
        try:
            return blocking(self._fd.read_now, n, offset)
        except OSError as error:
            raise failure("read", error) from error

    def pwrite(self, data: Buffer, offset: int) -> int:
        if index(offset) < 0:
            raise ValueError("an offset is not negative")
        try:
            return blocking(self._fd.write_now, data, offset)
        except OSError as error:
            raise failure("write", error) from error

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        try:
            return self._fd.seek_now(offset, whence)
        except OSError as error:
            raise failure("seek", error) from error

    def _set_limit(self, setter: Any, what: str, value: float | None) -> None:
        self.fileno()
        if value is not None:
            reason = "file type does not support deadlines"
            raise OpError("set", NETWORK, errno=EOPNOTSUPP, reason=reason)

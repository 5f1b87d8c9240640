"""File: a descriptor that is no connection, with the methods of one.

What differs between the kinds stands in file_kinds.py.

Source: go1.27 os/file.go
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any, NoReturn, Self, TypeVar, cast

from netpoll.errors import ClosedError, OpError
from netpoll.net.limit import no_limit
from netpoll.net.makefile import makefile
from netpoll.net.operror import wrap_error

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from netpoll._poll.disk_fd import DiskFD
    from netpoll._poll.pipe_fd import PipeFD

T = TypeVar("T")

NETWORK = "file"
"""What stands in errors where a connection has its network."""


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

    @abstractmethod
    def pread(self, n: int, offset: int) -> bytes:
        """Read up to n bytes from an offset, b"" beyond the end; leave the position. Parks.

        OpError(ESPIPE): a pipe or a terminal. ValueError: n or offset is negative.
        """

    @abstractmethod
    def pwrite(self, data: Buffer, offset: int) -> int:
        """Write all of a bytes-like object at an offset; leave the position. Parks as write.

        OpError(ESPIPE): a pipe or a terminal. ValueError: the offset is negative.
        """

    @abstractmethod
    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        """Move the position as io files do, and return it. Does not park.

        OpError(ESPIPE): a pipe or a terminal.
        """

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

    def _set_limit(
        self, setter: Callable[[float | None], None], what: str, value: float | None
    ) -> None:
        self._check_limit(value)
        try:
            setter(value)
        except OSError as error:
            raise failure("set", error) from error
        except (TypeError, OverflowError):
            raise no_limit(what, value) from None

    @abstractmethod
    def _check_limit(self, value: float | None) -> None:
        """Raise OpError if there are no limits."""

    # -- the descriptor

    def fileno(self) -> int:
        """Return the descriptor's number, which stays the file's. ClosedError."""
        try:
            return self._fd.fileno()
        except OSError as error:
            raise failure("fileno", error) from error

    def dup(self) -> int:
        """Return another close-on-exec descriptor, yours to close. OpError, ClosedError."""
        try:
            return self._fd.dup()
        except OSError as error:
            raise failure("dup", error) from error

    def raw_read(self, fn: Callable[[int], T]) -> T:
        """Call fn with the number as the only reader until it does not block; see Conn."""
        return self._raw("raw-read", fn)

    def raw_write(self, fn: Callable[[int], T]) -> T:
        """Call fn with the number as the only writer until it does not block; see Conn."""
        return self._raw("raw-write", fn)

    def raw_control(self, fn: Callable[[int], T]) -> T:
        """Call fn with the number, once, whoever uses it meanwhile; see Conn.raw_control."""
        return self._raw("raw-control", fn)

    def _raw(self, op: str, fn: Callable[[int], T]) -> T:
        from netpoll.net.rawcall import call_raw  # noqa: PLC0415 - few need it

        try:
            return call_raw(op, self._fd, fn, network=NETWORK, source=None, addr=None)
        except ClosedError as error:
            if error.network != NETWORK:  # fn's own
                raise
            raise failure(op, error) from error

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

    def __del__(self) -> None:
        fd = getattr(self, "_fd", None)
        if fd is not None and not fd.closed:
            fd.describe(repr(self))  # for the warning, if nobody else has the descriptor

    def __repr__(self) -> str:
        # Not fileno(), which may raise.
        return repr(self._fd).replace(type(self._fd).__name__, type(self).__name__)

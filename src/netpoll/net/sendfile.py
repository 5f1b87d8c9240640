"""Sending a file over a connection: by sendfile(2), or by reading and writing."""

from __future__ import annotations

import fcntl
import os
from contextlib import suppress
from errno import EBADF, ESPIPE
from operator import index
from socket import SOCK_STREAM
from threading import Lock
from typing import TYPE_CHECKING, Any

from netpoll._poll.sendfile import NOT_HANDLED
from netpoll._poll.sendfile import sendfile as send_from
from netpoll._runtime.threads import blocking
from netpoll.errors import OpError
from netpoll.net.copyloop import Read, pour, reader
from netpoll.net.endpoint import Endpoint
from netpoll.net.file import File
from netpoll.net.operror import wrap_error

if TYPE_CHECKING:
    from collections.abc import Callable

    from netpoll.net.conn import Conn  # which imports this file

MOST = 2**63 - 1


def sendfile(conn: Conn, file: Any, offset: int = 0, count: int | None = None) -> int:
    """Send what a file holds from `offset` on; see Conn.sendfile."""
    offset, limit = index(offset), size(count)
    if not 0 <= offset <= MOST:
        raise ValueError("an offset is a number of bytes, from 0 to 2**63 - 1")
    try:
        number = duplicate(file)
        if number is None:
            return _send_object(conn, file, offset, limit)
        held = _Held(number)
        try:
            return _send_descriptor(conn, file, held, offset, limit)
        finally:
            held.close()
    except OSError as error:
        if isinstance(error, OpError) and error.op:
            raise
        where = (conn.network, conn.local_addr, conn.remote_addr)
        raise wrap_error("sendfile", *where, error) from error


def size(count: int | None) -> int:
    """Return a number of bytes, -1 for None: all. ValueError: none that a file could have."""
    if count is None:
        return -1
    count = index(count)
    if not 0 <= count <= MOST:
        raise ValueError("a count is a number of bytes, from 0 to 2**63 - 1")
    return count


def duplicate(file: Any) -> int | None:
    """Return a second descriptor of a file, None if it has none. OSError.

    While it is open, nobody who closes the file gives its number to a stranger under our hands.
    """
    if isinstance(file, File):
        return file.dup()
    if isinstance(file, Endpoint):
        raise TypeError("a file is sent from where it lies; between connections, use net.copy()")
    number = file
    if isinstance(file, int):
        if not 0 <= file < 1 << 31:
            raise ValueError(f"no descriptor has the number {file}")
    else:
        try:
            number = file.fileno()
        except (AttributeError, OSError):  # io.UnsupportedOperation, of those in memory
            return None
    return fcntl.fcntl(number, fcntl.F_DUPFD_CLOEXEC, 0)


class _Held:
    """A descriptor that is closed when its owner is done with it and no thread reads from it.

    A goroutine that is cancelled leaves behind the thread that reads for it.
    """

    def __init__(self, number: int) -> None:
        self.number = number
        self._users = 1
        self._lock = Lock()

    def read(self, call: Callable[..., bytes], *args: int) -> bytes:
        """Return what call(number, *args) does; on a thread."""
        with self._lock:
            if self._users == 0:
                raise OSError(EBADF, os.strerror(EBADF))
            self._users += 1
        try:
            return call(self.number, *args)
        finally:
            self.close()

    def close(self) -> None:
        """Leave it; the last one closes it."""
        with self._lock:
            self._users -= 1
            if self._users == 0:
                os.close(self.number)


def _send_descriptor(conn: Conn, file: Any, held: _Held, offset: int, limit: int) -> int:
    number, done = held.number, 0
    try:
        sent = NOT_HANDLED
        # Of a page each a socket that keeps messages apart would make a message.
        if conn._fd.kind == SOCK_STREAM:  # noqa: SLF001 - of this package
            sent = send_from(conn._fd, number, offset, limit)  # noqa: SLF001
        if sent == NOT_HANDLED:
            sent = pour(_reader_from(file, held, offset), conn.write, limit)
        done = sent
    except BaseException as error:
        done = getattr(error, "bytes_written", 0)
        raise
    finally:
        _move(file, number, offset + done)
    return done


def _reader_from(file: Any, held: _Held, offset: int) -> Read:
    """Return how to read a file from an offset on, without its position if it has one."""
    try:
        os.lseek(held.number, 0, os.SEEK_CUR)
    except OSError as error:
        if error.errno != ESPIPE or offset:
            raise
        return reader(file) if isinstance(file, File) else lambda n: blocking(held.read, os.read, n)
    at = offset

    def read(n: int) -> bytes:
        nonlocal at
        data = blocking(held.read, os.pread, n, at)
        at += len(data)
        return data

    return read


def _move(file: Any, number: int, position: int) -> None:
    """Leave a file behind what was sent, as socket.sendfile does, if it has a position."""
    with suppress(OSError, AttributeError, ValueError):  # somebody may have closed it
        if isinstance(file, int):
            os.lseek(number, position, os.SEEK_SET)
        else:
            file.seek(position)


def _send_object(conn: Conn, file: Any, offset: int, limit: int) -> int:
    """Send from what has no descriptor, such as io.BytesIO."""
    read = reader(file)
    if offset or hasattr(file, "seek"):
        file.seek(offset)
    return pour(read, conn.write, limit)

"""Files over a connection, as socket.makefile makes them over a socket.

File and connection close apart. Closing the file writes out what it holds and leaves the connection
open. Closing the connection does not wait for the file to be closed, as a socket would: it takes
effect at once, and the file raises ClosedError.
"""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, Any, cast

from netpoll.errors import OpError

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from netpoll.net.conn import Conn  # which imports this file

_CUT_SHORT = "an earlier read was cut short, and bytes may be lost: make a new file"

Buffered = io.BufferedRWPair | io.BufferedReader | io.BufferedWriter


def makefile(
    conn: Conn,
    mode: str = "r",
    buffering: int = -1,
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
) -> ConnFile | Buffered | io.TextIOWrapper:
    """Return a file over a connection: "r", "w" or "rw", text, or bytes with "b".

    Reading and writing park. One goroutine may read while another one writes; two that read, or two
    that write, get RuntimeError from the buffer. Close or flush a file that writes: what it still
    holds when it is collected may come too late. The arguments are those of open.

    After a deadline or a cancellation in the midst of a read, the file is of no more use, and what
    it had gathered may be lost: the next read raises OpError. Make a new file.
    Raises ValueError: another mode, or text without a buffer.
    """
    if not set(mode) <= set("rwb"):
        raise ValueError(
            f'invalid mode {mode!r}: it is "r", "w" or "rw" for text, with a "b" for bytes'
        )
    writes = "w" in mode
    reads = "r" in mode or not writes
    text = "b" not in mode
    if buffering == 0:
        if text:
            raise ValueError('text needs a buffer; without one (buffering=0) the mode has a "b"')
        return ConnFile(conn, reads=reads, writes=writes, buffered=False)
    raw = ConnFile(conn, reads=reads, writes=writes, buffered=True)
    buffer = _buffer(raw, io.DEFAULT_BUFFER_SIZE if buffering < 0 else buffering)
    if not text:
        return buffer
    file = io.TextIOWrapper(cast("Any", buffer), io.text_encoding(encoding), errors, newline)
    file.mode = mode  # type: ignore[misc]  # read-only for the type, but nobody else sets it
    return file


class ConnFile(io.RawIOBase):
    """The raw file: a read returns what has arrived, a write writes all; both park.

    After a read that was cut short (a timeout, a cancellation, an interrupt), each further one
    raises OpError: the buffer above has then thrown away what it had gathered, and the next byte
    would be taken for one that it is not.

    A buffer above keeps what a failed write was given, and gives it again. So such a write returns
    how much was sent, as far as that is known, and the next one fails; if it is not known, each
    further write raises what cut the first one short.
    """

    def __init__(self, conn: Conn, *, reads: bool, writes: bool, buffered: bool) -> None:
        super().__init__()
        self._conn = conn
        self._reads = reads
        self._writes = writes
        self._buffered = buffered
        self._read_cut_short = False
        self._write_cut_short: BaseException | None = None

    @property
    def mode(self) -> str:
        """What it was made for: "rb", "wb" or "rwb"."""
        return f"{'r' * self._reads}{'w' * self._writes}b"

    def readable(self) -> bool:
        """Whether it was made for reading; ValueError once it is closed."""
        self._check_open()
        return self._reads

    def writable(self) -> bool:
        """Whether it was made for writing; ValueError once it is closed."""
        self._check_open()
        return self._writes

    def fileno(self) -> int:
        """Return the connection's descriptor number; ClosedError once that is closed."""
        self._check_open()
        return self._conn.fileno()

    def readinto(self, buffer: Buffer) -> int:
        """Read what has arrived, 0 bytes at the end of the stream; parks."""
        if not self.readable():
            raise io.UnsupportedOperation("not readable")
        if self._read_cut_short and not self._conn.closed:
            where = (self._conn.network, self._conn.local_addr, self._conn.remote_addr)
            raise OpError("read", *where, reason=_CUT_SHORT)
        try:
            return self._conn.readinto(buffer)
        except BaseException:
            self._read_cut_short = True
            raise

    def write(self, data: Buffer) -> int:
        """Write all of the data and return its length, or how much was sent; parks."""
        if not self.writable():
            raise io.UnsupportedOperation("not writable")
        if self._write_cut_short is not None:
            raise self._write_cut_short
        try:
            return self._conn.write(data)
        except OSError as error:
            sent: int = getattr(error, "bytes_written", 0)
            if self._buffered and sent:
                return sent
            raise
        except BaseException as error:
            # A with block that this leaves closes the file, which writes: let the same pass on.
            self._write_cut_short = error
            raise

    def close(self) -> None:
        """Let go of the connection, which stays open."""
        super().close()
        self._write_cut_short = None

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("I/O operation on closed file")


def _buffer(raw: ConnFile, size: int) -> Buffered:
    if not raw.writable():
        return io.BufferedReader(raw, size)
    if not raw.readable():
        return io.BufferedWriter(raw, size)
    return io.BufferedRWPair(raw, raw, size)

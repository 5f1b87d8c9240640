r"""Lines, frames and small writes over a stream, with limits on what a peer can make one hold.

    reader, writer = bufio.Reader(conn), bufio.Writer(conn)
    line = reader.read_line(limit=4096)
    body = reader.read_exactly(int(line), limit=1 << 20)
    writer.write(b"done\r\n")
    writer.flush()

Each of them is for one goroutine at a time; one may read while another one writes. A stream is a
Conn, or whatever else has its read or its write, and raises here what it raises there.
Source: go1.27 bufio/bufio.go
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, Self

from netpoll.errors import IncompleteReadError, LimitExceededError, OpError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer

__all__ = ["ReadWriter", "Readable", "Reader", "Stream", "Writable", "Writer"]

_SIZE = 8192
_LIMIT = 1 << 16
_MOST = 1 << 18  # bytes asked for at once, however many are wanted
_CARRIAGE_RETURN = 13


class Readable(Protocol):
    """What a Reader reads from."""

    def read(self, n: int, /) -> bytes:
        """Return what is there, from 1 to n bytes; b"" at the end of the stream."""


class Writable(Protocol):
    """What a Writer writes to.

    If it has a writev too, as a Conn has, the buffer and a large piece of data go out together.
    """

    def write(self, data: Buffer, /) -> int:
        """Write all of the data, or raise an exception whose bytes_written tells how much."""


class Stream(Readable, Writable, Protocol):
    """What a ReadWriter reads from and writes to."""


class Reader:
    """A buffer over a stream that is read.

    Data is handed out whole or not at all: after a limit, a timeout, a cancellation or the end of
    the stream in the midst of a read, what had arrived stays in the buffer for the next one. What
    may park says so, and raises what the stream's read raises.
    """

    def __init__(self, stream: Readable, size: int = _SIZE) -> None:
        """Read from `stream`, at least `size` bytes at once if there are so many."""
        self._source = stream
        self._read_size = _positive("size", size)
        # bytes, which are the faster to take lines from, but a bytearray while many small reads are
        # gathered: that does not copy all of it for each. Before _start lies what was handed out.
        self._data: bytes | bytearray = b""
        self._start = 0

    @property
    def buffered(self) -> int:
        """The number of bytes that can be read without asking the stream."""
        return len(self._data) - self._start

    def read(self, n: int = 65536) -> bytes:
        """Read up to n bytes: at least one, or b"" at the end of the stream. May park.

        What is buffered comes first and alone, so that read(buffered) never parks.
        ValueError: n is negative.
        """
        _natural("n", n)
        have = len(self._data) - self._start
        if have == 0 and n:
            if n >= self._read_size:
                return self._source.read(n)
            self._fill(n)
            have = len(self._data)
        end = self._start + min(n, have)
        return self._take(end, end)

    def read_exactly(self, n: int, limit: int | None = None) -> bytes:
        """Read n bytes. May park.

        Give a limit where n is the peer's word. Memory is taken as the data arrives, not before.
        IncompleteReadError: the stream ended before. LimitExceededError: n is above the limit.
        ValueError: n is negative.
        """
        data, start = self._data, self._start
        end = start + n
        if limit is None and n >= 0 and end < len(data) and type(data) is bytes:
            some = data[start:end]  # the most frequent case, without a call
            self._start = end
            return some
        _natural("n", n)
        if limit is not None and n > limit:
            raise LimitExceededError(limit, b"")
        if not self._gather(n):
            raise IncompleteReadError(self._ahead(n), n)
        end = self._start + n
        return self._take(end, end)

    def read_until(self, separator: bytes = b"\n", limit: int = _LIMIT) -> bytes:
        """Read up to and with the separator, of one byte or more. May park.

        limit: the most bytes to return, the separator's included.
        IncompleteReadError: the stream ended before. LimitExceededError: that many bytes are there
        and no separator. ValueError: the separator is empty, or the limit not above 0.
        """
        start = self._start
        at = self._data.find(separator, start, start + limit) if separator and limit > 0 else -1
        if at < 0:
            at = self._find_later(separator, limit)
        end = at + len(separator)
        return self._take(end, end)

    def read_line(self, limit: int = _LIMIT) -> bytes:
        r"""Read a line, and return it without its end, which is "\n" or "\r\n". May park.

        limit: the most bytes of a line, its end included. A line that the end of the stream cuts
        off is none: it raises IncompleteReadError, and so does the end itself, with nothing in
        `partial`. Iterating yields the lines, and stops at an end that cuts off none.
        LimitExceededError: that many bytes are there and no end of a line.
        """
        start = self._start
        at = self._data.find(b"\n", start, start + limit) if limit > 0 else -1
        if at < 0:
            at = self._find_later(b"\n", limit)
            start = self._start
        stop = at
        if at > start and self._data[at - 1] == _CARRIAGE_RETURN:
            stop -= 1
        return self._take(stop, at + 1)

    def peek(self, n: int) -> bytes:
        """Return the next n bytes without taking them, fewer only at the end of the stream.

        May park. ValueError: n is negative.
        """
        _natural("n", n)
        self._gather(n)
        return self._ahead(n)

    def discard(self, n: int) -> None:
        """Skip n bytes, holding none of them. May park.

        On an error `bytes_discarded` of the exception tells how many are gone.
        IncompleteReadError: the stream ended before; nothing of what was skipped is in `partial`.
        ValueError: n is negative.
        """
        left = _natural("n", n)
        try:
            while left > self.buffered:
                left -= self.buffered
                self._data, self._start = b"", 0
                if not self._fill(left):
                    raise IncompleteReadError(b"", left)  # noqa: TRY301 - it tells the number too
        except BaseException as error:
            _tell(error, "bytes_discarded", n - left)
            raise
        self._take(self._start, self._start + left)

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> bytes:
        try:
            return self.read_line()
        except IncompleteReadError as error:
            if error.partial:
                raise
            raise StopIteration from None

    def _find_later(self, separator: bytes, limit: int) -> int:
        """Return where the first separator begins, which is not yet in the buffer."""
        if not separator or limit < 1:
            raise ValueError("a separator has a byte or more, and a limit is above 0")
        while True:
            have = len(self._data) - self._start
            if have >= limit:
                raise LimitExceededError(limit, self._ahead(limit))
            if not self._fill():
                raise IncompleteReadError(self._ahead(have), None)
            # It may have come in two parts; what was searched already is not searched again.
            searched = max(0, have - len(separator) + 1)
            start = self._start
            at = self._data.find(separator, start + searched, start + limit)
            if at >= 0:
                return at

    def _gather(self, n: int) -> bool:
        """Have n bytes in the buffer; False if the stream ends before."""
        while (missing := n - self.buffered) > 0:
            if not self._fill(missing):
                return False
        return True

    def _fill(self, missing: int = 1) -> bool:
        """Read once from the stream; False at its end. The only place that parks.

        Nothing has changed if it raises.
        """
        more = self._source.read(max(self._read_size, min(missing, _MOST)))
        data, start = self._data, self._start
        rest = len(data) - start
        if rest == 0:
            self._data = more
        elif rest <= len(more):
            self._data = bytes(data[start:]) + more
        elif isinstance(data, bytearray):
            del data[:start]  # moves nothing: the front of a bytearray is cut off
            data += more
        else:
            self._data = bytearray(data[start:])
            self._data += more
        self._start = 0
        return bool(more)

    def _take(self, stop: int, end: int) -> bytes:
        """Return the data up to `stop`, and hand out no more what lies before `end`."""
        data, start = self._data, self._start
        if end == len(data):
            self._data, self._start = b"", 0  # holds nothing while there is nothing
        else:
            self._start = end
        if type(data) is bytes:
            return data[start:stop]
        with memoryview(data) as view:
            return bytes(view[start:stop])

    def _ahead(self, n: int) -> bytes:
        """Return a copy of up to n bytes from the front of the buffer."""
        with memoryview(self._data) as view:
            return bytes(view[self._start : self._start + n])


class Writer:
    """A buffer over a stream that is written to, so that small writes go out together.

    Nothing goes out before the buffer is full or `flush` is called. A with block flushes at its
    end, unless an exception leaves it; the stream stays open either way.

    After an error the buffer still holds what the stream did not take, and the next flush or write
    goes on with it. If the exception does not tell how much that was (it has no `bytes_written`),
    nobody knows where to go on: each later write and flush raises OpError.
    """

    def __init__(self, stream: Writable, size: int = _SIZE) -> None:
        """Write to `stream`, holding back up to `size` bytes."""
        self._sink = stream
        self._write_size = _positive("size", size)
        self._held = bytearray()
        self._cut_short: BaseException | None = None

    @property
    def pending(self) -> int:
        """The number of bytes that wait to be flushed."""
        return len(self._held)

    def write(self, data: Buffer) -> int:
        """Write a bytes-like object; return its length in bytes. Parks if the buffer gets full.

        On an error `bytes_written` of the exception tells how much of the data was taken: the
        caller still has the rest, and the buffer holds what was written before it.
        """
        size = len(data) if isinstance(data, bytes | bytearray) else _size(data)
        if len(self._held) + size > self._write_size or self._cut_short is not None:
            self._send([data])
        else:
            self._held += data
        return size

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write several bytes-like objects; return how many bytes that is. Parks as write."""
        several = list(buffers)
        size = sum(map(_size, several))
        if len(self._held) + size > self._write_size or self._cut_short is not None:
            self._send(several)
        else:
            self._held += b"".join(several)
        return size

    def flush(self) -> None:
        """Write out what is held. Parks as the stream's write.

        On an error `bytes_written` of the exception is 0: all of it had been taken before. What is
        left stays held, and `pending` tells how much.
        """
        if self._held or self._cut_short is not None:
            self._send([])

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.flush()

    def _send(self, more: list[Buffer]) -> None:
        """Send what is held and then more."""
        if self._cut_short is not None:
            reason = "an earlier write was cut short, and how much of it was sent is unknown"
            raise OpError("write", reason=reason) from self._cut_short
        # Taken out while it is sent: nobody changes a buffer that the kernel reads from.
        held, self._held = self._held, bytearray()
        try:
            self._write_out([held, *more] if held else more)
        except BaseException as error:
            self._keep(held, error)
            raise

    def _write_out(self, pieces: list[Buffer]) -> None:
        if len(pieces) == 1:
            self._sink.write(pieces[0])
        elif (writev := getattr(self._sink, "writev", None)) is not None:
            writev(pieces)
        else:
            self._sink.write(b"".join(pieces))

    def _keep(self, held: bytearray, error: BaseException) -> None:
        """Hold on to what a write that failed has left over."""
        sent: int | None = getattr(error, "bytes_written", None)
        if sent is None:
            self._cut_short = error
            return
        self._held = held[sent:]
        _tell(error, "bytes_written", max(0, sent - len(held)))


def _size(data: Buffer) -> int:
    """Return its size in bytes; BufferError before anything is sent, not in the midst of it."""
    view = memoryview(data)
    if not view.c_contiguous:
        raise BufferError("what is written must lie in one piece")
    return view.nbytes


class ReadWriter(Reader, Writer):
    """A Reader and a Writer over the same stream: one goroutine may read while another one writes.

    It flushes nothing by itself before it waits for an answer. A with block is the Writer's.
    """

    def __init__(self, stream: Stream, read_size: int = _SIZE, write_size: int = _SIZE) -> None:
        """Read from and write to `stream`; the sizes are those of Reader and of Writer."""
        Reader.__init__(self, stream, read_size)
        Writer.__init__(self, stream, write_size)


def _natural(name: str, value: int) -> int:
    if value < 0:
        raise ValueError(f"{name} is a number of bytes, not negative")
    return value


def _positive(name: str, value: int) -> int:
    if value < 1:
        raise ValueError(f"{name} is a number of bytes above 0")
    return value


def _tell(error: BaseException, name: str, number: int) -> None:
    """Note a number on an exception, if that takes one: a signal handler's may not."""
    with suppress(Exception):
        setattr(error, name, number)

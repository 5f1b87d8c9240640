"""Streams that do what a test tells them, for what is built over any stream."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Source:
    """A stream to read from: each read brings one of these pieces or raises it; then it ends."""

    def __init__(self, *pieces: bytes | BaseException) -> None:
        self.pieces = deque(pieces)
        self.asked: list[int] = []

    def read(self, n: int) -> bytes:
        self.asked.append(n)
        if not self.pieces:
            return b""
        piece = self.pieces.popleft()
        if isinstance(piece, BaseException):
            raise piece
        if len(piece) > n:
            self.pieces.appendleft(piece[n:])
        return piece[:n]


class Sink:
    """A stream to write to; it takes all, but for the writes that are to fail."""

    def __init__(self) -> None:
        self.writes: list[bytes] = []
        self.failures: deque[BaseException] = deque()

    @property
    def taken(self) -> bytes:
        return b"".join(self.writes)

    def write(self, data: Buffer) -> int:
        if not self.failures:
            self.writes.append(bytes(data))
            return len(self.writes[-1])
        failure = self.failures.popleft()
        self.writes.append(bytes(data)[: getattr(failure, "bytes_written", 0)])
        raise failure


class GatheringSink(Sink):
    """The same with a writev, which notes how many pieces came at once."""

    def __init__(self) -> None:
        super().__init__()
        self.gathered: list[int] = []

    def writev(self, buffers: Iterable[Buffer]) -> int:
        pieces = [bytes(piece) for piece in buffers]
        self.gathered.append(len(pieces))
        return self.write(b"".join(pieces))

"""A client of the RESP server made of bytes: what arrives piece by piece, and what it gets."""

from collections.abc import Iterable
from typing import TYPE_CHECKING

import resp_server
from resp_store import Store

if TYPE_CHECKING:
    from typing_extensions import Buffer


class Script:
    """A stream that hands out its pieces one by one and then ends."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self.pieces = [piece for piece in pieces if piece]
        self.writes: list[bytes] = []
        self.seen: list[bytes] = []
        """What had been written each time that more was asked for."""

    def read(self, n: int, /) -> bytes:
        self.seen.append(b"".join(self.writes))
        if not self.pieces:
            return b""
        piece = self.pieces.pop(0)
        if len(piece) > n:
            self.pieces.insert(0, piece[n:])
        return piece[:n]

    def write(self, data: "Buffer", /) -> int:
        self.writes.append(bytes(data))
        return len(self.writes[-1])


def converse(*pieces: bytes, store: Store | None = None) -> bytes:
    """Serve a client that sends these pieces, and return what it gets."""
    script = Script(pieces)
    resp_server.serve(script, store or Store())
    return b"".join(script.writes)


def frame(*words: bytes) -> bytes:
    """Return a command as clients send it."""
    return b"*%d\r\n" % len(words) + b"".join(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)

"""A client of Redis' protocol for a few questions: redis-benchmark does not look at the answers."""

import socket
from types import TracebackType
from typing import Self

from benchmarks.processes import MeasureError

_PATIENCE = 10.0


class Client:
    """One connection."""

    def __init__(self, port: int) -> None:
        """Connect to a server on 127.0.0.1."""
        self._sock = socket.create_connection(("127.0.0.1", port), timeout=_PATIENCE)
        self._answers = self._sock.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._answers.close()
        self._sock.close()

    def ask(self, *words: bytes) -> bytes:
        """Give a command and return its answer, which must be a status or a string."""
        parts = [b"*%d\r\n" % len(words), *(b"$%d\r\n%b\r\n" % (len(w), w) for w in words)]
        self._sock.sendall(b"".join(parts))
        line = self._answers.readline()
        kind, text = line[:1], line[1:].strip()
        if kind == b"+":
            return text
        if kind == b"$" and text.isdigit():
            return self._answers.read(int(text) + 2)[:-2]
        raise MeasureError(f"the answer to {words[0].decode()} was {line!r}")

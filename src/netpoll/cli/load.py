"""The client side of the demo: many talks with one server, a goroutine each."""

from collections.abc import Iterator
from dataclasses import dataclass
from math import inf
from time import monotonic
from types import TracebackType
from typing import Self

from netpoll import Goroutine, go, net
from netpoll.cli.histogram import Histogram
from netpoll.cli.payload import Payload
from netpoll.cli.talk import EchoError, Talk

# Connections that are being opened at any moment: fewer than the shortest backlog in use.
_AT_ONCE = 64

# How long, in seconds, a talk may take to come to its end once all have been told to stop.
GRACE = 1.0


@dataclass(frozen=True, slots=True)
class Failure:
    """What went wrong, and where."""

    connection: int
    message: int
    reason: str

    def __str__(self) -> str:
        return f"connection {self.connection}, message {self.message}: {self.reason}"


class Load:
    """Talks with the echo server at one address; leaving the block closes all connections.

    The first failure stops them all: no figure is worth anything after a wrong byte.
    """

    def __init__(self, address: str, size: int, timeout: float) -> None:
        self.talks: list[Talk] = []
        self.latencies = Histogram()
        self.failure: Failure | None = None
        self.end = inf
        self.last_answer = 0.0
        self._address = address
        self._payload = Payload(size)
        self._timeout = timeout

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for talk in self.talks:
            talk.conn.close()

    @property
    def stopped(self) -> bool:
        """Whether something has failed, or stop was called."""
        return self.end == 0

    def warm_up(self) -> None:
        """Exchange one message over a connection of its own; parks.

        The server has then loaded all it needs, so that its memory can be looked at.
        """
        with self._dial() as conn:
            self._greet(Talk(conn, 0, self._payload))

    def connect(self, connections: int) -> list[Goroutine]:
        """Start to open connections, and to exchange one message over each."""
        numbers = iter(range(1, connections + 1))
        return [go(self._open, numbers) for _ in range(min(_AT_ONCE, connections))]

    def echo(self, seconds: float) -> list[Goroutine]:
        """Start to exchange messages over all connections, for so long."""
        self.end = monotonic() + seconds
        return [go(self._ping_pong, talk) for talk in self.talks]

    def stop(self) -> None:
        """Let each talk finish the message it is at, within a second."""
        self.end = 0
        deadline = monotonic() + GRACE
        for talk in self.talks:
            talk.conn.set_deadline(deadline)

    def _open(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            if self.stopped:
                return
            try:
                talk = Talk(self._dial(), number, self._payload)
            except OSError as error:
                self._fail(Failure(number, 0, str(error)))
                return
            self.talks.append(talk)
            self._greet(talk)

    def _dial(self) -> net.Conn:
        return net.dial("tcp", self._address, timeout=self._timeout)

    def _greet(self, talk: Talk) -> None:
        talk.conn.set_deadline(monotonic() + self._timeout)
        try:
            talk.exchange()
        except (EchoError, OSError) as error:
            self._fail(Failure(talk.number, talk.round, str(error)))

    def _ping_pong(self, talk: Talk) -> None:
        # One deadline for all messages: that one is missing is noticed at the end, at no cost.
        talk.conn.set_deadline(self.end + self._timeout)
        try:
            talk.ping_pong(self)
        except (EchoError, OSError) as error:
            self._fail(Failure(talk.number, talk.round, str(error)))
        self.last_answer = monotonic()

    def _fail(self, failure: Failure) -> None:
        # Once stopped, a talk that breaks off says nothing about the server.
        if not self.stopped:
            self.failure = failure
            self.stop()

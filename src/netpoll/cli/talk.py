"""One connection of the demo: says messages and compares what comes back."""

from time import monotonic
from typing import Protocol

from netpoll import net
from netpoll.cli.histogram import Histogram
from netpoll.cli.payload import Payload, difference


class EchoError(Exception):
    """A byte came back wrong, or did not come back."""


class Course(Protocol):
    """What the talks of one measurement share: when it ends, and where latencies are counted."""

    end: float
    latencies: Histogram


class Talk:
    """A connection with its number, and the number of the message it is at."""

    __slots__ = ("_message", "_room", "conn", "number", "round")

    def __init__(self, conn: net.Conn, number: int, payload: Payload) -> None:
        self.conn = conn
        self.number = number
        self.round = 0
        self._message = payload.message
        self._room = payload.size + 1  # a byte too many would be seen

    def exchange(self) -> None:
        """Send a message and compare the answer; parks.

        Raises EchoError when a byte is wrong or missing, OpError when the connection fails.
        """
        self.round += 1
        message = self._message(self.number, self.round)
        self.conn.write(message)
        answer = self.conn.read(self._room)
        if answer != message:
            self._read_rest(message, answer)

    def ping_pong(self, course: Course) -> None:
        """Exchange messages until the course ends, and count how long each took; parks."""
        started = monotonic()
        while started < course.end:
            self.exchange()
            finished = monotonic()
            course.latencies.add(finished - started)
            started = finished

    def _read_rest(self, message: bytes, answer: bytes) -> None:
        # A stream may come in pieces, as long as they are the right ones.
        while answer != message:
            wrong = difference(message, answer)
            if wrong:
                raise EchoError(wrong)
            answer += self._more(len(answer), len(message))

    def _more(self, received: int, size: int) -> bytes:
        try:
            data = self.conn.read(self._room - received)
        except TimeoutError:
            raise EchoError(f"{received} of {size} bytes came back, then nothing more") from None
        if not data:
            raise EchoError(f"{received} of {size} bytes came back, then the connection's end")
        return data

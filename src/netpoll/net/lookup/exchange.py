"""One question to one name server: by datagram, and by TCP if the answer does not fit into one.

Source: go1.27 net/dnsclient_unix.go (*Resolver).exchange; RFC 1035 section 4.2; RFC 7766
"""

from errno import EMFILE, ENFILE
from time import monotonic
from typing import Protocol

from netpoll._runtime.goroutine import sleep
from netpoll._runtime.threads import blocking
from netpoll.net.conn import Conn
from netpoll.net.lookup import turns, wire
from netpoll.net.lookup.wire import BadAnswerError, Query, Reply

_LENGTH = 2  # bytes in front of a message in a stream
_LONGEST = 65535
_SHORT = 4096

_NO_DESCRIPTOR = frozenset({EMFILE, ENFILE})
# Seconds, as when a listener has none for a new connection.
_PAUSE_FIRST = 0.005
_PAUSE_MOST = 1.0


class Connection(Protocol):
    """What of a connection an exchange uses."""

    def read(self, n: int, /) -> bytes:
        """Return a datagram, or what a stream has, at most n bytes."""

    def write(self, data: bytes, /) -> int:
        """Send a datagram, or all of data."""

    def set_deadline(self, when: float | None, /) -> None:
        """Limit reading and writing to a moment of time.monotonic()."""

    def close(self) -> None:
        """Close it."""


class Dial(Protocol):
    """What connects to a name server, as net.dial does."""

    def __call__(self, network: str, address: str, /, *, deadline: float) -> Connection:
        """Connect to "ip:port" on "udp" or "tcp" until a moment of time.monotonic()."""


def exchange(dial: Dial, server: str, query: Query, *, timeout: float, only_tcp: bool) -> Reply:
    """Return a server's answer; parks, for so many seconds by datagram and by TCP each.

    Each question goes by a socket of its own, so that a stranger has its port to guess as well.
    The time begins when it is its turn; a lack of descriptors is waited out for as long again.

    Raises OSError for what is wrong on the way, BadAnswerError for what is wrong with the answer.
    """
    with turns.turn():
        if not only_tcp:
            data = _round_trip(dial, "udp", server, query, timeout)
            if not wire.is_truncated(data):
                return _parsed(data)
        # An answer by TCP that says to be cut off is taken as it is, as the C library does.
        return _parsed(_round_trip(dial, "tcp", server, query, timeout))


def _parsed(data: bytes) -> Reply:
    # A hostile answer of this size takes seconds to read: the other goroutines run meanwhile.
    return wire.parse(data) if len(data) <= _SHORT else blocking(wire.parse, data)


def _dialled(dial: Dial, network: str, server: str, timeout: float) -> tuple[Connection, float]:
    """Return a connection, and until when it may be used."""
    end = monotonic() + timeout
    pause = _PAUSE_FIRST
    while True:
        deadline = monotonic() + timeout
        try:
            return dial(network, server, deadline=deadline), deadline
        except OSError as error:
            if error.errno not in _NO_DESCRIPTOR or monotonic() >= end:
                raise
        sleep(min(pause, end - monotonic()))
        pause = min(2 * pause, _PAUSE_MOST)


def _round_trip(dial: Dial, network: str, server: str, query: Query, timeout: float) -> bytes:
    conn, deadline = _dialled(dial, network, server, timeout)
    try:
        conn.set_deadline(deadline)
        # A dial of one's own may return a stream, say of TLS, for datagrams as well.
        if network == "tcp" or isinstance(conn, Conn):
            return _by_stream(conn, query)
        return _by_datagram(conn, query)
    finally:
        conn.close()


def _by_datagram(conn: Connection, query: Query) -> bytes:
    conn.write(query.data)
    # Anybody can send a datagram that seems to come from the server. What is no answer to this
    # question is passed over until the time is up.
    while not query.answered_by(data := conn.read(_LONGEST)):
        pass
    return data


def _by_stream(conn: Connection, query: Query) -> bytes:
    conn.write(len(query.data).to_bytes(_LENGTH, "big") + query.data)
    data = _exactly(conn, int.from_bytes(_exactly(conn, _LENGTH), "big"))
    if not query.answered_by(data):
        raise BadAnswerError("invalid DNS response")
    return data


def _exactly(conn: Connection, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = conn.read(size - len(data))
        if not more:
            raise BadAnswerError("unexpected end of DNS response")
        data += more
    return bytes(data)

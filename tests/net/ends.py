"""Both ends of connections over the loopback, servers, and peers that do not answer."""

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from typing import Any

import pytest

import netpoll
from netpoll import go, gosched, net
from netpoll.net.networks import TCPNetwork

Handler = Callable[[net.TCPConn], object]

MORE_THAN_FITS = bytes(64 << 20)
"""More than any connection holds; the pages are not touched, so it costs nothing."""


def has_ipv6() -> bool:
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        return False
    return True


needs_ipv6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@contextmanager
def connected(
    network: TCPNetwork = "tcp", address: str = "127.0.0.1:0", **options: Any
) -> Iterator[tuple[net.TCPConn, net.TCPConn]]:
    """Return the end that dialled and the end that was accepted; options are those of dial."""
    with ExitStack() as stack:
        with net.listen(network, address) as listener:
            near = stack.enter_context(net.dial(network, str(listener.local_addr), **options))
            far = stack.enter_context(listener.accept())
        yield near, far


def echo(conn: net.TCPConn) -> None:
    """Send everything back until the peer ends its stream."""
    with conn:
        while data := conn.read(4096):
            conn.write(data)


def forgiving_echo(conn: net.TCPConn) -> None:
    """Send everything back until the peer ends its stream, in whatever way."""
    with suppress(ConnectionError):
        echo(conn)


@contextmanager
def serving(handle: Handler = echo, **options: Any) -> Iterator[net.TCPListener]:
    """Serve each peer in a goroutine of its own; options are those of listen."""

    def serve() -> None:
        for conn in listener:
            go(handle, conn)

    with net.listen("tcp", "127.0.0.1:0", **options) as listener:
        server = go(serve)
        yield listener
    server.join()


def turns(number: int) -> None:
    """Let everybody else run so many times."""
    for _ in range(number):
        gosched()


EVERY_MOMENT = range(0, 2 * 61, 3)
"""Numbers of turns that reach before, into and past a look at the network, each 61st turn."""


def events_come_in() -> None:
    """Let what the kernel has to tell reach those who wait for it."""
    turns(2 * 61)


def read_all(conn: net.TCPConn) -> bytes:
    """Return everything up to the end of the stream."""
    data = bytearray()
    while more := conn.read():
        data += more
    return bytes(data)


def read_exactly(conn: net.TCPConn, size: int) -> bytes:
    """Return so many bytes; the stream must not end before."""
    data = bytearray()
    while len(data) < size:
        more = conn.read(size - len(data))
        assert more, f"the stream ended after {len(data)} of {size} bytes"
        data += more
    return bytes(data)


def fill(conn: net.TCPConn) -> int:
    """Write until the connection takes nothing more; return how much it took."""
    taken = 0
    conn.settimeout(0)
    try:
        while True:
            taken += conn.write(bytes(1 << 20))
    except netpoll.DeadlineExceeded as error:
        return taken + error.bytes_written
    finally:
        conn.settimeout(None)


def small_buffers(*ends: net.TCPConn) -> None:
    """Let the kernel hold little, and no more for a connection that is busy (tcp(7))."""
    for end in ends:
        end.set_read_buffer(1 << 16)
        end.set_write_buffer(1 << 16)


def reset(conn: net.TCPConn) -> None:
    """Close so that the peer gets a reset instead of an orderly end."""
    conn.set_linger(0)
    conn.close()


@contextmanager
def silent() -> Iterator[str]:
    """Return an address that answers no more: the queue of its listener is full (listen(2))."""
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield f"127.0.0.1:{full.getsockname()[1]}"


def refusing() -> str:
    """Return an address at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        return f"127.0.0.1:{server.getsockname()[1]}"

"""Unix sockets of both ends, by names that nobody else has."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from netpoll import net
from netpoll._poll.packet_fd import PacketFD
from netpoll.net import UnixConn, UnixDatagramConn, UnixListener

End = UnixConn | UnixDatagramConn

STREAMS = ("unix", "unixpacket")
"""The networks that connect."""

NETWORKS = (*STREAMS, "unixgram")


def listen(network: str, address: str | net.Addr, *, backlog: int | None = None) -> UnixListener:
    listener = net.listen(network, address, backlog=backlog)
    assert isinstance(listener, UnixListener)
    return listener


def dial(network: str, address: str | net.Addr) -> UnixConn:
    conn = net.dial(network, address)
    assert isinstance(conn, UnixConn)
    return conn


@contextmanager
def connected(network: str = "unix", address: str = "") -> Iterator[tuple[UnixConn, UnixConn]]:
    """Return the end that dialled and the end that was accepted; no address: an abstract one."""
    with ExitStack() as stack:
        with listen(network, address) as listener:
            near = stack.enter_context(dial(network, listener.local_addr))
            far = stack.enter_context(listener.accept())
        yield near, far


@contextmanager
def full(
    network: str = "unix", address: str = ""
) -> Iterator[tuple[UnixListener, list[socket.socket]]]:
    """Return a listener whose queue is full, and those in it."""
    with ExitStack() as stack:
        listener = stack.enter_context(listen(network, address, backlog=0))
        kind = socket.SOCK_STREAM if network == "unix" else socket.SOCK_SEQPACKET
        waiting: list[socket.socket] = []
        while True:
            peer = stack.enter_context(socket.socket(socket.AF_UNIX, kind))
            peer.setblocking(False)
            try:
                peer.connect(raw_name(listener))
            except BlockingIOError:
                break
            waiting.append(peer)
        yield listener, waiting


def raw_name(listener: UnixListener) -> str | bytes:
    """Return a listener's name as the socket module takes it."""
    name = listener.local_addr.name
    return "\0" + name[1:] if name.startswith("@") else name


@contextmanager
def datagrams() -> Iterator[tuple[UnixDatagramConn, UnixDatagramConn]]:
    """Return two sockets of datagrams, each the other's peer."""
    near, far = (
        UnixDatagramConn(PacketFD.adopt(end.detach()), "unixgram", b"", b"")
        for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    )
    with near, far:
        yield near, far


@contextmanager
def pair(network: str) -> Iterator[tuple[End, End]]:
    """Return two ends of any network, each the other's peer."""
    with datagrams() if network == "unixgram" else connected(network) as ends:
        yield ends

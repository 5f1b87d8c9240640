"""Unix sockets of both ends, by names that nobody else has."""

import socket
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from netpoll import net
from netpoll.net import Control, unix_socket
from netpoll.net.unix import UnixConn, UnixListener

STREAMS = ("unix", "unixpacket")
"""The networks that connect."""


@dataclass(frozen=True)
class Config:
    """What a ListenConfig says of Unix sockets."""

    backlog: int | None = None
    control: Control | None = None


def listen(network: str, address: str | net.Addr, **options: object) -> UnixListener:
    return unix_socket.listen(network, address, Config(**options))  # type: ignore[arg-type]


@contextmanager
def connected(network: str = "unix", address: str = "") -> Iterator[tuple[UnixConn, UnixConn]]:
    """Return the end that dialled and the end that was accepted; no address: an abstract one."""
    with ExitStack() as stack:
        with listen(network, address) as listener:
            near = stack.enter_context(unix_socket.connect(network, listener.local_addr))
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

"""Sockets of datagrams on the loopback and of the Unix kind, as FDs or as the system's own."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from netpoll._poll.packet_fd import PacketFD
from netpoll.net import UDPAddr, UDPConn, udp_socket
from tests.program import PATIENCE
from tests.tcp import HOST as HOST


def bound() -> socket.socket:
    """Return a socket that has an address and no peer; the caller closes it."""
    end = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    end.bind((HOST, 0))
    end.settimeout(PATIENCE)
    return end


def unix_pair() -> tuple[socket.socket, socket.socket]:
    """Return two Unix sockets of datagrams that are connected; the caller closes them."""
    near, far = socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
    far.settimeout(PATIENCE)
    return near, far


@contextmanager
def end() -> Iterator[tuple[PacketFD, socket.socket]]:
    """Return a socket as a PacketFD, connected to the other, which is one of the system's."""
    near, far = bound(), bound()
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    fd = PacketFD.adopt(near.detach())
    try:
        yield fd, far
    finally:
        fd.close()
        far.close()


@contextmanager
def unix_end() -> Iterator[tuple[PacketFD, socket.socket]]:
    """Return the same of Unix sockets, where a send waits while the receiver's queue is full."""
    near, far = unix_pair()
    fd = PacketFD.adopt(near.detach())
    try:
        yield fd, far
    finally:
        fd.close()
        far.close()


def fill(end: PacketFD | socket.socket, size: int = 1) -> int:
    """Send datagrams until there is room for none; return how many there was room for."""
    sender = socket.socket(fileno=socket.dup(end.fileno()))
    sent = 0
    with sender, suppress(BlockingIOError):
        sender.setblocking(False)
        while True:
            sender.send(bytes(size))
            sent += 1
    return sent


@contextmanager
def full_unix_receiver(directory: str) -> Iterator[tuple[bytes, socket.socket, int]]:
    """Return the raw address of a receiver whose queue others have filled, itself, and how many
    datagrams there are in it."""
    path = f"{directory}/receiver"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as receiver:
        receiver.bind(path)
        receiver.settimeout(PATIENCE)
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.connect(path)
            yield raw_unix(path), receiver, fill(other)


def raw_unix(path: str) -> bytes:
    return socket.AF_UNIX.to_bytes(2, "little") + path.encode() + b"\0"


def listen(host: str = HOST, network: str = "udp") -> UDPConn:
    """Return a socket that is open to all; the caller closes it."""
    return udp_socket.listen(network, UDPAddr(host, 0))


@contextmanager
def connected(host: str = HOST, network: str = "udp") -> Iterator[tuple[UDPConn, UDPConn]]:
    """Return two ends that are connected with each other."""
    with listen(host, network) as place:
        near = udp_socket.connect(network, place.local_addr)
    with near:
        # The place is free again, and the near end knows no other peer.
        with udp_socket.connect(network, near.local_addr, near.remote_addr) as far:
            yield near, far

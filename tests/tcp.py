"""TCP on the loopback: connected ends, as FDs or as the system's own sockets."""

import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import netpoll
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from tests.program import PATIENCE

HOST = f"127.1.{os.getpid() >> 8 & 255}.{os.getpid() & 255}"
"""An address of our own: another test run that tries a port comes to no listener of this one."""


def raw(address: tuple[str, int]) -> bytes:
    """Return an IPv4 address as the kernel's struct sockaddr_in."""
    host, port = address
    return struct.pack("=HH4s8x", socket.AF_INET, socket.htons(port), socket.inet_aton(host))


def port_of(sockaddr: bytes) -> int:
    (port,) = struct.unpack_from("!H", sockaddr, 2)
    return int(port)


def connected() -> tuple[socket.socket, socket.socket]:
    """Return the two ends of a new connection; the caller closes them."""
    with socket.create_server((HOST, 0)) as listener:
        near = socket.create_connection(listener.getsockname(), timeout=PATIENCE)
        far, _ = listener.accept()
    for end in (near, far):
        end.settimeout(PATIENCE)
        end.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return near, far


@contextmanager
def end() -> Iterator[tuple[StreamFD, socket.socket]]:
    """Return one end of a connection as an StreamFD and the other as a socket of the system."""
    near, far = connected()
    fd = StreamFD.adopt(near.detach())
    try:
        yield fd, far
    finally:
        fd.close()
        far.close()


@contextmanager
def ends() -> Iterator[tuple[StreamFD, StreamFD]]:
    """Return both ends of a connection as FDs."""
    with end() as (fd, peer):
        other = StreamFD.adopt(peer.detach())
        try:
            yield fd, other
        finally:
            other.close()


@contextmanager
def listening(backlog: int = 64) -> Iterator[tuple[ListenFD, tuple[str, int]]]:
    """Return a listener and its address."""
    fd = ListenFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    try:
        fd.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        fd.bind(raw((HOST, 0)))
        fd.listen(backlog)
        yield fd, (HOST, port_of(fd.getsockname()))
    finally:
        fd.close()


def fill(fd: StreamFD, peer: socket.socket | StreamFD) -> int:
    """Write until the connection takes nothing more, now or later; return how much it took.

    Where a peer has room that it has not told of, or may still give itself more, what it refused is
    sent again some 0.2 s later and finds a place: with a receive buffer this small it does not.
    """
    fd.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 16)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 14)
    taken = 0
    fd.settimeout(0)
    try:
        while True:
            taken += fd.write(bytes(1 << 20))
    except netpoll.DeadlineExceeded as error:
        taken += error.bytes_written
    finally:
        fd.settimeout(None)
    return taken


def receive_exactly(peer: socket.socket, size: int) -> bytes:
    """Return so many bytes from a socket of the system, or fewer at the end of the stream."""
    data = bytearray()
    while len(data) < size and (more := peer.recv(size - len(data))):
        data += more
    return bytes(data)


@contextmanager
def connecting() -> Iterator[tuple[StreamFD, bytes]]:
    """Return a socket and an address that does not answer: a listener whose backlog is full."""
    with socket.create_server((HOST, 0), backlog=0) as full:
        address = full.getsockname()
        with socket.create_connection(address, timeout=PATIENCE):
            fd = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
            try:
                yield fd, raw(address)
            finally:
                fd.close()

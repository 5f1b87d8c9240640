"""Connections whose two ends are both here, of each kind."""

import socket
from collections.abc import Iterator
from contextlib import contextmanager

from netpoll import net

Ends = tuple[net.Conn, net.Conn]


@contextmanager
def over_tcp() -> Iterator[Ends]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial("tcp", listener.local_addr)
        with near, listener.accept() as far:
            yield near, far


@contextmanager
def over_unix() -> Iterator[Ends]:
    near, far = (net.from_fd(end.detach()) for end in socket.socketpair())
    assert isinstance(near, net.UnixConn)
    assert isinstance(far, net.UnixConn)
    with near, far:
        yield near, far


@contextmanager
def in_memory() -> Iterator[Ends]:
    near, far = net.pipe()
    with near, far:
        yield near, far

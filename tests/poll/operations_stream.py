"""The operations of StreamFD and ListenFD that park; see operations.py."""

from collections.abc import Iterator
from contextlib import contextmanager

from netpoll._poll.fd import FD
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.poll.operation import Blocked, Operation


@contextmanager
def reading() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: fd.read_bytes(100)


@contextmanager
def reading_much() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: fd.read_bytes(1 << 20)


@contextmanager
def reading_into() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: fd.readinto(bytearray(100))


@contextmanager
def reading_into_several() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: fd.readv([bytearray(50), bytearray(50)])


@contextmanager
def reading_when_drained() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer):
        peer.sendall(b"x")
        fd.read_bytes(100)
        yield fd, lambda: fd.read_bytes(100)


@contextmanager
def writing() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        yield fd, lambda: fd.write(b"more")


@contextmanager
def writing_gathered() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        yield fd, lambda: fd.writev([b"still", b"more"])


@contextmanager
def accepting() -> Iterator[tuple[ListenFD, Operation]]:
    with tcp.listening() as (fd, _):
        yield fd, fd.accept


@contextmanager
def connecting() -> Iterator[tuple[FD, Operation]]:
    with tcp.connecting() as (fd, address):
        yield fd, lambda: fd.connect(address)


READS: list[Blocked] = [
    reading,
    reading_much,
    reading_into,
    reading_into_several,
    reading_when_drained,
]
WRITES: list[Blocked] = [writing, writing_gathered]
ACCEPTS: list[Blocked] = [accepting]
CONNECTS: list[Blocked] = [connecting]

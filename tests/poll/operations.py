"""Every operation of a descriptor that parks, on a descriptor where it does."""

import os
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from netpoll._poll.fd import FD
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.raw import raw_read, raw_write
from netpoll._poll.stream_fd import StreamFD
from tests import tcp

Operation = Callable[[], object]
Blocked = Callable[[], AbstractContextManager[tuple[FD, Operation]]]


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
def reading_by_hand() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: raw_read(fd, lambda number: os.read(number, 100))


@contextmanager
def writing_by_hand() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        yield fd, lambda: raw_write(fd, lambda number: os.write(number, b"more"))


@contextmanager
def accepting() -> Iterator[tuple[ListenFD, Operation]]:
    with tcp.listening() as (fd, _):
        yield fd, fd.accept


@contextmanager
def connecting() -> Iterator[tuple[FD, Operation]]:
    with tcp.connecting() as (fd, address):
        yield fd, lambda: fd.connect(address)


READS: list[Blocked] = [reading, reading_much, reading_into, reading_when_drained]
WRITES: list[Blocked] = [writing, writing_gathered]
CALLS: list[Blocked] = [*READS, *WRITES, accepting, connecting]
BY_HAND: list[Blocked] = [reading_by_hand, writing_by_hand]
ALL: list[Blocked] = [*CALLS, *BY_HAND]


def name_of(blocked: Blocked) -> str:
    return blocked.__name__


def raised(operation: Operation) -> BaseException:
    """Return what an operation raises; it must raise."""
    try:
        result = operation()
    except BaseException as exception:  # noqa: BLE001 - the test looks at it
        return exception
    raise AssertionError(f"returned {result!r}")

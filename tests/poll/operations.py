"""Every operation of a descriptor that parks, on a descriptor where it does."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager

from netpoll._poll.fd import FD
from netpoll._poll.listen_fd import ListenFD
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
ALL: list[Blocked] = [*READS, *WRITES, accepting, connecting]


def name_of(blocked: Blocked) -> str:
    return blocked.__name__


def raised(operation: Operation) -> BaseException:
    """Return what an operation raises; it must raise."""
    try:
        result = operation()
    except BaseException as exception:  # noqa: BLE001 - the test looks at it
        return exception
    raise AssertionError(f"returned {result!r}")

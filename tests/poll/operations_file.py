"""The operations of pipes and of copying that park; see operations.py."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

import netpoll
from netpoll._poll.pipe_fd import PipeFD
from netpoll._poll.sendfile import sendfile
from netpoll._poll.splice import Relay
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.poll.operation import Blocked, Operation


def adopted(number: int) -> PipeFD:
    fd = PipeFD.adopt(number)
    assert fd is not None
    return fd


@contextmanager
def piped() -> Iterator[tuple[PipeFD, PipeFD]]:
    """Return the end of a pipe to read from and the one to write to."""
    reads, writes = (adopted(number) for number in os.pipe())
    try:
        yield reads, writes
    finally:
        reads.close()
        writes.close()


def fill(fd: StreamFD) -> None:
    """Write until no more is taken."""
    fd.settimeout(0)
    try:
        while True:
            fd.write(bytes(1 << 16))
    except netpoll.DeadlineExceeded:
        fd.settimeout(None)


@contextmanager
def reading_a_pipe() -> Iterator[tuple[PipeFD, Operation]]:
    with piped() as (fd, _):
        yield fd, lambda: fd.read_bytes(100)


@contextmanager
def reading_a_pipe_into_several() -> Iterator[tuple[PipeFD, Operation]]:
    with piped() as (fd, _):
        yield fd, lambda: fd.readv([bytearray(50), bytearray(50)])


@contextmanager
def writing_a_pipe() -> Iterator[tuple[PipeFD, Operation]]:
    with piped() as (_, fd):
        fill(fd)
        yield fd, lambda: fd.write(b"more")


@contextmanager
def writing_a_pipe_gathered() -> Iterator[tuple[PipeFD, Operation]]:
    with piped() as (_, fd):
        fill(fd)
        yield fd, lambda: fd.writev([b"still", b"more"])


@contextmanager
def sending_a_file() -> Iterator[tuple[StreamFD, Operation]]:
    with tempfile.TemporaryFile() as file, tcp.end() as (fd, peer):
        file.write(bytes(1000))
        file.flush()
        tcp.fill(fd, peer)
        yield fd, lambda: sendfile(fd, file.fileno(), 0)


@contextmanager
def splicing_from() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        relay = Relay()
        yield fd, lambda: relay.fill(fd, 1000)


@contextmanager
def splicing_to() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer), tcp.end() as (source, feeder):
        relay = Relay()
        feeder.sendall(b"more")
        relay.fill(source, 1000)
        tcp.fill(fd, peer)
        yield fd, lambda: relay.pump(fd)


READS: list[Blocked] = [reading_a_pipe, reading_a_pipe_into_several, splicing_from]
WRITES: list[Blocked] = [writing_a_pipe, writing_a_pipe_gathered, sending_a_file, splicing_to]

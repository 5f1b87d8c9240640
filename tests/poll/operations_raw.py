"""Operations that call a function of the caller's own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

from netpoll._poll.raw import raw_read, raw_write
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.poll.operation import Blocked, Operation


@contextmanager
def reading_by_hand() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, _):
        yield fd, lambda: raw_read(fd, lambda number: os.read(number, 100))


@contextmanager
def writing_by_hand() -> Iterator[tuple[StreamFD, Operation]]:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        yield fd, lambda: raw_write(fd, lambda number: os.write(number, b"more"))


RAW_READS: list[Blocked] = [reading_by_hand]
RAW_WRITES: list[Blocked] = [writing_by_hand]

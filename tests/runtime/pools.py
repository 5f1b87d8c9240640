"""Pools of threads for tests."""

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from netpoll import blocking, go
from netpoll._runtime.threads import BlockingPool


class Wrong(Exception):
    pass


@contextmanager
def pool_of(most: int, idle_timeout: float = 10) -> Iterator[BlockingPool]:
    """Return a pool that is closed at the end, all of whose threads have to leave then."""
    with BlockingPool(most, idle_timeout=idle_timeout) as pool:
        yield pool
    eventually(lambda: pool.threads == 0)


def eventually(holds: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < end, "it does not come about"
        time.sleep(0.0005)


@contextmanager
def all_busy(pool: BlockingPool, count: int) -> Iterator[None]:
    """Have so many threads of a pool at work."""
    stop = threading.Event()
    begun = threading.Barrier(count + 1)

    def work() -> None:
        begun.wait(10)
        stop.wait(10)

    busy = [go(pool.call, work) for _ in range(count)]
    blocking(begun.wait, 10)
    try:
        yield
    finally:
        stop.set()
        for each in busy:
            each.join()

"""gevent: its greenlets."""

import gevent

from benchmarks.tasks.measured import BATCH, STEP, chosen, measure


def nothing() -> None:
    """Be a greenlet that ends at once."""


def yield_often(times: int) -> None:
    """Let the others run, again and again."""
    for _ in range(times):
        gevent.sleep(0)


def switch(operations: int) -> None:
    """Switch between three greenlets."""
    gevent.joinall([gevent.spawn(yield_often, operations // 3) for _ in range(3)])


def spawn(operations: int) -> None:
    """Start a hundred at a time."""
    for _ in range(operations // BATCH):
        for _ in range(BATCH):
            gevent.spawn(nothing)
        gevent.sleep(0)


def join(operations: int) -> None:
    """Start one and wait for its end."""
    for _ in range(operations):
        gevent.spawn(nothing).join()


def million(operations: int) -> None:
    """Start them all, then wait for each."""
    greenlets = [gevent.spawn(nothing) for _ in range(operations)]
    for greenlet in greenlets:
        greenlet.join()


def sleep_all(operations: int) -> None:
    """Let them all sleep at the same time."""
    greenlets = [gevent.spawn(gevent.sleep, STEP * i) for i in range(operations)]
    for greenlet in greenlets:
        greenlet.join()


KINDS = {"switch": switch, "spawn": spawn, "join": join, "million": million, "sleep": sleep_all}

if __name__ == "__main__":
    kind, number = chosen()
    measure(KINDS[kind], number)

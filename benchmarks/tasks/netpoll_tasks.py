"""netpoll: goroutines."""

from benchmarks.tasks.measured import BATCH, STEP, chosen, measure
from netpoll import go, gosched, run, sleep


def nothing() -> None:
    """Be a goroutine that ends at once."""


def yield_often(times: int) -> None:
    """Let the others run, again and again."""
    for _ in range(times):
        gosched()


def switch(operations: int) -> None:
    """Switch between three goroutines."""
    goroutines = [go(yield_often, operations // 3) for _ in range(3)]
    for goroutine in goroutines:
        goroutine.join()


def spawn(operations: int) -> None:
    """Start a hundred at a time."""
    for _ in range(operations // BATCH):
        for _ in range(BATCH):
            go(nothing)
        gosched()


def join(operations: int) -> None:
    """Start one and wait for its end."""
    for _ in range(operations):
        go(nothing).join()


def million(operations: int) -> None:
    """Start them all, then wait for each."""
    goroutines = [go(nothing) for _ in range(operations)]
    for goroutine in goroutines:
        goroutine.join()


def sleep_all(operations: int) -> None:
    """Let them all sleep at the same time."""
    goroutines = [go(sleep, STEP * i) for i in range(operations)]
    for goroutine in goroutines:
        goroutine.join()


KINDS = {"switch": switch, "spawn": spawn, "join": join, "million": million, "sleep": sleep_all}

if __name__ == "__main__":
    kind, number = chosen()
    run(measure, KINDS[kind], number)

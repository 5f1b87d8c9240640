"""greenlet alone, without anything that decides who runs: what netpoll's goroutines are made of."""

from greenlet import getcurrent, greenlet

from benchmarks.tasks.measured import chosen, measure


def nothing() -> None:
    """Be a greenlet that ends at once."""


def switch(operations: int) -> None:
    """Switch between three greenlets, this one and two others."""

    def go_round(to: greenlet) -> None:
        while True:
            to.switch()

    last = greenlet(go_round)
    middle = greenlet(go_round)
    last.switch(getcurrent())
    middle.switch(last)
    for _ in range(operations // 3):
        middle.switch()


def spawn(operations: int) -> None:
    """Start one and run it to its end."""
    for _ in range(operations):
        greenlet(nothing).switch()


def million(operations: int) -> None:
    """Make them all, then run each to its end."""
    greenlets = [greenlet(nothing) for _ in range(operations)]
    for each in greenlets:
        each.switch()


KINDS = {"switch": switch, "spawn": spawn, "million": million}

if __name__ == "__main__":
    kind, number = chosen()
    measure(KINDS[kind], number)

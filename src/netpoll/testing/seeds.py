"""Orders of goroutines that a number determines, and how to try many of them.

In a shuffled order, the goroutine that runs next is drawn from all that can run, and how long it
may go on without parking is drawn too; so is the choice of `select` among several cases. The
numbers are those of a generator that starts from the seed: what a program of goroutines does
depends on the seed alone, as far as it is left to itself. Threads, peers outside and the real time
are not (see virtual_clock).

Source: go1.27 runtime/proc.go (randomizeScheduler), trio _core/_run.py (batches in random order).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from netpoll._runtime.lifecycle import run
from netpoll.testing import _thread, failures

WORD = (1 << 64) - 1


def _state(seed: int) -> int:
    """Return what a generator of 64 bits starts from; neighbouring seeds give no similar ones."""
    # splitmix64, as Vigna proposes for it.
    word = (seed + 1) * 0x9E3779B97F4A7C15 & WORD
    word = (word ^ word >> 30) * 0xBF58476D1CE4E5B9 & WORD
    word = (word ^ word >> 27) * 0x94D049BB133111EB & WORD
    return word ^ word >> 31 or 1


@contextmanager
def shuffled(seed: int) -> Iterator[None]:
    """Have this thread's goroutines run in an order that depends on `seed` alone, for a block.

    Also around `run`, each of which begins anew with the seed, and as a decorator.
    """
    before = _thread.set_seed(_state(seed))
    try:
        yield
    finally:
        _thread.set_seed(before)


def each_seed(fn: Callable[[], object], n: int = 1000, *, first: int = 0) -> None:
    """Run `fn` n times in n orders, each time as main of a run of its own.

    Those of the seeds from `first` on. The first failure ends it: fn's exception, or that of a
    goroutine that nobody joined, with a note of the seed; `shuffled(seed)` around a run of fn
    repeats it. RuntimeError within a run.
    """
    for seed in range(first, first + n):
        try:
            with shuffled(seed), failures.heard():
                run(fn)
        except BaseException as exception:
            exception.add_note(f"in the order of seed {seed}, which shuffled({seed}) repeats")
            raise

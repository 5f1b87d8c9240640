"""Functions beside one another, of which all are over when the call returns."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TypeVar

from netpoll._runtime.goroutine import Goroutine
from netpoll._runtime.lifecycle import check_plain
from netpoll.errors import GoroutineCancelled
from netpoll.sync.group import Group

T = TypeVar("T")
R = TypeVar("R")


def race(*fns: Callable[[], T]) -> T:
    """Call the functions beside one another; return the result of the first that returns.

    Parks. The others are cancelled and waited for; what they return or raise is dropped then, so
    one that opens something closes it when it raises Cancelled. If each raises an Exception, these
    come out as an ExceptionGroup, in the order of their time, and after them a GoroutineCancelled
    for each that somebody else has cancelled; another kind of exception ends the race at once.
    ValueError without a function.

    Source: trio's documentation of nurseries, race; std::future select_ok of Rust's futures.
    """
    if not fns:
        raise ValueError("a race needs at least one function")
    for fn in fns:
        check_plain("race", fn)
    won: list[T] = []
    failures: list[Exception] = []
    with Group() as group:

        def attempt(fn: Callable[[], T]) -> None:
            try:
                result = fn()
            except Exception as failure:  # noqa: BLE001 - the others may do better
                failures.append(failure)
            else:
                won.append(result)
                group.cancel("another one has won the race")

        runners = [group.go(attempt, fn) for fn in fns]
    if won:
        return won[0]
    failures += filter(None, map(_cancellation_of, runners))
    try:
        raise ExceptionGroup("all in the race have failed", failures)
    finally:
        failures = []  # their tracebacks have frames, which have this list


def _cancellation_of(goroutine: Goroutine[None]) -> GoroutineCancelled | None:
    """Return what a join of one that has ended raises, if it has ended by its cancellation."""
    try:
        goroutine.join()
    except GoroutineCancelled as cancelled:
        return cancelled
    return None


def map_concurrent(
    fn: Callable[[T], R], items: Iterable[T], *, limit: int | None = None
) -> list[R]:
    """Call `fn(item)` for each item beside one another; return the results in the items' order.

    Parks until all are done. limit: how many run at once, and how far ahead the items are taken;
    None: all. The first failure, of fn or of the items, cancels the rest and comes out, several as
    an ExceptionGroup: see Group.

    A list, since an iterator that somebody drops half-way would leave goroutines behind. For items
    without end, start them in a Group with a limit, and send what they find into a Chan.

    Source: concurrent.futures Executor.map.
    """
    with Group(limit) as group:
        started = [group.go(fn, item) for item in items]
    return [goroutine.join() for goroutine in started]

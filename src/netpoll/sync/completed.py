"""Goroutines in the order in which they end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from netpoll._runtime.goroutine import Goroutine
from netpoll.sync.completions import Completions, moment_of

T = TypeVar("T")


def as_completed(
    goroutines: Iterable[Goroutine[T]], timeout: float | None = None
) -> Iterator[Goroutine[T]]:
    """Yield each goroutine once it has ended, in the order of their ends; those that have, first.

    Each next parks, and all together for at most `timeout` seconds: TimeoutError after that. The
    goroutines are not joined: what one has raised is still to be asked for. One that is given twice
    comes once. Any thread's goroutines.

    Source: concurrent.futures.as_completed.
    """
    return _each(Completions(goroutines), moment_of(timeout))


def _each(completions: Completions, until: int) -> Iterator[Goroutine[T]]:
    try:
        while (ended := completions.next(until)) is not None:
            yield ended
    finally:
        completions.forget()

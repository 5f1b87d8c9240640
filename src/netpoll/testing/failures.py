"""Exceptions of goroutines that nobody joins: in a test they are failures, and not only printed."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import netpoll
from netpoll._runtime import report
from netpoll._runtime.goroutine import Goroutine


@contextmanager
def heard() -> Iterator[None]:
    """Raise at the end of the block what goroutines have raised and nobody joined.

    Several as a group. If the block raises itself, they are notes of that. Where the program has
    assigned an excepthook, that one hears of them as ever.
    """
    hook = netpoll.excepthook
    if hook is not report.excepthook:
        yield
        return
    seen: list[BaseException] = []

    def hear(goroutine: Goroutine, exception: BaseException) -> None:
        exception.add_note(f"in goroutine {report.describe(goroutine)}, which nobody joined")
        seen.append(exception)

    netpoll.excepthook = hear
    try:
        yield
    except BaseException as exception:
        for each in seen:
            exception.add_note("".join(report.formatted(each)).rstrip())
        raise
    finally:
        netpoll.excepthook = hook
    if len(seen) == 1:
        raise seen[0]
    if seen:
        raise BaseExceptionGroup("goroutines that nobody joined have failed", seen)

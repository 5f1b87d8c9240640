"""Whether anybody is left who could wake goroutines that wait for one another.

What goroutines of one thread wait for in locks and channels, those of another may bring about, and
so may any plain thread that has these objects. So a deadlock is the last thread's to find:

    the other threads                             there is
    each is stuck as well, or without work        a deadlock, of all of them
    one has a scheduler that is not stuck         hope: it will be stuck, or end, and look
    one is a plain thread                         hope, looked at again after a while

A plain thread tells nobody that it ends; hence the looks, ever more seldom, and none where
goroutines wait for nothing that another thread could reach.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from netpoll._runtime.scheduler import Scheduler

FIRST_LOOK = 50_000_000
LAST_LOOK = 60_000_000_000
"""Nanoseconds until the second look, which double up to these."""

_schedulers: dict[int, weakref.ref[Scheduler]] = {}
"""Those of the threads that have one, by the threads' numbers; see ending.own."""

without_work: set[int] = set()
"""The numbers of the runtime's own threads that wait for work, which only goroutines give them."""


def patience(before: int) -> int:
    """Return for how long (ns) to wait for other threads; < 0 for ever, 0 if they can do nothing.

    before: what was returned last time, 0 if something has happened since.
    """
    forever = False
    for thread in threading.enumerate():
        ident = thread.ident
        if ident == threading.get_ident() or ident in without_work:
            continue
        of_it = _schedulers.get(ident or 0)
        other = of_it() if of_it is not None else None
        if other is None:
            return min(max(2 * before, FIRST_LOOK), LAST_LOOK)
        forever = forever or not other.stuck
    return -1 if forever else 0


def scheduler_of(ident: int) -> Scheduler | None:
    """Return the scheduler of a thread, None if it has none."""
    of_it = _schedulers.get(ident)
    found = None if of_it is None else of_it()
    return None if found is None or found.closed else found


def schedulers() -> list[tuple[int, Scheduler]]:
    """Return all that are open, each with the number of its thread."""
    found = [(ident, of_it()) for ident, of_it in list(_schedulers.items())]
    return [(ident, one) for ident, one in found if one is not None and not one.closed]


def stuck_too(scheduler: Scheduler) -> list[Scheduler]:
    """Return the schedulers of other threads that are in the same deadlock."""
    others = [of_it() for of_it in list(_schedulers.values())]
    return [
        other
        for other in others
        if other is not None and other is not scheduler and not other.closed and other.stuck
    ]


def thread_of(scheduler: Scheduler) -> int | None:
    """Return the number of the thread that has this scheduler, None if there is none any more."""
    for ident, of_it in list(_schedulers.items()):
        if of_it() is scheduler:
            return ident
    return None


def after_fork() -> None:
    """In the child: there is no other thread."""
    own = _schedulers.get(threading.get_ident())
    _schedulers.clear()
    without_work.clear()
    if own is not None:
        _schedulers[threading.get_ident()] = own

"""Whether anybody is left who could wake goroutines that wait for one another.

What goroutines of one thread wait for in locks and channels, those of another may bring about, and
so may any plain thread that has these objects. So a deadlock is the last thread's to find:

    the other threads                             there is
    each is stuck as well, or without work        a deadlock, of all of them
    one has a scheduler that is not stuck         hope: it will be stuck, or end, and look
    one is a plain thread                         hope, looked at again after a while

A plain thread tells nobody that it ends; hence the looks, ever more seldom, and none where
goroutines wait for nothing that another thread could reach.

While it is found out which threads there are, they run: what was found holds if nobody has moved
since, see standstill.pyx. Of several threads that look at the same time one tells all the others.
"""

from __future__ import annotations

import threading
import weakref
from typing import TYPE_CHECKING

from netpoll._runtime.standstill import claim, is_stuck, still, turns

if TYPE_CHECKING:
    from netpoll._runtime.scheduler import Scheduler

FIRST_LOOK = 50_000_000
LAST_LOOK = 60_000_000_000
"""Nanoseconds until the second look, which double up to these."""
SOON = 1_000_000
"""The same where somebody has moved during the look, up to FIRST_LOOK."""

_schedulers: dict[int, weakref.ref[Scheduler]] = {}
"""Those of the threads that have one, by the threads' numbers; see ending.own."""

without_work: set[int] = set()
"""The numbers of the runtime's own threads that wait for work, which only goroutines give them."""


def look(scheduler: Scheduler, before: int) -> int:
    """Return for how long (ns) to wait for other threads; < 0 for ever, 0 if there is a deadlock.

    That is claimed then: this scheduler, and no other, is to tell all who are in it. before: what
    was returned last time, 0 if something has happened since.
    """
    delay = _patience(before)
    if delay:
        return delay  # as nearly always: so nothing was noted for it
    noted, idle = _note(scheduler)
    if not _patience(before) and claim(scheduler, noted, idle, without_work):
        return 0
    return min(max(2 * before, SOON), FIRST_LOOK)


def hopeless(scheduler: Scheduler) -> bool:
    """Tell whether other threads can do nothing for this one, which has nothing to run."""
    noted, idle = _note(scheduler)
    return not _patience(0) and still(scheduler, noted, idle, without_work)


def _note(scheduler: Scheduler) -> tuple[list[tuple[Scheduler, int]], frozenset[int]]:
    """Return the turns of the others, and which threads have no work and so no say."""
    idle = frozenset(without_work)
    others = [other for ident, other in schedulers() if ident not in idle]
    return turns(scheduler, others), idle


def _patience(before: int) -> int:
    """Return for how long to wait for the threads that there are; 0 if all of them are stuck."""
    forever = False
    for thread in threading.enumerate():
        ident = thread.ident
        if ident == threading.get_ident() or ident in without_work:
            continue
        of_it = _schedulers.get(ident or 0)
        other = of_it() if of_it is not None else None
        if other is None:
            return min(max(2 * before, FIRST_LOOK), LAST_LOOK)
        forever = forever or not is_stuck(other)
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

"""What a test has set for the schedulers of its thread: the present one and those of later runs.

    setting      what a scheduler does by it                      set by
    seed         takes those that can run in a shuffled order     shuffled
    on_idle      calls it in the place of a wait                  clock and wait_all_parked

Each thread has its own.
"""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable

from netpoll._runtime import lifecycle
from netpoll._runtime.scheduler import Scheduler, attached_scheduler
from netpoll.sync.select import seed as seed_select


class _Settings(threading.local):
    seed: int = 0
    on_idle: Callable[[int | None], object] | None = None
    grace: int = 0


_settings = _Settings()


def _apply(scheduler: Scheduler) -> None:
    if _settings.seed:
        _shuffle(scheduler, _settings.seed)
    scheduler.set_on_idle(_settings.on_idle, _settings.grace)


def _shuffle(scheduler: Scheduler | None, seed: int) -> None:
    if scheduler is not None:
        scheduler.set_shuffle(seed)
    # There is one generator for all threads, and none of its seeds leaves it as it would have been.
    seed_select(seed or secrets.randbits(64))


def set_seed(seed: int) -> int:
    """Have this thread's goroutines run in the order of a seed, 0: their own; return the last."""
    before = _settings.seed
    _settings.seed = seed
    _shuffle(attached_scheduler(), seed)
    return before


def set_on_idle(fn: Callable[[int | None], object] | None, grace: int = 0) -> None:
    """Have this thread's schedulers call `fn` in the place of a wait; see Scheduler.set_on_idle."""
    _settings.on_idle = fn
    _settings.grace = grace
    scheduler = attached_scheduler()
    if scheduler is not None:
        scheduler.set_on_idle(fn, grace)


lifecycle.on_attach.append(_apply)

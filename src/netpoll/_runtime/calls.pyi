from collections.abc import Callable
from typing import Any, Self, TypeVar, final

from typing_extensions import disjoint_base

from netpoll._runtime.latch import Latch
from netpoll._runtime.scheduler import Scheduler

_T = TypeVar("_T")

@final
class Call(Latch):
    """A function that is to run on a thread, and its outcome. Opens when that is there."""

@final
class Hand:
    """A thread that serves calls."""

    def __new__(cls, crew: Crew) -> Self: ...

@disjoint_base
class Crew:
    """Calls, and the threads that serve them. `start_thread(hand)` begins one."""

    def __init__(self, start_thread: Callable[[Hand], None]) -> None:
        """Have no thread and no call."""

    @property
    def closed(self) -> bool: ...
    @property
    def threads(self) -> int:
        """How many threads there are."""

    @property
    def idle(self) -> int:
        """How many of them have nothing to do."""

    @property
    def queued(self) -> int:
        """How many calls wait for a thread."""

    def run(
        self,
        fn: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        disposal: Callable[[_T], object] | None,
    ) -> _T:
        """Run `fn(*args, **kwargs)` on one of the threads and return its result. Parks."""

    def limit(self, most: int, patience: float | None) -> None: ...
    def close(self) -> None:
        """Take no more calls; those that were made are served. Does not park."""

    def renew(self) -> None:
        """Have no thread and no call, in a child: both are the parent's."""

def serve(hand: Hand) -> None:
    """Serve calls until there are none: what a thread of the pool does."""

def calling_scheduler() -> Scheduler | None:
    """Return the scheduler of the goroutine whose call this thread serves, or None."""

def is_abandoned() -> bool:
    """Tell whether this thread serves a call that nobody waits for any more."""

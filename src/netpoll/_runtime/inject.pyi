from collections.abc import Callable
from typing import Any, TypeVar

from netpoll._runtime.goroutine import Goroutine
from netpoll._runtime.scheduler import Scheduler

_T = TypeVar("_T")

def start(
    s: Scheduler, fn: Callable[..., _T], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> Goroutine[_T]:
    """Start a goroutine on this scheduler, from any thread. RuntimeError if that has ended."""

def has_ended(s: Scheduler) -> bool:
    """Tell whether its main has ended: from outside, no goroutine can be started there any more."""

def scheduler_of_main() -> Scheduler | None:
    """Return the scheduler of the process's main thread, None if it has none."""

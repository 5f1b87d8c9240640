from collections.abc import Callable
from typing import ParamSpec, TypeVar, final

from netpoll._runtime.g import Watcher
from netpoll._runtime.goroutine import Goroutine
from netpoll.sync.line import Shared

_P = ParamSpec("_P")
_T = TypeVar("_T")

@final
class WaitGroup(Shared):
    """A number of tasks that are to be done, and who waits for it. Any thread.

    Source: go1.27 sync/waitgroup.go WaitGroup.
    """

    @property
    def count(self) -> int:
        """How many tasks are not done yet."""

    def add(self, n: int = 1) -> None:
        """Count n more tasks, or fewer if n is negative. RuntimeError, and no change, below zero.

        At zero, all who wait go on. Never parks. Count a task before it is started, not in it.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Add.
        """

    def done(self) -> None:
        """Count one task as done. RuntimeError if there is none. Never parks.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Done.
        """

    def wait(self, timeout: float | None = None) -> None:
        """Wait until all tasks are done, for at most `timeout` seconds: TimeoutError after that.

        Parks if there are any; raises Cancelled then, and only then.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Wait.
        """

    def go(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
        """Start `fn(*args, **kwargs)` as a goroutine that is one of the tasks; return it.

        The task is done when the goroutine has ended, in whatever way: also if fn raises, and if it
        is cancelled before it has begun. Otherwise as `netpoll.go`.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Go.
        """

@final
class Task(Watcher):
    """One goroutine that a WaitGroup counts: done when that is dead, also if it never began."""

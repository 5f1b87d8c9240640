from collections.abc import Iterable
from typing import Any, Self, final

from netpoll._runtime.g import Watcher
from netpoll._runtime.goroutine import Goroutine
from netpoll.sync.line import Shared

@final
class Completion(Watcher):
    """One that is waited for."""

@final
class Completions(Shared):
    """Goroutines, for one goroutine that takes them as they end."""

    def __new__(cls, goroutines: Iterable[Goroutine[Any]]) -> Self: ...
    def next(self, deadline: int) -> Goroutine[Any] | None:
        """Return the next one that has ended, None once there are no more.

        Parks until there is one, up to a moment in ns (0: none): TimeoutError after that.
        """

    def forget(self) -> None:
        """Wait for none of them any more."""

def moment_of(timeout: float | None) -> int:
    """Return when so many seconds are over, in ns on the clock of the runtime; 0 for None."""

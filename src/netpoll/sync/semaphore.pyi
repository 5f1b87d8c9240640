from types import TracebackType
from typing import Self, final

from netpoll.sync.line import Shared

@final
class Semaphore(Shared):
    """`capacity` units, one at least, all free at first; who wants more than that waits in line.

    For `with`, which takes one unit, or `holding(k)`. First in, first out, whatever the number of
    units. A goroutine that is cancelled while it waits gets none. Any thread.

    Source: golang.org/x/sync semaphore.Weighted.
    """

    def __new__(cls, capacity: int) -> Self: ...
    @property
    def capacity(self) -> int: ...
    @property
    def free(self) -> int: ...
    def acquire(self, k: int = 1, timeout: float | None = None) -> None:
        """Take k units, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks if fewer are free or somebody waits already; raises Cancelled then, and only then.
        ValueError for k < 1 and for more than there are, which would wait for ever.

        Source: golang.org/x/sync semaphore.Weighted.Acquire.
        """

    def try_acquire(self, k: int = 1) -> bool:
        """Take k units if so many are free and nobody waits; tell whether that was so.

        Source: golang.org/x/sync semaphore.Weighted.TryAcquire.
        """

    def release(self, k: int = 1) -> None:
        """Give k units back. RuntimeError if fewer are taken, ValueError for k < 1. Never parks.

        Source: golang.org/x/sync semaphore.Weighted.Release.
        """

    def holding(self, k: int = 1, timeout: float | None = None) -> Holding:
        """Return what `with` holds k units by; it may be used any number of times."""

    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

@final
class Holding:
    """Some units of a Semaphore, for `with`."""

    def __new__(cls, semaphore: Semaphore, k: int, timeout: float | None) -> Self: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

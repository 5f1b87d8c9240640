from types import TracebackType
from typing import Self, final

from netpoll.sync.line import Shared

@final
class RWMutex(Shared):
    """A lock that one writer has alone, or any number of readers together; they take turns.

    For `with` there are `reading` and `writing`. Not reentrant: who reads and reads once more waits
    for ever if a writer has come in between. Otherwise as Mutex. Any thread.

    Source: go1.27 sync/rwmutex.go RWMutex.
    """

    @property
    def locked(self) -> bool:
        """Whether a writer has it."""

    @property
    def readers(self) -> int:
        """How many read."""

    def rlock(self, timeout: float | None = None) -> None:
        """Lock for reading, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks while a writer has the lock or waits for it; raises Cancelled then, and only then.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RLock.
        """

    def try_rlock(self) -> bool:
        """Lock for reading if no writer has the lock or waits for it; tell whether that was so.

        Source: go1.27 sync/rwmutex.go (*RWMutex).TryRLock.
        """

    def runlock(self) -> None:
        """End one `rlock`. RuntimeError if nobody reads. Never parks.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RUnlock.
        """

    def lock(self, timeout: float | None = None) -> None:
        """Lock for writing, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks while anybody has the lock; raises Cancelled then, and only then.

        Source: go1.27 sync/rwmutex.go (*RWMutex).Lock.
        """

    def try_lock(self) -> bool:
        """Lock for writing if nobody has the lock; tell whether that was so. Does not wait.

        Source: go1.27 sync/rwmutex.go (*RWMutex).TryLock.
        """

    def unlock(self) -> None:
        """End a `lock`. RuntimeError if no writer has it. Never parks.

        Source: go1.27 sync/rwmutex.go (*RWMutex).Unlock.
        """

    def reading(self, timeout: float | None = None) -> Side:
        """Return what `with` locks for reading; it may be used any number of times.

        Source: go1.27 sync/rwmutex.go (*RWMutex).RLocker.
        """

    def writing(self, timeout: float | None = None) -> Side:
        """Return what `with` locks for writing; it may be used any number of times."""

@final
class Side:
    """One of the two ways to hold an RWMutex, for `with`."""

    def __new__(cls, mutex: RWMutex, grant: int, timeout: float | None) -> Self: ...
    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

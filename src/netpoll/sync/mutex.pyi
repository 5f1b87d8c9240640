from types import TracebackType
from typing import final

from netpoll.sync.line import Shared

@final
class Mutex(Shared):
    """A lock that one goroutine at a time has; the others wait in line, first in, first out.

    For `with`. Not reentrant: who locks what it has itself waits for itself. Another goroutine may
    unlock it. One that is cancelled while it waits does not get it; one that ends without having
    unlocked it leaves it locked. Any thread, also one without goroutines.

    Source: go1.27 sync/mutex.go Mutex.
    """

    @property
    def locked(self) -> bool:
        """Whether anybody has it."""

    def lock(self, timeout: float | None = None) -> None:
        """Take the lock, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks if somebody has it; raises Cancelled then, and only then.

        Source: go1.27 sync/mutex.go (*Mutex).Lock.
        """

    def try_lock(self) -> bool:
        """Take the lock if nobody has it, and tell whether that was so. Does not wait.

        Source: go1.27 sync/mutex.go (*Mutex).TryLock.
        """

    def unlock(self) -> None:
        """Give the lock to the first in line, or back. RuntimeError if nobody has it. Never parks.

        Source: go1.27 sync/mutex.go (*Mutex).Unlock.
        """

    def __enter__(self) -> None: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...

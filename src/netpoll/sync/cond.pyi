from collections.abc import Callable
from typing import Self, TypeVar, final

from netpoll.sync.line import Shared
from netpoll.sync.mutex import Mutex

_T = TypeVar("_T")

@final
class Cond(Shared):
    """A place where goroutines wait for a change of what a Mutex protects. Any thread.

    Source: go1.27 sync/cond.go Cond.
    """

    def __new__(cls, mutex: Mutex) -> Self: ...
    @property
    def mutex(self) -> Mutex: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Unlock the mutex, wait for `signal` or `broadcast`, lock it again; all parks.

        False if `timeout` seconds passed first. Also when it raises Cancelled the mutex is locked
        again, for however long that takes. RuntimeError if the caller does not hold it. As between
        the signal and its return others may have changed everything: in a loop, or `wait_for`.

        Source: go1.27 sync/cond.go (*Cond).Wait.
        """

    def wait_for(self, predicate: Callable[[], _T], timeout: float | None = None) -> _T:
        """Wait until `predicate()`, called with the mutex locked, is true; return that.

        What it returned last, if `timeout` seconds passed first. Otherwise as `wait`.

        Source: threading.Condition.wait_for.
        """

    def signal(self) -> None:
        """Wake the first in line, if anybody waits. With the mutex locked or not. Never parks.

        Source: go1.27 sync/cond.go (*Cond).Signal.
        """

    def broadcast(self) -> None:
        """Wake all who wait; they lock the mutex in the order in which they came. Never parks.

        Source: go1.27 sync/cond.go (*Cond).Broadcast.
        """

from collections.abc import Callable
from types import TracebackType
from typing import ParamSpec, Self, TypeVar, final

from netpoll._runtime.g import Watcher
from netpoll._runtime.goroutine import Goroutine
from netpoll.sync.line import Shared

_P = ParamSpec("_P")
_T = TypeVar("_T")

@final
class Member(Watcher):
    """One goroutine of a group, for as long as it lives."""

@final
class Group(Shared):
    """Goroutines that end together, with the block that started them: `with Group() as group`.

    The end of the block waits for all of them. The first failure, of the block or of a member,
    cancels the others and the block. What comes out is that exception if it was the only one, or
    else an ExceptionGroup (BaseExceptionGroup) of all, in the order of their time. What the
    cancellation itself makes them raise is not among them, nor is the end of a member that somebody
    has cancelled. If the waiting block is cancelled, or there is a Ctrl-C, the members are
    cancelled and waited for, then that goes on; a second Ctrl-C leaves them behind, cancelled:
    its context is what has failed by then, and of later failures the excepthook is told.

    limit: so many members at once, at least 1; None: any number.

    Source: golang.org/x/sync errgroup.Group; trio open_nursery, asyncio.TaskGroup.
    """

    def __new__(cls, limit: int | None = None) -> Self: ...
    @property
    def count(self) -> int: ...
    @property
    def limit(self) -> int | None: ...
    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled, by `cancel` or by a failure."""

    def go(self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
        """Start `fn(*args, **kwargs)` as a member of the group; return the goroutine.

        With a limit: parks until there is a place, first come first served. In a group that is
        cancelled it starts nothing: the goroutine is cancelled before it begins. RuntimeError
        outside of the block. Any goroutine may call it, of any thread: the new one is of that
        thread. Otherwise as `netpoll.go`.

        Source: golang.org/x/sync errgroup (*Group).Go.
        """

    def try_go(
        self, fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs
    ) -> Goroutine[_T] | None:
        """Start a member if there is a place for it now: return the goroutine, or else None.

        There is none either while others wait for one. Does not park, but like all that tries, it
        lets the others have their turn now and then. Otherwise as `go`.

        Source: golang.org/x/sync errgroup (*Group).TryGo.
        """

    def cancel(self, reason: str | None = None) -> None:
        """Cancel the block and all members, those started later included. Any thread.

        That is no failure: the program goes on behind the block. reason: a text for the exception
        in the block. Does not park; nothing happens to a group that is over.
        """

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

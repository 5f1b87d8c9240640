from collections.abc import Callable
from types import FrameType, GenericAlias
from typing import Any, Generic, ParamSpec, TypeVar, final

import typing_extensions

from netpoll._runtime.g import G
from netpoll._runtime.scheduler import Scheduler

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = typing_extensions.TypeVar("_T_co", covariant=True, default=Any)

@final
class Goroutine(G, Generic[_T_co]):
    """A function running concurrently with others on its thread. Made by `go`.

    `join`, `cancel` and the properties may be used from any thread.
    """

    def __init__(self) -> None:
        """Raise TypeError: a goroutine is made by `go`."""

    def __class_getitem__(cls, item: Any, /) -> GenericAlias: ...
    @property
    def name(self) -> str:
        """The function's name and the id, unless set."""

    @name.setter
    def name(self, value: str) -> None: ...
    @property
    def done(self) -> bool:
        """True once the function has ended, in whatever way."""

    @property
    def state(self) -> str:
        """In words: new, runnable, running, "waiting: <what for>", done, failed, cancelled."""

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called, whether or not the goroutine has heard of it."""

    @property
    def waited(self) -> float | None:
        """For how many seconds it has waited in a queue, to some ms; None if it does not."""

    @property
    def origin(self) -> tuple[str, int] | None:
        """Where `go` was called: (file name, line), or None where that is not Python."""

    @property
    def stack(self) -> FrameType | None:
        """The topmost Python frame of a parked goroutine, None if it has none."""

    def join(self, timeout: float | None = None) -> _T_co:
        """Wait for the end; return the function's result or raise its exception.

        Parks, for at most `timeout` seconds: TimeoutError after that. GoroutineCancelled if the
        goroutine ended by its cancellation. RuntimeError when a goroutine joins itself. Any thread.
        `done` tells a timeout of the join from one that the function itself raised.
        """

    def cancel(self) -> None:
        """Make each further park of this goroutine raise Cancelled, the present one at once.

        One that has not begun never will. Does not park; nothing happens to one that is done. Any
        thread.
        """

def go(fn: Callable[_P, _T], /, *args: _P.args, **kwargs: _P.kwargs) -> Goroutine[_T]:
    """Start `fn(*args, **kwargs)` as a goroutine of this thread and return it at once.

    It begins when the caller parks or yields, after those started before it, in a copy of the
    caller's contextvars context. Does not park. What it raises goes to whoever joins it, or to
    `excepthook`.

    Source: go1.27 runtime/proc.go newproc.
    """

def current() -> Goroutine:
    """Return the calling goroutine; a thread that never started one is its own main goroutine."""

def gosched() -> None:
    """Let every goroutine that can run, run; then go on. Raises Cancelled like a park.

    Source: go1.27 runtime/proc.go Gosched.
    """

def sleep(seconds: float) -> None:
    """Park for `seconds`, never less; zero or less only yields. ValueError for a NaN."""

def adopt_current(s: Scheduler) -> None: ...

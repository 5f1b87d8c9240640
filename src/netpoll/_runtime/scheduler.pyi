from collections.abc import Callable
from types import FrameType, GenericAlias
from typing import Any, Generic, ParamSpec, Self, TypeVar, final

import typing_extensions
from typing_extensions import disjoint_base

from netpoll._runtime.g import G

_P = ParamSpec("_P")
_T = TypeVar("_T")
_T_co = typing_extensions.TypeVar("_T_co", covariant=True, default=Any)

@disjoint_base
class Scheduler:
    def __new__(cls) -> Self: ...
    @property
    def closed(self) -> bool: ...
    @property
    def in_run(self) -> bool: ...
    def goroutines(self) -> list[Goroutine]: ...
    def main_goroutine(self) -> Goroutine: ...
    def run(
        self,
        main: Callable[..., _T],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        end: Callable[[Scheduler], None],
    ) -> _T: ...
    def wait_for_others(self, grace: float) -> bool: ...
    def take_unjoined(self) -> list[tuple[Goroutine, BaseException]]: ...
    def shut(self) -> None: ...
    def strand(self, *, forked: bool = False) -> None: ...
    def after_fork(self) -> None: ...
    def forget(self) -> None: ...
    def interrupt(self, exception: BaseException) -> None: ...

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
        """In words: new, runnable, running, "waiting: <what for>", done."""

    @property
    def cancelled(self) -> bool:
        """True once `cancel` was called, whether or not the goroutine has heard of it."""

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

def park(timeout: float | None = None) -> bool:
    """Park the calling goroutine until `unpark`; return False if `timeout` seconds passed first.

    An `unpark` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """

def unpark(goroutine: Goroutine) -> None:
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""

def await_call() -> None: ...
def call_done(goroutine: Goroutine) -> None: ...
def attached_scheduler() -> Scheduler | None: ...
def ensure_scheduler() -> Scheduler: ...
def on_interrupt(signum: int, frame: FrameType | None) -> None: ...
def worker_body() -> None: ...
def spawner_body() -> None: ...

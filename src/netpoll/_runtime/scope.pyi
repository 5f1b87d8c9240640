from types import TracebackType
from typing import Self, final

from typing_extensions import disjoint_base

from netpoll._runtime.g import G

@disjoint_base
class ScopeWatcher: ...

@final
class CancelScope:
    """A block of code that can be given up from outside; made by `cancel_scope` and its like.

    A context manager, for one goroutine and one time. `cancel` and the properties may be used from
    any thread.
    """

    def __init__(self) -> None:
        """Raise TypeError: a scope is made by a function."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...
    def cancel(self, reason: str | None = None) -> None:
        """Make each further park in the block raise Cancelled, the present one at once.

        The exception ends where the block does, and the program goes on behind it. reason: a text
        for the exception. A block that has not begun is cancelled from its beginning on; nothing
        happens to one that has ended. Does not park. Any thread.
        """

    def why(self) -> str:
        """Return why a park in the block raises: what became of the outermost that ends it."""

    def text(self, g: G | None) -> str:
        """Return in words what became of the scope, in which g is or was."""

    @property
    def shielded(self) -> bool: ...
    @property
    def caught(self) -> bool: ...
    @property
    def cancelled(self) -> bool:
        """Whether it was cancelled, by `cancel` or by its time."""

    @property
    def expired(self) -> bool:
        """Whether it was its time that cancelled it."""

    @property
    def deadline(self) -> float | None:
        """When its time is over, on time.monotonic(); None: never. Settable until it is left."""

    @deadline.setter
    def deadline(self, when: float | None) -> None: ...

def cancel_scope(*, deadline: float | None = None, shield: bool = False) -> CancelScope:
    """Return a block, for `with`, that its `cancel` ends; the program goes on behind it.

    deadline: a moment on time.monotonic() at which that happens by itself; `caught` tells
    afterwards whether anything was cut short. shield: what cancels the goroutine, or blocks farther
    out, waits until it is left. Of blocks one in the other that are cancelled together, the
    outermost is the one that ends.

    Source: trio CancelScope.
    """

def timeout(seconds: float | None) -> CancelScope:
    """Return a block, for `with`, that has to end within `seconds`; None: no limit.

    They count from its beginning. When they are over, each park in it raises Cancelled, and the
    block ScopeTimeout (a TimeoutError, with the scope) once that has come out of it. One that ends
    without another park raises nothing. ValueError for a NaN.

    Source: trio fail_after, asyncio.timeout.
    """

def deadline(when: float | None) -> CancelScope:
    """Return a block that has to end by a moment on time.monotonic(); see `timeout`."""

def shield() -> CancelScope:
    """Return a block, for `with`, in which no park raises for what is cancelled farther out.

    Limits set within it hold. Ctrl-C is no cancellation and passes through.
    """

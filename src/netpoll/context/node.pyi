from collections.abc import Callable
from types import TracebackType
from typing import Any, ParamSpec, Self, TypeVar, final

from typing_extensions import disjoint_base

from netpoll._runtime.scope import CancelScope, ScopeWatcher
from netpoll.sync.line import Shared

_P = ParamSpec("_P")
_T = TypeVar("_T")

@disjoint_base
class Node(Shared):
    """Whether a context is done, and who hears of it."""

    def __new__(
        cls,
        parent: Node | None = None,
        deadline: int | None = None,
        timeout_cause: BaseException | None = None,
    ) -> Self: ...
    def cancel(self, cause: BaseException | None) -> None:
        """Be done by a call of its `cancel`, unless its time is over already."""

    def is_done(self) -> bool:
        """Tell whether it is done."""

    def error(self) -> Exception | None:
        """Return a new exception of what it is done with, None while it is live."""

    def why(self) -> BaseException | None:
        """Return the cause that was given, None without one."""

    def until(self) -> int:
        """Return its deadline in ns, 0 if it has none."""

    def wait(self, timeout: float | None = None) -> bool:
        """Park until it is done; False if `timeout` seconds passed first."""

    def get_channel(self, make: Callable[[], _T]) -> _T:
        """Return the channel that is closed when it is done; `make` makes it the first time."""

    def number_of_children(self) -> int:
        """Return how many live ones hear of its end, functions to be called included."""

@final
class Follower(ScopeWatcher):
    """Has a node done when the block of a scope is to end, or has ended."""

@final
class ScopeNode(Node):
    """One that is done with a scope, too."""

    def listen(self, scope: CancelScope) -> None:
        """Be done when the scope is cancelled, or what it is in, or left; at once if it is."""

@final
class Call:
    """A function that is called when a context is done, on the thread that asked for it."""

    def stop(self) -> bool:
        """Let it not be called; False if it was called already, or stopped before. Any thread."""

@disjoint_base
class Held:
    """What people hold of a node, such as a context; also a block that ends with the node."""

    node: Node
    def __new__(cls, *args: Any, **kwargs: Any) -> Self: ...
    def hold(self, node: Node, *, alone: bool = True) -> None:
        """Be what people hold of a node; not alone: one that this keeps alive is so, too."""

    def __del__(self) -> None: ...
    def entered_by(self) -> int:
        """Return how many are in a block of it now."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self,
        kind: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
        /,
    ) -> bool: ...

def after_func(
    context: Held, fn: Callable[_P, object], /, *args: _P.args, **kwargs: _P.kwargs
) -> Callable[[], bool]:
    """Have `fn(*args, **kwargs)` begin as a goroutine of this thread when the context is done.

    At once if it is. Return a function that, called before that, lets it not begin, and tells
    whether it was in time; any thread may call it. What fn raises goes to excepthook. It never
    begins if the thread's run ends before. Does not park.

    Source: go1.27 context/context.go AfterFunc.
    """

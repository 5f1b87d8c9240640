from collections.abc import Callable
from typing import Any, TypeVar

_T = TypeVar("_T")

def without_parking(fn: Callable[..., _T], /, *args: Any) -> _T:
    """Call fn so that nothing in it parks or gives others a turn: RuntimeError for what would.

    A handler runs between two bytecodes of the goroutine that happens to run, which may hold a lock
    of the module threading at that moment: nobody else of this thread may run before it goes on.
    """

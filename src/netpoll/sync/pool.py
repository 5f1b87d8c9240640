"""Pool: objects that are used, put back and used again, instead of being made anew each time."""

from collections.abc import Callable
from typing import Generic, TypeVar

T = TypeVar("T")

LIMIT = 64
"""How many objects a pool keeps, unless it is told otherwise."""


class Pool(Generic[T]):
    """Objects of which nobody cares which one they get. Any thread; nothing parks.

    new: makes one where none is there. limit: how many that are not in use it keeps at most; what
    is put beyond that is dropped. ValueError for less than 0.

    A Go Pool is emptied by the garbage collector, and so needs no limit. Python frees what nobody
    refers to at once and collects only cycles, at moments that say nothing about memory: hence a
    limit, and what is in the pool stays there.

    Source: go1.27 sync/pool.go Pool.
    """

    __slots__ = ("__weakref__", "_free", "_limit", "_new")

    def __init__(self, new: Callable[[], T], *, limit: int = LIMIT) -> None:
        if not callable(new):
            raise TypeError(f"a Pool needs a callable, not {type(new).__name__}")
        if limit < 0:
            raise ValueError(f"a pool cannot keep {limit} objects")
        self._new = new
        self._limit = limit
        self._free: list[T] = []

    def __repr__(self) -> str:
        return f"<Pool {len(self._free)} free, at most {self._limit}>"

    def __len__(self) -> int:
        """Return how many objects are there to be had."""
        return len(self._free)

    def get(self) -> T:
        """Return the object that was put last, or a new one if there is none.

        It belongs to the caller, who puts it back or not. Raises what `new` raises.

        Source: go1.27 sync/pool.go (*Pool).Get.
        """
        try:
            return self._free.pop()  # the last: it is most likely still in the processor's cache
        except IndexError:
            pass
        return self._new()

    def put(self, item: T, /) -> None:
        """Give an object back, in the state in which the next one may use it.

        Source: go1.27 sync/pool.go (*Pool).Put.
        """
        self._free.append(item)
        # Not looked at before: between a look and an append another thread might append too.
        del self._free[self._limit :]

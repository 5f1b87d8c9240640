"""Equal look-ups that are under way at the same time are one.

A goroutine does the work, and whoever wants to know joins it with a time limit of his own. When the
last of them has gone the work is cancelled, so that it frees what it held; whoever comes after that
begins anew. Each thread has flights of its own: nobody waits for another thread's goroutine.

Source: go1.27 net/lookup.go (*Resolver).lookupIPAddr, internal/singleflight
"""

import copy
import math
import threading
from collections.abc import Callable, Hashable
from time import monotonic
from typing import Any, TypeVar

from netpoll._runtime.goroutine import Goroutine, go
from netpoll.errors import DeadlineExceeded

T = TypeVar("T")


class _Flight:
    """A look-up under way, and how many wait for it."""

    __slots__ = ("waiters", "work")

    def __init__(self, fn: Callable[[], Any], name: str) -> None:
        self.waiters = 0
        self.work: Goroutine[Any] = go(_outcome, fn)
        self.work.name = f"lookup {name}"

    @property
    def open(self) -> bool:
        """Whether it still takes passengers; in a forked child those of the parent do not."""
        return not (self.work.done or self.work.cancelled)


class _Flights(threading.local):
    """Those of a thread, by what is looked up."""

    def __init__(self) -> None:
        self.by_key: dict[Hashable, _Flight] = {}


_flights = _Flights()


def share(key: Hashable, name: str, until: float | None, fn: Callable[[], T]) -> T:
    """Return what fn returns, or raise what it raises; it is called once for all with that key.

    Parks until a moment of time.monotonic() at most: DeadlineExceeded then, which shows the name.
    All get the same result, which is not to be changed, and each an exception of his own.
    """
    limit = None if until is None or until == math.inf else until - monotonic()
    if limit is not None and limit <= 0:
        raise _too_late(name)
    by_key = _flights.by_key
    flight = by_key.get(key)
    if flight is None or not flight.open:
        flight = by_key[key] = _Flight(fn, name)
    flight.waiters += 1
    try:
        found = flight.work.join(limit)
    except TimeoutError:
        raise _too_late(name) from None
    finally:
        flight.waiters -= 1
        if not flight.waiters:
            flight.work.cancel()
            if by_key.get(key) is flight:
                del by_key[key]
    if isinstance(found, _Failure):
        try:
            raise found.again()
        finally:
            del found  # its traceback has this frame, which would have it
    result: T = found
    return result


class _Failure:
    """What a look-up raised: returned, since one that comes too late has nobody to catch it."""

    __slots__ = ("_error",)

    def __init__(self, error: Exception) -> None:
        self._error = error

    def again(self) -> Exception:
        """Return the exception for one more to raise."""
        error = self._error
        try:
            again = copy.copy(error)
        except Exception:  # noqa: BLE001 - a stranger's exception may have any constructor
            return error
        again.__cause__ = error.__cause__
        again.__context__ = error.__context__
        again.__suppress_context__ = error.__suppress_context__
        return again.with_traceback(error.__traceback__)


def _outcome(fn: Callable[[], T]) -> T | _Failure:
    try:
        return fn()
    except Exception as error:  # noqa: BLE001 - those who wait raise it
        return _Failure(error)


def _too_late(name: str) -> DeadlineExceeded:
    # Source: go1.27 net/net.go errTimeout
    return DeadlineExceeded(reason=f"lookup {name}: i/o timeout")

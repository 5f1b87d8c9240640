"""The module `time` as a thread with a virtual clock sees it.

Within the block each of the functions below is replaced: in the module `time`, and wherever a
module has it under a name of its own (`from time import monotonic`). Python's own modules are left
out, whose waits are real, and those of test frameworks, which measure what a test takes. What
stands in their place answers on other threads as the real one does, and so it does no harm where it
outlives the block, in a module that was imported meanwhile.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from netpoll._runtime.clock import monotonic_ns
from netpoll.testing.bindings import bound_to

SECOND = 1_000_000_000
LEFT_OUT = sys.stdlib_module_names | {"_pytest", "hypothesis", "pluggy", "pytest", "xdist"}


class _Virtual(threading.local):
    """How much each clock of a thread is ahead of the runtime's, in ns; empty: none is virtual."""

    def __init__(self) -> None:
        self.ahead: dict[str, int] = {}


_here = _Virtual()


class Function:
    """What takes the place of one of the functions.

    Not a function of Python's, which a class would make a method of.
    """

    def __init__(self, clock: str, suffix: str = "") -> None:
        """Take the place of `time.<clock><suffix>`; the suffix is _ns or nothing."""
        self.__name__ = self.__qualname__ = clock + suffix
        self.real = getattr(time, self.__name__)
        self._clock = clock
        self._whole = suffix == "_ns"

    def __call__(self) -> float:
        """Return the time of the calling thread."""
        ahead = _here.ahead.get(self._clock)
        if ahead is None:
            now: float = self.real()
            return now
        ns = monotonic_ns() + ahead
        return ns if self._whole else ns / 1e9


CLOCKS = ("monotonic", "perf_counter", "time")
FUNCTIONS = [Function(clock, suffix) for clock in CLOCKS for suffix in ("", "_ns")]

_BY_REAL: dict[object, Function] = {function.real: function for function in FUNCTIONS}
_REAL = tuple(_BY_REAL)
_lock = threading.Lock()
_blocks = 0
_replaced: list[tuple[dict[str, object], str, Function]] = []


@contextmanager
def following() -> Iterator[None]:
    """Have the functions of `time` follow this thread's clock of the runtime, for a block."""
    now = monotonic_ns()
    ahead = {"monotonic": 0}
    for clock in CLOCKS[1:]:
        real = next(each.real for each in FUNCTIONS if each.__name__ == f"{clock}_ns")
        # A whole second, as the virtual time begins with one.
        ahead[clock] = -(-real() // SECOND) * SECOND - now
    _here.ahead = ahead
    _replace()
    try:
        yield
    finally:
        _here.ahead = {}
        _put_back()


def _replace() -> None:
    global _blocks  # noqa: PLW0603 - the module `time` is one for all threads
    with _lock:
        _blocks += 1
        for module in list(sys.modules.values()):
            names = getattr(module, "__dict__", None)
            if type(names) is not dict:  # what a program put there, and no module
                continue
            found = bound_to(names, _REAL)
            if not found or (_package(names) in LEFT_OUT and names is not vars(time)):
                continue
            for name, real in found:
                function = names[name] = _BY_REAL[real]
                _replaced.append((names, name, function))


def _package(names: dict[str, object]) -> str:
    return str(names.get("__name__")).partition(".")[0]


def _put_back() -> None:
    global _blocks  # noqa: PLW0603
    with _lock:
        _blocks -= 1
        if _blocks:
            return
        while _replaced:
            names, key, function = _replaced.pop()
            if names.get(key) is function:
                names[key] = function.real

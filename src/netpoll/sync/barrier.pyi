from collections.abc import Callable
from typing import Self, final

from netpoll.sync.line import Shared

@final
class Round:
    """Those who wait for one another."""

@final
class Barrier(Shared):
    """A place where `parties` goroutines wait until all of them are there. Any thread.

    action: called by the last to come, before the others go on. timeout: for each wait that has
    none of its own. ValueError for fewer than one party.

    Source: threading.Barrier, whose names it has.
    """

    def __new__(
        cls,
        parties: int,
        action: Callable[[], object] | None = None,
        timeout: float | None = None,
    ) -> Self: ...
    @property
    def parties(self) -> int: ...
    @property
    def broken(self) -> bool: ...
    @property
    def n_waiting(self) -> int:
        """How many wait for the others; 0 if it is broken."""

    def wait(self, timeout: float | None = None) -> int:
        """Wait until all parties are there; return the caller's number, 0 for the first to come.

        Parks, unless the caller is the last. threading.BrokenBarrierError if the barrier is broken,
        or breaks meanwhile, as it does after `timeout` seconds of waiting, and for the others if
        this one is cancelled. An exception of the action comes out of the wait that called it.
        """

    def abort(self) -> None:
        """Break the barrier: who waits, or comes before a `reset`, gets BrokenBarrierError."""

    def reset(self) -> None:
        """Begin a new round, of a barrier that is not broken; who waits gets BrokenBarrierError."""

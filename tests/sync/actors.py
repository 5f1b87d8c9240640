"""Goroutines that do with a lock what a test says, one step at a time."""

from contextlib import suppress

from netpoll import Goroutine, GoroutineCancelled, go, gosched, lowlevel, shield
from tests.sync.models import Real

TURNS = 12
"""After so many, everybody who can run has run: a grant is passed on at once, and once."""


class Actors:
    """Those who have a lock, or wait for it."""

    def __init__(self, real: Real) -> None:
        self.real = real
        self.goroutines: dict[int, Goroutine[None]] = {}
        self.holding: set[int] = set()
        self.given: set[int] = set()  # gave it back already, and have not run since
        self.count = 0

    def ask(self, kind: int, timeout: float | None = None) -> int:
        """Have a new one ask for the lock; return its number."""
        self.count += 1
        self.goroutines[self.count] = go(self.live, self.count, kind, timeout)
        return self.count

    def live(self, who: int, kind: int, timeout: float | None) -> None:
        with suppress(TimeoutError):
            self.real.take(kind, timeout)
            self.hold(who, kind)

    def hold(self, who: int, kind: int) -> None:
        self.holding.add(who)
        with shield():
            lowlevel.park()
        self.holding.remove(who)
        if who not in self.given:
            self.real.back(kind)

    def try_to(self, kind: int) -> int:
        """Have a new one try; return its number."""
        self.count += 1
        if self.real.try_take(kind):
            self.goroutines[self.count] = go(self.hold, self.count, kind)
        return self.count

    def give(self, who: int) -> None:
        lowlevel.ready(self.goroutines[who])

    def give_at_once(self, who: int, kind: int) -> None:
        """Give back in its name, before anybody else runs."""
        self.given.add(who)
        self.real.back(kind)
        self.give(who)

    def cancel(self, who: int) -> None:
        self.goroutines[who].cancel()

    def settle(self) -> set[int]:
        """Let everybody run; return who has the lock."""
        for _ in range(TURNS):
            gosched()
        return self.holding

    def end(self) -> None:
        """Have all of them end."""
        for goroutine in self.goroutines.values():
            goroutine.cancel()
            lowlevel.ready(goroutine)
        for goroutine in self.goroutines.values():
            with suppress(GoroutineCancelled):
                goroutine.join(10)

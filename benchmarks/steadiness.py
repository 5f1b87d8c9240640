"""Telling in which of its states the machine is.

A virtual machine's processors wander over those of the host. While our two lie far apart, all that
one sends to the other costs a multiple of what it costs while they share caches. The kernel's part
of a request is most of it, so a request to the same server is three times as dear in one state as
in the other, and a state lasts seconds. A short echo with the limit tells which one it is: its
processor time per request is either near the lowest that was seen or near the highest.

A sample between two such readings of one state was taken in that state. The usual state, in which
everything is compared, is far apart: so a server and its clients lie as a rule. A machine that does
not wander has but that one: there every sample counts, noise and all, and a reading now and then is
enough to see that it stays so.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import Enum
from statistics import quantiles
from typing import TypeVar

T = TypeVar("T")

WANDERS = 2.4
"""The highest reading is at least so many times the lowest where there are two states.

A core whose other half has work as well takes 1.5 times as long for a moment. That is no place.
"""
AGREEMENT = 1.25
"""How far the readings before a sample and behind it may lie apart."""
FRESH = 0.3
"""Seconds for which a reading is good: a state lasts many times as long."""
STALE = 2.0
"""The same where no second state was seen yet."""
_EXTREMES = 20  # of so many parts of all readings, the outermost are left out


class Place(Enum):
    """Where the two cores lie."""

    FAR = "far apart"
    NEAR = "next to each other"


Flanks = tuple[float, float]
"""The readings before a sample and behind it, in nanoseconds a request."""


@dataclass
class Steadiness:
    """Remembers the readings.

    read: takes one, in nanoseconds a request.
    patience: seconds that may be spent waiting and measuring again, in all.
    """

    read: Callable[[], float]
    patience: float
    sleep: Callable[[float], None] = time.sleep
    clock: Callable[[], float] = time.monotonic
    readings: list[float] = field(default_factory=list)
    _read_at: float = -STALE

    def begin(self, number: int, pause: float) -> None:
        """Take so many readings that there is something to compare with."""
        for _ in range(number):
            self.reading()
            self.sleep(pause)

    def reading(self) -> float:
        """Take a reading."""
        self.readings.append(self.read())
        self._read_at = self.clock()
        return self.readings[-1]

    def recent(self) -> float:
        """Return the last reading if it is fresh, or else a new one."""
        if self.clock() - self._read_at < (FRESH if self.wanders else STALE):
            return self.readings[-1]
        return self.reading()

    def extremes(self) -> tuple[float, float]:
        """Return the lowest and the highest reading, strays aside."""
        if len(self.readings) < 2:  # noqa: PLR2004 - what quantiles need
            return self.readings[0], self.readings[0]
        parts = quantiles(self.readings, n=_EXTREMES, method="inclusive")
        return parts[0], parts[-1]

    @property
    def wanders(self) -> bool:
        """Tell whether the cores are now near each other, now far apart."""
        if not self.readings:
            return False
        low, high = self.extremes()
        return high > low * WANDERS

    def place(self, reading: float) -> Place:
        """Tell where the cores were in a reading."""
        low, high = self.extremes()
        if high <= low * WANDERS or reading * reading > low * high:
            return Place.FAR
        return Place.NEAR

    def holds(self, flanks: Flanks, place: Place) -> bool:
        """Tell whether the machine was in this state throughout a sample."""
        if not self.wanders:
            return place is Place.FAR
        before, behind = flanks
        return (
            self.place(before) is self.place(behind) is place
            and max(flanks) <= min(flanks) * AGREEMENT
        )

    def around(self, work: Callable[[], T]) -> tuple[T, Flanks]:
        """Do the work; return what it returns, and the readings before it and behind it."""
        before = self.recent()
        done = work()
        return done, (before, self.reading() if self.wanders else self.recent())

    def wait(self, seconds: float) -> bool:
        """Wait for another state; return False if there is no patience left."""
        if self.patience <= 0:
            return False
        self.sleep(seconds)
        self.patience -= seconds
        return True

"""Noticing when the machine is not what it was a moment ago.

A virtual machine's processors wander over those of the host. When the two we use come to lie far
apart, all that one sends to the other costs a multiple, and when they lie together again, it does
not. So native/yardstick.c takes a reading before each sample and behind it. A sample is steady if
both are ordinary: near the lowest quarter of all readings or, of the way from core to core and if
that is asked for, near the highest.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from statistics import quantiles
from typing import NamedTuple, TypeVar

T = TypeVar("T")

KERNEL_TOLERANCE = 1.25
CROSSING_TOLERANCE = 2.0  # cores next to each other and cores far apart differ by 4 and more
ATTEMPTS = 3
_FIRST = 20
_PAUSE = 0.03


class Reading(NamedTuple):
    """Nanoseconds: of a send and receive over loopback, of a cache line there and back."""

    kernel: int
    crossing: int


@dataclass
class Steadiness:
    """Remembers the readings.

    patience: seconds that may be spent waiting and measuring again, in all.
    far: prefer the cores to be far apart.
    """

    read: Callable[[], Reading]
    patience: float
    far: bool = False
    sleep: Callable[[float], None] = time.sleep
    readings: list[Reading] = field(default_factory=list)
    repeated: int = 0
    unsteady: int = 0

    def begin(self) -> None:
        """Take so many readings that there is something to compare with."""
        while len(self.readings) < _FIRST:
            self.is_ordinary()
            self._pause()

    def wait(self) -> bool:
        """Wait until the machine is itself; return False if there is no patience left for that."""
        while not self.is_ordinary():
            if self.patience <= 0:
                return False
            self._pause()
        return True

    def is_ordinary(self) -> bool:
        """Take a reading and return whether it is like the better ones so far."""
        reading = self.read()
        self.readings.append(reading)
        ordinary = self.ordinary()
        crossing = max(reading.crossing, 1) / max(ordinary.crossing, 1)
        return (
            reading.kernel <= ordinary.kernel * KERNEL_TOLERANCE
            and 1 / CROSSING_TOLERANCE <= crossing <= CROSSING_TOLERANCE
        )

    def ordinary(self) -> Reading:
        """Return what is usual: of all readings, the quartiles in question."""
        if len(self.readings) == 1:
            return self.readings[0]
        kernel, crossing = zip(*self.readings, strict=True)
        return Reading(
            round(quantiles(kernel)[0]), round(quantiles(crossing)[2 if self.far else 0])
        )

    def steadily(self, measure: Callable[[], T]) -> tuple[T, bool]:
        """Measure, again if the machine changed meanwhile; return whether it was itself at last."""
        for attempt in range(ATTEMPTS):
            self.repeated += attempt > 0
            was_ordinary = self.wait()
            began = time.monotonic()
            result = measure()
            if was_ordinary and self.is_ordinary():
                return result, True
            self.patience -= time.monotonic() - began
            if self.patience <= 0:
                break
        self.unsteady += 1
        return result, False

    def _pause(self) -> None:
        self.sleep(_PAUSE)
        self.patience -= _PAUSE

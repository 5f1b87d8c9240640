"""Noticing when the machine is not what it was a moment ago.

A virtual machine's processors wander over those of the host. When the two we use come to lie far
apart, all that one sends to the other costs a multiple, and when they lie together again, it does
not. So native/yardstick.c takes a reading before each sample and behind it. A sample is steady if
both are ordinary: the kernel near the lowest quarter of all readings, the way from core to core
near the highest quarter. The cores of a server and its client are apart as a rule; where the two
share caches, the kernel's part of a request shrinks to a third, and the rest weighs as much more.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from statistics import quantiles
from typing import NamedTuple, TypeVar

T = TypeVar("T")

KERNEL_TOLERANCE = 1.25
CROSSING_TOLERANCE = 2.0  # cores next to each other and cores far apart differ by 4 and more
ATTEMPTS = 3
FEW, MANY = 20, 150
"""Readings to begin with: to know what is ordinary, and to know whether the cores move."""
NEAR_PATIENCE = 3.0
_PAUSE = 0.03


class Reading(NamedTuple):
    """Nanoseconds: of a send and receive over loopback, of a cache line there and back."""

    kernel: int
    crossing: int


@dataclass
class Steadiness:
    """Remembers the readings.

    patience: seconds that may be spent waiting and measuring again, in all.
    near: prefer the cores to be next to each other.
    """

    read: Callable[[], Reading]
    patience: float
    near: bool = False
    sleep: Callable[[float], None] = time.sleep
    readings: list[Reading] = field(default_factory=list)
    repeated: int = 0
    unsteady: int = 0

    @property
    def moves(self) -> bool:
        """Tell whether the cores are now near each other, now far apart."""
        low, _, high = quantiles(reading.crossing for reading in self.readings)
        return high > low * CROSSING_TOLERANCE

    def when_near(self) -> "Steadiness":
        """Return one that knows the same readings and prefers the cores to be near."""
        return replace(self, near=True, patience=NEAR_PATIENCE, repeated=0, unsteady=0)

    def begin(self, number: int = FEW) -> None:
        """Take so many readings that there is something to compare with."""
        while len(self.readings) < number:
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
            round(quantiles(kernel)[0]), round(quantiles(crossing)[0 if self.near else 2])
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

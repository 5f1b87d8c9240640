"""Latencies in little memory: counts in buckets, each one per cent wider than the one before."""

from array import array
from math import ceil, exp, log

_SMALLEST = 1e-6
_LARGEST = 1000.0
# Times the natural logarithm of a ratio of durations: how many buckets they are apart.
_PER_LOG = 1 / log(1.01)
_BUCKETS = int(log(_LARGEST / _SMALLEST) * _PER_LOG) + 1


class Histogram:
    """Durations between a microsecond and 1,000 seconds; others count as the nearest of these."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts = array("Q", bytes(8 * _BUCKETS))

    def add(self, seconds: float) -> None:
        """Count one duration."""
        bucket = int(log(seconds / _SMALLEST) * _PER_LOG) if seconds > _SMALLEST else 0
        self._counts[min(bucket, _BUCKETS - 1)] += 1

    @property
    def total(self) -> int:
        """How many durations were counted."""
        return sum(self._counts)

    def percentile(self, share: float) -> float | None:
        """Return what so many per cent of the durations do not exceed, good to one per cent.

        None if there are none.
        """
        rank = ceil(self.total * share / 100)
        seen = 0
        for bucket, count in enumerate(self._counts):
            seen += count
            if count and seen >= rank:
                return _SMALLEST * exp((bucket + 0.5) / _PER_LOG)
        return None

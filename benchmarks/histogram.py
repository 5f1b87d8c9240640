"""Latencies as the load generator counts them; see native/load/histogram.c."""

from collections import Counter
from collections.abc import Iterable
from math import ceil
from typing import Self

_SUB_BITS = 5
_EXACT = 2 << _SUB_BITS  # up to here each bucket is one nanosecond


def middle(bucket: int) -> float:
    """Return the nanoseconds in the middle of a bucket."""
    if bucket < _EXACT:
        return bucket
    shift = (bucket >> _SUB_BITS) - 1
    lowest = ((1 << _SUB_BITS) + (bucket & ((1 << _SUB_BITS) - 1))) << shift
    return lowest + (1 << shift) / 2


class Histogram:
    """Counts of durations in buckets of about 3 %."""

    def __init__(self, counts: Iterable[tuple[int, int]] = ()) -> None:
        """Begin with pairs of bucket and count."""
        self._counts: Counter[int] = Counter()
        for bucket, count in counts:
            self._counts[bucket] += count

    def __len__(self) -> int:
        return self._counts.total()

    def __iadd__(self, other: "Histogram") -> Self:
        self._counts.update(other._counts)
        return self

    def clear(self) -> None:
        """Forget everything."""
        self._counts.clear()

    def pairs(self) -> list[tuple[int, int]]:
        """Return pairs of bucket and count, in order."""
        return sorted(self._counts.items())

    def percentile(self, share: float) -> float | None:
        """Return the nanoseconds that so many per cent do not exceed; None if there are none."""
        rank = ceil(len(self) * share / 100)
        seen = 0
        for bucket, count in self.pairs():
            seen += count
            if seen >= rank:
                return middle(bucket)
        return None

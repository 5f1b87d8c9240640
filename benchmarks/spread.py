"""What several rounds say together: a median, and how far the rounds lie apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the lowest and the highest."""

    median: float
    low: float
    high: float
    rounds: int

    @property
    def relative(self) -> float:
        """Return how far the farther end lies from the median, as a share of the median."""
        if self.median == 0:
            return 0.0
        return max(self.high - self.median, self.median - self.low) / abs(self.median)


def spread(values: Sequence[float]) -> Spread | None:
    """Return the spread of the values; None if there are none."""
    if not values:
        return None
    return Spread(median(values), min(values), max(values), len(values))


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Divide round by round: what the machine does to both of a round cancels out.

    Rounds that only one of them has, and those in which the divisor is 0, do not count.
    """
    return [ours[number] / theirs[number] for number in sorted(ours) if theirs.get(number)]

"""What several rounds say together: a median, and how far the rounds lie apart."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from statistics import median

_NORMAL_95 = 1.96


@dataclass(frozen=True, slots=True)
class Spread:
    """The median of the rounds, the lowest and the highest.

    within: where the median of ever more rounds would come to lie, with 95 % of certainty.
    """

    median: float
    low: float
    high: float
    rounds: int
    within: tuple[float, float]

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
    return Spread(median(values), min(values), max(values), len(values), _within(sorted(values)))


def _within(ordered: Sequence[float]) -> tuple[float, float]:
    """Return the 95 % interval of the median that the ranks give, whatever the distribution.

    How many of n values lie below the true median is binomial: n / 2, give or take sqrt(n) / 2. Of
    fewer than six values not even both ends are quite so certain; they are taken all the same.
    """
    number = len(ordered)
    rank = max(0, int(number / 2 - _NORMAL_95 * sqrt(number) / 2))
    return ordered[rank], ordered[number - 1 - rank]


def ratios(ours: Mapping[int, float], theirs: Mapping[int, float]) -> list[float]:
    """Divide round by round: what the machine does to both of a round cancels out.

    Rounds that only one of them has, and those in which the divisor is 0, do not count.
    """
    return [ours[number] / theirs[number] for number in sorted(ours) if theirs.get(number)]

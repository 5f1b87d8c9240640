import math
import random

from benchmarks.spread import ratios, spread


def test_a_spread_is_the_median_and_both_ends() -> None:
    found = spread([3.0, 1.0, 2.0, 9.0, 2.0])
    assert found is not None
    assert (found.median, found.low, found.high, found.rounds) == (2.0, 1.0, 9.0, 5)
    assert found.relative == 3.5


def test_of_few_rounds_the_median_lies_anywhere_between_both_ends() -> None:
    for number in range(1, 6):
        found = spread([float(value) for value in range(number)])
        assert found is not None
        assert found.within == (0.0, number - 1.0)


def test_of_many_rounds_the_true_median_lies_within_nineteen_times_in_twenty() -> None:
    source, held = random.Random(5), 0
    for _ in range(2000):
        found = spread([source.expovariate(1.0) for _ in range(45)])
        assert found is not None
        low, high = found.within
        held += low <= math.log(2) <= high
    assert 0.94 < held / 2000 < 0.98


def test_of_nothing_there_is_no_spread() -> None:
    assert spread([]) is None


def test_a_spread_about_zero_is_none_at_all() -> None:
    found = spread([0.0, 0.0, 4.0])
    assert found is not None
    assert found.relative == 0


def test_ratios_are_taken_round_by_round() -> None:
    # Each round is three times slower than the one before, for both: the ratio stays.
    assert ratios({0: 2.0, 1: 6.0, 2: 18.0}, {0: 1.0, 1: 3.0, 2: 9.0}) == [2.0, 2.0, 2.0]


def test_a_round_that_only_one_has_does_not_count() -> None:
    assert ratios({0: 2.0, 1: 5.0}, {1: 1.0, 2: 7.0}) == [5.0]


def test_nothing_is_divided_by_zero() -> None:
    assert ratios({0: 2.0, 1: 4.0}, {0: 0.0, 1: 2.0}) == [2.0]

from benchmarks.spread import ratios, spread


def test_a_spread_is_the_median_and_both_ends() -> None:
    found = spread([3.0, 1.0, 2.0, 9.0, 2.0])
    assert found is not None
    assert (found.median, found.low, found.high, found.rounds) == (2.0, 1.0, 9.0, 5)
    assert found.relative == 3.5


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

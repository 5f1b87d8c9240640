from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.histogram import Histogram, middle

BUCKETS = st.integers(0, 1500)
PAIRS = st.lists(st.tuples(BUCKETS, st.integers(1, 50)), min_size=1, max_size=20)


def test_small_durations_are_exact_and_others_are_good_to_two_per_cent() -> None:
    assert list(map(middle, range(64))) == list(range(64))
    widths = [(after - before) / before for before, after in pairwise(map(middle, range(64, 1500)))]
    assert min(widths) > 0
    assert max(widths) < 0.04  # a bucket's width; its middle is at most half as far off


def test_each_power_of_two_begins_a_row_of_32_buckets() -> None:
    for power in range(6, 30):
        first = (power - 4) * 32
        width = 1 << (power - 5)
        assert middle(first) == (1 << power) + width / 2


@given(PAIRS, st.floats(0.1, 100))
def test_a_percentile_is_that_of_the_sorted_durations(
    pairs: list[tuple[int, int]], share: float
) -> None:
    durations = sorted(middle(bucket) for bucket, count in pairs for _ in range(count))
    found = Histogram(pairs).percentile(share)
    assert found is not None
    rank = durations.index(found), len(durations) - durations[::-1].index(found)
    assert rank[0] < len(durations) * share / 100 <= rank[1]


@given(PAIRS, PAIRS)
def test_adding_one_to_another_keeps_every_duration(
    pairs: list[tuple[int, int]], others: list[tuple[int, int]]
) -> None:
    together = Histogram(pairs)
    together += Histogram(others)
    assert together.pairs() == Histogram(pairs + others).pairs()
    assert len(together) == sum(count for _, count in pairs + others)


@pytest.mark.parametrize("share", [0, 50, 100])
def test_without_durations_there_is_no_percentile(share: float) -> None:
    assert Histogram().percentile(share) is None

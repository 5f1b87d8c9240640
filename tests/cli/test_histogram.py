from math import ceil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll.cli.histogram import Histogram

DURATIONS = st.lists(st.floats(min_value=1e-6, max_value=900.0), min_size=1)


def filled(durations: list[float]) -> Histogram:
    histogram = Histogram()
    for duration in durations:
        histogram.add(duration)
    return histogram


@given(DURATIONS, st.floats(min_value=0.1, max_value=100.0))
def test_a_percentile_is_that_of_the_sorted_durations(durations: list[float], share: float) -> None:
    exact = sorted(durations)[ceil(len(durations) * share / 100) - 1]
    assert filled(durations).percentile(share) == pytest.approx(exact, rel=0.01)


@given(DURATIONS)
def test_each_duration_counts_once(durations: list[float]) -> None:
    assert filled(durations).total == len(durations)


@pytest.mark.parametrize(
    ("duration", "nearest"), [(0.0, 1e-6), (-1.0, 1e-6), (1e-9, 1e-6), (1e6, 1000.0)]
)
def test_a_duration_out_of_range_counts_as_the_nearest(duration: float, nearest: float) -> None:
    assert filled([duration]).percentile(50) == pytest.approx(nearest, rel=0.02)


def test_without_durations_there_is_no_percentile() -> None:
    assert Histogram().percentile(50) is None

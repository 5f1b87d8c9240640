from collections.abc import Callable, Iterator

import pytest

from benchmarks.steadiness import FRESH, STALE, Place, Steadiness

NEAR, FAR = 1500.0, 4500.0


def reading(*readings: float) -> Callable[[], float]:
    """Return what gives these readings one by one, and the last for ever."""
    left: Iterator[float] = iter(readings)
    return lambda: next(left, readings[-1])


def begun(*readings: float, patience: float = 1) -> Steadiness:
    """Return what has taken these readings."""
    steady = Steadiness(reading(*readings), patience, sleep=lambda _: None, clock=lambda: 0.0)
    steady.begin(len(readings), 0)
    return steady


def test_the_higher_of_two_levels_is_far_apart() -> None:
    steady = begun(*[NEAR, FAR] * 10)
    assert steady.wanders
    assert steady.place(NEAR * 1.2) is Place.NEAR
    assert steady.place(FAR / 1.2) is Place.FAR


@pytest.mark.parametrize("level", [NEAR, FAR])
def test_a_machine_that_does_not_wander_is_in_its_usual_state(level: float) -> None:
    steady = begun(*[level, level * 1.2, level / 1.2] * 5)
    assert not steady.wanders
    assert steady.place(level) is Place.FAR


def test_a_core_that_is_shared_for_moments_has_no_two_places() -> None:
    steady = begun(*[7.0, 8.0, 9.0, 11.5, 12.5] * 20)
    assert not steady.wanders


def test_work_has_a_reading_before_it_and_one_behind_it() -> None:
    steady = Steadiness(reading(NEAR, *[FAR, NEAR] * 20), 1, lambda _: None, lambda: 100.0)
    steady.begin(40, 0)
    assert steady.around(lambda: len(steady.readings)) == (40, (FAR, NEAR))


def test_where_no_other_state_was_seen_a_reading_now_and_then_is_enough() -> None:
    now = 0.0
    steady = Steadiness(reading(1.0, 2.0, 2.1), 1, sleep=lambda _: None, clock=lambda: now)
    assert steady.around(lambda: None)[1] == (1.0, 1.0)
    now = STALE * 1.5
    assert steady.around(lambda: None)[1] == (2.0, 2.0)


@pytest.mark.parametrize("flanks", [(FAR, FAR * 1.3), (FAR * 2, FAR)])
def test_every_sample_of_a_machine_that_does_not_wander_counts(
    flanks: tuple[float, float],
) -> None:
    steady = begun(*[FAR] * 20)
    assert steady.holds(flanks, Place.FAR)
    assert not steady.holds(flanks, Place.NEAR)


def test_a_single_reading_says_nothing_of_wandering() -> None:
    steady = begun(NEAR)
    assert not steady.wanders
    assert steady.place(NEAR) is Place.FAR


def test_a_stray_reading_is_no_state() -> None:
    steady = begun(*[NEAR] * 60, 20 * NEAR)
    assert not steady.wanders


@pytest.mark.parametrize(
    ("flanks", "place", "held"),
    [
        ((FAR, FAR * 1.1), Place.FAR, True),
        ((FAR, FAR), Place.NEAR, False),
        ((NEAR, NEAR), Place.FAR, False),
        ((NEAR, NEAR * 1.1), Place.NEAR, True),
        ((NEAR, FAR), Place.FAR, False),
        ((FAR, NEAR), Place.FAR, False),
        ((FAR, NEAR), Place.NEAR, False),
        ((FAR, FAR * 1.3), Place.FAR, False),  # the same state, and something else besides
    ],
)
def test_a_sample_is_of_a_state_if_both_its_flanks_are(
    flanks: tuple[float, float], place: Place, held: bool
) -> None:
    assert begun(*[NEAR, FAR] * 10).holds(flanks, place) is held


def test_a_reading_is_good_for_a_while() -> None:
    now = 0.0
    steady = begun(*[NEAR, FAR] * 20)
    steady.clock, steady.read = lambda: now, reading(1.0, 2.0, 3.0)
    assert steady.reading() == 1.0
    now = FRESH / 2
    assert steady.recent() == 1.0
    now = FRESH * 1.5
    assert steady.recent() == 2.0
    assert steady.reading() == 3.0


def test_its_patience_ends() -> None:
    steady = begun(FAR, patience=0.25)
    assert [steady.wait(0.1) for _ in range(4)] == [True, True, True, False]

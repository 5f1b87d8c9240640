from collections.abc import Callable, Iterator

from benchmarks.steadiness import ATTEMPTS, Reading, Steadiness

NEAR, FAR, SLOW = Reading(1000, 80), Reading(1000, 400), Reading(2000, 80)


def reading(*readings: Reading) -> Callable[[], Reading]:
    """Return what gives these readings one by one, and the last for ever."""
    left: Iterator[Reading] = iter(readings)
    return lambda: next(left, readings[-1])


def begun(*later: Reading, patience: float = 1, near: bool = True) -> Steadiness:
    """Return what has seen cores that are near and far, and sees these readings from now on."""
    before = [NEAR, FAR] * 10
    steady = Steadiness(reading(*before, *later), patience + 1, near, sleep=lambda _: None)
    steady.begin()
    assert len(steady.readings) == len(before)
    steady.patience = patience
    return steady


def test_what_was_near_is_ordinary_and_what_is_far_is_not() -> None:
    steady = begun(NEAR, FAR, NEAR)
    assert [steady.is_ordinary() for _ in range(3)] == [True, False, True]


def test_cores_that_are_far_apart_are_ordinary_unless_near_ones_are_asked_for() -> None:
    steady = begun(NEAR, FAR, NEAR, near=False)
    assert [steady.is_ordinary() for _ in range(3)] == [False, True, False]


def test_near_ones_can_be_asked_for_in_between() -> None:
    steady = begun(NEAR, FAR, NEAR, near=False)
    assert [steady.when_near().is_ordinary() for _ in range(3)] == [True, False, True]
    assert (steady.repeated, steady.unsteady) == (0, 0)


def test_it_knows_whether_the_cores_move() -> None:
    assert begun(NEAR).moves
    still = Steadiness(reading(NEAR), 1, sleep=lambda _: None)
    still.begin()
    assert not still.moves


def test_a_slow_processor_is_not_ordinary() -> None:
    assert not begun(SLOW).is_ordinary()


def test_two_programs_on_one_core_have_no_distance() -> None:
    steady = Steadiness(reading(Reading(1000, 0)), 1, sleep=lambda _: None)
    steady.begin()
    assert steady.is_ordinary()


def test_it_waits_until_the_machine_is_itself() -> None:
    steady = begun(FAR, FAR, NEAR)
    assert steady.wait()
    assert steady.readings[-3:] == [FAR, FAR, NEAR]
    assert steady.patience < 1


def test_its_patience_ends() -> None:
    assert not begun(FAR, patience=0).wait()


def test_a_sample_between_ordinary_readings_is_taken_once() -> None:
    steady = begun(NEAR)
    assert steady.steadily(iter("abc").__next__) == ("a", True)
    assert (steady.repeated, steady.unsteady) == (0, 0)


def test_a_sample_is_taken_again_when_the_machine_has_changed() -> None:
    steady = begun(NEAR, FAR, FAR, NEAR, NEAR)
    assert steady.steadily(iter("abc").__next__) == ("b", True)
    assert (steady.repeated, steady.unsteady) == (1, 0)


def test_after_some_attempts_a_sample_is_kept_as_it_is() -> None:
    steady = begun(*[NEAR, FAR] * ATTEMPTS)
    assert steady.steadily(iter("abcdef").__next__) == ("abcdef"[ATTEMPTS - 1], False)
    assert (steady.repeated, steady.unsteady) == (ATTEMPTS - 1, 1)


def test_without_patience_the_first_sample_is_kept() -> None:
    steady = begun(FAR, patience=0)
    assert steady.steadily(iter("abc").__next__) == ("a", False)
    assert (steady.repeated, steady.unsteady) == (0, 1)

"""Semaphore: units, first come, first served."""

import pytest

from netpoll import Goroutine, go, gosched
from netpoll.sync import Semaphore
from tests.running import in_run, parked


@in_run
def test_units_are_taken_and_given_back() -> None:
    units = Semaphore(5)
    assert (units.capacity, units.free) == (5, 5)
    units.acquire()
    units.acquire(3)
    assert units.free == 1
    assert repr(units) == "<Semaphore 1 of 5 free>"
    assert not units.try_acquire(2)
    assert units.try_acquire()
    units.release(4)
    units.release()
    assert units.free == 5


@in_run
def test_with_takes_one_or_as_many_as_are_said() -> None:
    units = Semaphore(5)
    with units, units.holding(3):
        assert units.free == 1
        with pytest.raises(TimeoutError, match="no 2 units within 0 s: <Semaphore 1 of 5 free>"):
            units.holding(2, timeout=0).__enter__()
    assert units.free == 5
    with pytest.raises(KeyError):
        with units.holding(5):
            raise KeyError
    assert units.free == 5


@pytest.mark.parametrize("capacity", [0, -1])
def test_it_has_at_least_one_unit(capacity: int) -> None:
    with pytest.raises(ValueError, match=f"at least one unit, not {capacity}"):
        Semaphore(capacity)


@pytest.mark.parametrize("k", [0, -1])
def test_nobody_takes_or_gives_less_than_one(k: int) -> None:
    units = Semaphore(2)
    for call in (units.acquire, units.try_acquire, units.release, units.holding):
        with pytest.raises(ValueError, match=f"one unit at least, not {k}"):
            call(k)
    assert units.free == 2


def test_more_than_there_are_would_never_be_had() -> None:
    units = Semaphore(2)
    for call in (units.acquire, units.try_acquire, units.holding):
        with pytest.raises(ValueError, match="3 units will never be free: <Semaphore 2 of 2 free>"):
            call(3)


def test_giving_back_more_than_is_taken_is_an_error() -> None:
    units = Semaphore(3)
    with pytest.raises(RuntimeError, match="release of 1 units, of which 0 are taken"):
        units.release()
    units.acquire(2)
    with pytest.raises(RuntimeError, match="release of 3 units, of which 2 are taken"):
        units.release(3)
    assert units.free == 1
    with pytest.raises(OverflowError):
        units.release(1 << 70)


@in_run
def test_who_wants_little_does_not_overtake_who_wants_much() -> None:
    units = Semaphore(3)
    units.acquire(2)
    large = parked(go(units.acquire, 3))
    small = parked(go(units.acquire, 1))
    assert not units.try_acquire()
    assert repr(units) == "<Semaphore 1 of 3 free, 2 waiting>"
    units.release(2)
    large.join(10)
    assert small.state.startswith("waiting")
    units.release(3)
    small.join(10)
    assert units.free == 2


@in_run
def test_a_release_lets_in_as_many_as_fit_in_their_order() -> None:
    units = Semaphore(6)
    units.acquire(6)
    order: list[int] = []

    def work(i: int, k: int) -> None:
        units.acquire(k)
        order.append(i)

    workers = [parked(go(work, i, k)) for i, k in enumerate([1, 2, 1, 3, 1])]
    units.release(5)
    for worker in workers[:3]:
        worker.join(10)
    assert order == [0, 1, 2]
    assert repr(units) == "<Semaphore 1 of 6 free, 2 waiting>"
    units.release(2)
    workers[3].join(10)
    assert workers[4].state.startswith("waiting")
    units.release(1)
    workers[4].join(10)
    assert order == [0, 1, 2, 3, 4]


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
@in_run
def test_those_for_whom_it_is_enough_go_in_when_the_first_gives_up(how: str) -> None:
    units = Semaphore(3)
    units.acquire(1)
    large: Goroutine[None] = parked(go(units.acquire, 3, None if how == "cancelled" else 0.001))
    small = [parked(go(units.acquire, 1)) for _ in range(3)]
    if how == "cancelled":
        large.cancel()
    for one in small[:2]:
        one.join(10)
    assert repr(units) == "<Semaphore 0 of 3 free, 1 waiting>"
    with pytest.raises(Exception, match=r"no 3 units within 0.001 s|was cancelled"):
        large.join(10)
    units.release()
    small[2].join(10)


@in_run
def test_never_more_have_it_than_there_are_units() -> None:
    units = Semaphore(3)
    taken, most = 0, 0

    def work(k: int) -> None:
        nonlocal taken, most
        for _ in range(100):
            with units.holding(k):
                taken += k
                most = max(most, taken)
                gosched()
                taken -= k

    for worker in [go(work, k) for k in (1, 1, 2, 3, 1, 2)]:
        worker.join()
    assert most == 3
    assert units.free == 3


@in_run
def test_a_loop_that_never_has_to_wait_lets_the_others_run() -> None:
    units = Semaphore(1)
    ran = go(lambda: True)
    for _ in range(1000):
        with units:
            pass
    assert ran.done

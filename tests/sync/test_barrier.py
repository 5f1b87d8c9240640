"""Barrier: until all have come."""

from collections.abc import Callable
from threading import BrokenBarrierError

import pytest

from netpoll import Goroutine, GoroutineCancelled, current, go, gosched, sleep
from netpoll.sync import Barrier, Event
from tests.running import in_run, parked


def is_broken(waiter: "Goroutine[int]") -> bool:
    with pytest.raises(BrokenBarrierError):
        waiter.join(10)
    return True


@pytest.mark.parametrize("parties", [0, -1])
def test_it_has_at_least_one_party(parties: int) -> None:
    with pytest.raises(ValueError, match="at least one party"):
        Barrier(parties)


@in_run
def test_all_go_on_when_the_last_has_come() -> None:
    barrier = Barrier(4)
    for _ in range(3):  # and used again
        waiters = [parked(go(barrier.wait)) for _ in range(3)]
        assert barrier.n_waiting == 3
        assert repr(barrier) == "<Barrier 3 of 4 there>"
        assert barrier.wait() == 3
        assert barrier.n_waiting == 0
        assert [w.join(10) for w in waiters] == [0, 1, 2]


@in_run
def test_one_party_waits_for_nobody() -> None:
    barrier = Barrier(1)
    assert [barrier.wait(), barrier.wait()] == [0, 0]
    assert barrier.parties == 1


@in_run
def test_nobody_is_two_rounds_ahead() -> None:
    barrier = Barrier(5)
    rounds = [0] * 5

    def work(i: int) -> None:
        for turn in range(20):
            rounds[i] = turn
            assert max(rounds) - min(rounds) <= 1
            barrier.wait()
            for _ in range(i):
                gosched()

    for worker in [go(work, i) for i in range(5)]:
        worker.join(10)


# ---- what breaks it


def time_is_up(barrier: Barrier) -> None:
    with pytest.raises(BrokenBarrierError, match="not all came in time"):
        barrier.wait(0.001)


def cancelled(barrier: Barrier) -> None:
    victim = parked(go(barrier.wait))
    victim.cancel()
    with pytest.raises(GoroutineCancelled):
        victim.join(10)


def cancelled_before(barrier: Barrier) -> None:
    def work() -> None:
        current().cancel()
        barrier.wait()

    with pytest.raises(GoroutineCancelled):
        go(work).join(10)


def aborted(barrier: Barrier) -> None:
    barrier.abort()


@pytest.mark.parametrize("how", [time_is_up, cancelled, cancelled_before, aborted])
@in_run
def test_when_one_gives_up_it_is_broken_for_all(how: Callable[[Barrier], None]) -> None:
    barrier = Barrier(4)
    waiters = [parked(go(barrier.wait)) for _ in range(2)]
    how(barrier)
    assert barrier.broken
    assert barrier.n_waiting == 0
    assert repr(barrier) == "<Barrier broken>"
    assert all(map(is_broken, waiters))
    with pytest.raises(BrokenBarrierError):
        barrier.wait()
    barrier.reset()
    assert repr(barrier) == "<Barrier 0 of 4 there>"
    waiters = [parked(go(barrier.wait)) for _ in range(3)]
    assert barrier.wait() == 3
    assert [w.join(10) for w in waiters] == [0, 1, 2]


@in_run
def test_the_barriers_own_timeout_holds_for_waits_that_have_none() -> None:
    barrier = Barrier(2, timeout=0.001)
    with pytest.raises(BrokenBarrierError, match="not all came in time"):
        barrier.wait()
    barrier.reset()
    waiter = parked(go(barrier.wait, 60))
    sleep(0.002)
    assert barrier.wait() == 1
    waiter.join(10)


@in_run
def test_reset_sends_away_who_waits_and_begins_anew() -> None:
    barrier = Barrier(3)
    waiters = [parked(go(barrier.wait)) for _ in range(2)]
    barrier.reset()
    assert not barrier.broken
    assert barrier.n_waiting == 0
    again = [parked(go(barrier.wait)) for _ in range(2)]
    assert all(map(is_broken, waiters))
    assert barrier.wait() == 2
    assert [w.join(10) for w in again] == [0, 1]


@in_run
def test_a_waiter_that_is_cancelled_when_all_are_there_breaks_nothing() -> None:
    barrier = Barrier(3)
    first, second = [parked(go(barrier.wait)) for _ in range(2)]
    barrier.wait()
    first.cancel()
    assert first.join(10) == 0  # it has what it waited for
    assert second.join(10) == 1
    assert not barrier.broken


# ---- the action


@in_run
def test_the_last_to_come_does_the_action_before_the_others_go_on() -> None:
    seen: list[str] = []

    def action() -> None:
        gosched()
        seen.append(f"action by {current().name}")

    def work() -> int:
        number = barrier.wait()
        seen.append("on")
        return number

    barrier = Barrier(3, action)
    workers = [parked(go(work)) for _ in range(2)]
    barrier.wait()
    assert [w.join(10) for w in workers] == [0, 1]
    assert seen == ["action by main", "on", "on"]


@in_run
def test_an_action_that_fails_breaks_it() -> None:
    def action() -> None:
        gosched()
        raise KeyError

    barrier = Barrier(2, action)
    waiter = parked(go(barrier.wait))
    with pytest.raises(KeyError):
        barrier.wait()
    assert barrier.broken
    assert is_broken(waiter)


@in_run
def test_while_the_action_runs_the_next_round_fills_and_no_time_is_up() -> None:
    seen: list[str] = []

    def action() -> None:
        seen.append("begun")
        sleep(0.005)
        seen.append("ended")

    barrier = Barrier(2, action)
    waiter = parked(go(barrier.wait, 0.002))  # it is up while the action runs: all are there
    last = parked(go(barrier.wait))
    next_one = parked(go(barrier.wait))
    assert barrier.n_waiting == 1
    assert (waiter.join(10), last.join(10)) == (0, 1)
    assert seen == ["begun", "ended"]
    assert not barrier.broken
    assert barrier.wait() == 1
    next_one.join(10)


@in_run
def test_while_the_action_runs_who_is_out_of_time_sleeps() -> None:
    end = Event()
    barrier = Barrier(2, end.wait)
    waiter, last = parked(go(barrier.wait, 0.001)), parked(go(barrier.wait))
    sleep(0.03)
    assert waiter.waited is not None
    assert waiter.waited > 0.015  # since it parked last
    end.set()
    assert (waiter.join(10), last.join(10)) == (0, 1)


@in_run
def test_who_is_cancelled_while_the_action_runs_goes_and_breaks_nothing() -> None:
    barrier = Barrier(2, lambda: sleep(0.003))
    waiter = parked(go(barrier.wait))
    last = parked(go(barrier.wait))
    waiter.cancel()
    with pytest.raises(GoroutineCancelled):
        waiter.join(10)
    assert last.join(10) == 1
    assert not barrier.broken

"""virtual_clock: time stands still while anybody runs, and jumps when everybody is parked."""

import threading
import time

import pytest

from netpoll import (
    DeadlockError,
    Goroutine,
    ScopeTimeout,
    blocking,
    cancel_scope,
    current,
    deadline,
    go,
    gosched,
    lowlevel,
    run,
    shield,
    sleep,
    timeout,
)
from netpoll._runtime.alarm import Alarm
from netpoll.testing import virtual_clock, wait_all_parked
from tests.running import in_run, on_thread, parked

HOUR = 3600.0


@in_run
def test_an_hour_of_sleeps_takes_milliseconds() -> None:
    begin = time.perf_counter()
    with virtual_clock() as clock:
        for _ in range(3600):
            sleep(1)
        assert clock.elapsed == HOUR
    assert time.perf_counter() - begin < 2


@in_run
def test_time_stands_still_while_somebody_runs() -> None:
    with virtual_clock() as clock:
        before = clock.time()
        end = time.thread_time() + 0.01
        while time.thread_time() < end:
            gosched()
        assert clock.time() == before == time.monotonic()


@in_run
def test_goroutines_run_at_their_times_and_in_their_order() -> None:
    seen: list[tuple[str, float]] = []
    with virtual_clock() as clock:

        def nap(name: str, seconds: float) -> None:
            sleep(seconds)
            seen.append((name, clock.elapsed))

        naps = [go(nap, "long", HOUR), go(nap, "short", 1), go(nap, "first", 0.5)]
        for each in naps:
            each.join()
    assert seen == [("first", 0.5), ("short", 1), ("long", HOUR)]


def test_it_goes_around_a_run_and_the_next() -> None:
    with virtual_clock() as clock:
        run(sleep, HOUR)
        run(sleep, HOUR)
        assert clock.elapsed == 2 * HOUR


def test_it_goes_without_a_run() -> None:
    with virtual_clock() as clock:
        sleep(HOUR)
        assert clock.elapsed == HOUR


@virtual_clock()
def test_it_is_a_decorator() -> None:
    before = time.monotonic()
    run(sleep, HOUR)
    assert time.monotonic() - before == HOUR


@in_run
def test_who_sleeps_already_sleeps_on_by_it() -> None:
    sleeper = parked(go(sleep, HOUR))
    with virtual_clock() as clock:
        sleeper.join()
        assert HOUR - 10 < clock.elapsed <= HOUR


@in_run
def test_afterwards_the_time_is_real_again() -> None:
    before = time.monotonic()
    with virtual_clock():
        sleep(10 * HOUR)
    assert before <= time.monotonic() < before + HOUR
    sleep(0.001)
    assert before + 0.001 <= time.monotonic() < before + HOUR


@in_run
def test_a_failure_in_the_block_gives_the_real_time_back() -> None:
    real = time.monotonic
    with pytest.raises(ZeroDivisionError), virtual_clock():
        assert time.monotonic is not real
        raise ZeroDivisionError
    assert time.monotonic is real
    sleep(0.001)


# ---- what goes by the time


@in_run
def test_a_join_is_limited_by_it() -> None:
    with virtual_clock() as clock:
        sleeper = go(sleep, HOUR)
        with pytest.raises(TimeoutError):
            sleeper.join(timeout=60)
        assert clock.elapsed == 60
        sleeper.join()
        assert clock.elapsed == HOUR


@in_run
def test_a_park_is_limited_by_it() -> None:
    with virtual_clock() as clock:
        assert not lowlevel.park(timeout=60)
        assert clock.elapsed == 60
        main = current()
        Alarm(5, lambda: lowlevel.ready(main))
        assert lowlevel.park(timeout=60)
        assert clock.elapsed == 65


@in_run
def test_scopes_end_by_it() -> None:
    with virtual_clock() as clock:
        with pytest.raises(ScopeTimeout), timeout(30):
            sleep(HOUR)
        assert clock.elapsed == 30
        with pytest.raises(ScopeTimeout), deadline(time.monotonic() + 30):
            sleep(HOUR)
        assert clock.elapsed == 60
        with cancel_scope(deadline=clock.time() + 30) as scope:
            sleep(HOUR)
        assert scope.expired
        assert clock.elapsed == 90


@in_run
def test_an_alarm_rings_by_it() -> None:
    with virtual_clock() as clock:
        seen: list[float] = []
        Alarm(HOUR, lambda: seen.append(clock.elapsed))
        sleep(2 * HOUR)
        assert seen == [HOUR]


# ---- advance


@in_run
def test_advance_runs_what_becomes_due_at_its_time() -> None:
    seen: list[tuple[str, float]] = []
    with virtual_clock(autojump=False) as clock:

        def tick(name: str, seconds: float) -> None:
            while True:
                sleep(seconds)
                seen.append((name, clock.elapsed))

        tickers = [go(tick, "two", 2), go(tick, "three", 3)]
        clock.advance(5.5)
        assert seen == [("two", 2), ("three", 3), ("two", 4)]
        assert clock.elapsed == 5.5
        clock.advance(0.5)
        assert seen[3:] == [("three", 6), ("two", 6)]
        for each in tickers:
            each.cancel()


@in_run
def test_advance_by_nothing_lets_all_run_until_they_park() -> None:
    with virtual_clock(autojump=False) as clock:
        seen: list[int] = []

        def work() -> None:
            for i in range(10):
                gosched()
                seen.append(i)
            sleep(1)

        worker = go(work)
        clock.advance(0)
        assert seen == list(range(10))
        assert clock.elapsed == 0
        worker.cancel()


@in_run
def test_the_time_may_be_advanced_by_one_of_many() -> None:
    with virtual_clock() as clock:
        sleeper = go(sleep, HOUR)
        mover = go(clock.advance, 60)
        sleeper.join()
        assert mover.done
        assert clock.elapsed == HOUR


@pytest.mark.parametrize("seconds", [-1, -1e-9, float("inf"), float("nan")])
@in_run
def test_a_clock_is_not_advanced_by_what_is_no_time(seconds: float) -> None:
    with virtual_clock() as clock, pytest.raises(ValueError, match="number of seconds"):
        clock.advance(seconds)


@in_run
def test_two_goroutines_cannot_advance_it_at_once() -> None:
    with virtual_clock() as clock:
        first = parked(go(clock.advance, 60))
        with pytest.raises(RuntimeError, match="another goroutine"):
            clock.advance(1)
        first.join()
        assert clock.elapsed == 60


@in_run
def test_who_is_cancelled_while_it_advances_leaves_the_time_where_it_is() -> None:
    with virtual_clock() as clock:
        mover = go(clock.advance, HOUR)
        Alarm(60, mover.cancel)
        with pytest.raises(Exception, match="cancelled"):
            mover.join()
        assert clock.elapsed == 60
        clock.advance(1)
        assert clock.elapsed == 61


@in_run
def test_a_clock_whose_block_is_over_does_nothing() -> None:
    with virtual_clock() as clock:
        sleep(60)
    assert clock.elapsed == 60
    with pytest.raises(RuntimeError, match="block is over"):
        clock.advance(1)


# ---- autojump


@in_run
def test_without_autojump_the_time_stands() -> None:
    with virtual_clock(autojump=False) as clock:
        sleeper = parked(go(sleep, HOUR))
        wait_all_parked()
        assert clock.elapsed == 0
        assert not sleeper.done
        clock.autojump = True
        sleeper.join()
        assert clock.elapsed == HOUR


@in_run
def test_where_nobody_makes_the_time_go_on_there_is_an_error_and_no_wait() -> None:
    with virtual_clock(autojump=False):
        with pytest.raises(DeadlockError, match="stands still, and nobody") as caught:
            sleep(HOUR)
        assert "main: waiting: sleep" in str(caught.value)


def test_a_deadlock_is_still_one() -> None:
    def main() -> None:
        me = current()
        go(me.join, None).join()

    def test() -> float:
        with virtual_clock() as clock:
            with pytest.raises(DeadlockError, match="nothing can wake them"):
                run(main)
            return clock.elapsed

    assert on_thread(test) == 0


def test_a_deadlock_is_found_when_the_last_timer_is_gone() -> None:
    def main() -> None:
        me = current()
        helper = go(me.join, None)
        go(sleep, HOUR)
        helper.join()

    def test() -> float:
        with virtual_clock() as clock:
            with pytest.raises(DeadlockError):
                run(main)
            return clock.elapsed

    assert on_thread(test) == HOUR


# ---- threads


@in_run
def test_a_call_on_a_thread_holds_the_time() -> None:
    with virtual_clock() as clock:
        told = threading.Event()

        def call() -> str:
            assert told.wait(20)
            return "done"

        caller = go(blocking, call)
        sleeper = parked(go(sleep, HOUR))
        parked(caller)
        threading.Timer(0.02, told.set).start()
        assert caller.join() == "done"
        assert clock.elapsed == 0
        assert not sleeper.done
        sleeper.join()


@in_run
def test_a_call_that_does_not_return_can_be_timed_out_by_advancing() -> None:
    with virtual_clock() as clock:
        told = threading.Event()

        def caller() -> bool:
            try:
                with timeout(30):
                    blocking(told.wait, 20)
            except ScopeTimeout:
                return True
            return False

        waiting = parked(go(caller))
        clock.advance(30)
        assert waiting.join()
        told.set()


@in_run
def test_a_join_of_another_threads_goroutine_holds_the_time() -> None:
    box: list[Goroutine] = []
    ready, told = threading.Event(), threading.Event()

    def other() -> None:
        box.append(go(blocking, told.wait, 20))
        gosched()
        ready.set()
        box[0].join()

    thread = threading.Thread(target=other)
    thread.start()
    assert ready.wait(20)
    with virtual_clock() as clock:
        joiner = go(box[0].join)
        sleeper = parked(go(sleep, HOUR))
        threading.Timer(0.02, told.set).start()
        joiner.join()
        assert not sleeper.done
        assert clock.elapsed == 0
        sleeper.cancel()
    thread.join(20)


@in_run
def test_a_call_on_a_thread_goes_by_the_real_time() -> None:
    def nap() -> float:
        begin = time.monotonic()
        sleep(0.01)  # of a goroutine of that thread
        return time.monotonic() - begin

    with virtual_clock() as clock:
        assert 0.01 <= blocking(nap) < HOUR
        assert clock.elapsed == 0


@in_run
def test_each_thread_has_a_clock_of_its_own() -> None:
    def other() -> float:
        with virtual_clock() as clock:
            sleep(HOUR)
            return clock.elapsed

    with virtual_clock() as clock:
        assert blocking(other) == HOUR
        assert clock.elapsed == 0
        sleep(1)
        assert clock.elapsed == 1


@in_run
def test_it_is_of_no_use_on_another_thread() -> None:
    with virtual_clock() as clock, pytest.raises(RuntimeError, match="not that of this thread"):
        blocking(clock.advance, 1)


@in_run
def test_one_clock_is_enough_for_a_thread() -> None:
    with virtual_clock() as clock:
        with pytest.raises(RuntimeError, match="already"), virtual_clock():
            pytest.fail("there are two")
        sleep(1)
        assert clock.elapsed == 1


def test_it_is_left_where_it_was_entered() -> None:
    block = virtual_clock()
    on_thread(block.__enter__)
    with pytest.raises(RuntimeError, match="on the thread that has entered it"):
        block.__exit__(None, None, None)


# ---- and the end of a run


def test_the_grace_of_goroutines_that_do_not_end_is_virtual(left_behind: list[str]) -> None:
    def stubborn() -> None:
        with shield():
            sleep(HOUR)

    def main() -> None:
        parked(go(stubborn))

    begin = time.perf_counter()
    with virtual_clock():
        run(main)
    assert time.perf_counter() - begin < 2
    assert len(left_behind) == 1
    left_behind.clear()


def test_a_cleaning_up_that_sleeps_takes_virtual_time() -> None:
    def work() -> None:
        try:
            sleep(HOUR)
        finally:
            ended.append(time.monotonic())

    def main() -> None:
        parked(go(work))
        sleep(2)

    ended: list[float] = []
    with virtual_clock() as clock:
        run(main)
        assert ended == [clock.time()]
        assert clock.elapsed == 2

"""wait_all_parked: it returns when there is nothing left to do, and not before."""

import threading
import time

import pytest

from netpoll import GoroutineCancelled, blocking, current, go, gosched, lowlevel, run, sleep
from netpoll._runtime.permits import call_done
from netpoll.testing import _idle, virtual_clock, wait_all_parked
from tests.running import in_run, parked


@in_run
def test_it_returns_when_the_others_are_parked() -> None:
    seen: list[int] = []

    def work() -> None:
        for i in range(50):
            gosched()
            seen.append(i)
        lowlevel.park()

    worker = go(work)
    wait_all_parked()
    assert seen == list(range(50))
    assert worker.state == "waiting: park"
    worker.cancel()


@in_run
def test_it_waits_for_those_who_wake_one_another() -> None:
    hops: list[int] = []

    def hop(i: int) -> None:
        lowlevel.park()
        hops.append(i)
        if i:
            lowlevel.ready(chain[i - 1])

    chain = [go(hop, i) for i in range(20)]
    wait_all_parked()
    assert hops == []
    lowlevel.ready(chain[-1])
    wait_all_parked()
    assert hops == list(range(19, -1, -1))


@in_run
def test_alone_it_returns_at_once() -> None:
    begin = time.perf_counter()
    wait_all_parked()
    assert time.perf_counter() - begin < 1


def test_it_goes_without_a_run() -> None:
    wait_all_parked()


@in_run
def test_several_wait_at_once_and_all_go_on() -> None:
    seen: list[str] = []

    def wait(name: str) -> None:
        wait_all_parked()
        seen.append(name)

    def work() -> None:
        for _ in range(10):
            gosched()
        seen.append("work")

    waits = [go(wait, name) for name in "abc"]
    worker = go(work)
    wait_all_parked()
    assert seen[0] == "work"
    for each in waits:
        each.join()
    assert sorted(seen[1:]) == ["a", "b", "c"]
    assert worker.done


@in_run
def test_no_timer_is_waited_for() -> None:
    sleeper = go(sleep, 3600)
    begin = time.perf_counter()
    wait_all_parked()
    assert time.perf_counter() - begin < 60
    assert not sleeper.done
    sleeper.cancel()


@in_run
def test_no_virtual_time_passes() -> None:
    with virtual_clock() as clock:
        sleeper = go(sleep, 3600)
        for _ in range(10):
            wait_all_parked()
        assert clock.elapsed == 0
        assert not sleeper.done
        sleeper.join()


@in_run
def test_who_waits_for_a_call_counts_as_parked() -> None:
    told = threading.Event()
    caller = go(blocking, told.wait, 20)
    wait_all_parked()
    assert not caller.done
    told.set()
    assert caller.join()


@in_run
def test_a_wakeup_for_park_is_not_taken_by_it() -> None:
    me = current()
    go(lowlevel.ready, me)
    wait_all_parked()
    assert lowlevel.park(timeout=20)


@in_run
def test_one_who_is_cancelled_there_is_forgotten() -> None:
    waits = go(wait_all_parked)
    gosched()
    waits.cancel()
    with pytest.raises(GoroutineCancelled):
        waits.join()
    assert _idle._here.parked == []
    wait_all_parked()


@in_run
def test_what_is_meant_for_a_call_does_not_end_it() -> None:
    waits = go(wait_all_parked)
    call_done(parked(waits))
    for _ in range(10):
        gosched()
    assert not waits.done
    waits.join()


@in_run
def test_it_is_of_each_thread_alone() -> None:
    def work() -> None:
        for _ in range(10):
            gosched()

    def other() -> bool:
        worker = go(work)
        wait_all_parked()
        return worker.done

    spinner_ends: list[bool] = []

    def spin() -> None:
        while not spinner_ends:
            gosched()

    spinner = go(spin)
    assert blocking(other)
    spinner_ends.append(True)
    spinner.join()


def test_afterwards_the_scheduler_waits_as_ever() -> None:
    def main() -> None:
        wait_all_parked()
        begin = time.monotonic()
        sleep(0.01)
        assert time.monotonic() - begin >= 0.01

    run(main)


@in_run
def test_who_is_woken_before_the_others_ran_goes_on_in_turn() -> None:
    # A goroutine that is runnable when the wait begins has run when it ends, whoever made it so.
    seen: list[str] = []

    def work() -> None:
        lowlevel.park()
        seen.append("woken")

    lowlevel.ready(parked(go(work)))
    wait_all_parked()
    assert seen == ["woken"]

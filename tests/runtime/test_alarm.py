"""Alarms: a function begins as a goroutine when its time has come."""

import gc
import threading
import time
from collections.abc import Callable

import pytest

from netpoll import after, current, gosched, run, sleep
from netpoll._runtime.alarm import Alarm
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.testing import virtual_clock
from tests.conftest import Unhandled
from tests.running import in_run, on_thread


@in_run
def test_it_begins_when_it_is_due_and_never_earlier() -> None:
    seen: list[float] = []
    start = time.monotonic()
    Alarm(0.01, lambda: seen.append(time.monotonic()))  # kept alive by itself
    gc.collect()
    while not seen:
        sleep(0.001)
    assert seen[0] - start >= 0.01


@in_run
def test_what_it_calls_is_a_goroutine_and_may_park() -> None:
    seen: list[object] = []

    def work(name: str) -> None:
        sleep(0.001)
        seen.append((name, current() is not main))

    main = current()
    Alarm(0, work, "late")
    sleep(0.02)
    assert seen == [("late", True)]


@in_run
def test_one_that_is_stopped_never_begins() -> None:
    alarm = Alarm(0.001, pytest.fail, "it began")
    assert alarm.stop()
    assert not alarm.stop()
    sleep(0.005)


@in_run
def test_one_that_has_begun_cannot_be_stopped() -> None:
    alarm = Alarm(0, gosched)
    sleep(0.002)
    assert not alarm.stop()


def test_the_end_of_the_run_drops_it() -> None:
    run(lambda: Alarm(0.001, pytest.fail, "it began"))
    time.sleep(0.005)
    run(sleep, 0.005)


def test_it_can_be_stopped_from_another_thread() -> None:
    def main() -> None:
        alarm = Alarm(0.02, pytest.fail, "it began")
        thread = threading.Thread(target=alarm.stop)
        thread.start()
        thread.join()
        sleep(0.03)

    on_thread(run, main)


@in_run
def test_what_it_raises_is_not_lost(unhandled: Unhandled) -> None:
    def fail() -> None:
        raise ValueError("late")

    Alarm(0, fail)
    sleep(0.002)
    (call,) = unhandled
    assert str(call[1]) == "late"
    unhandled.clear()


def test_a_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="number of seconds"):
        Alarm(float("nan"), print)


def test_they_begin_in_the_order_of_their_times() -> None:
    seen: list[int] = []

    def main() -> None:
        for i in reversed(range(200)):
            Alarm(1 + i * 1e-6, seen.append, i)
        sleep(2)

    with virtual_clock():
        run(main)
    assert seen == list(range(200))


@pytest.mark.parametrize("kind", [lambda: Alarm(3600, gosched), lambda: after(3600)])
def test_one_that_is_garbage_together_with_its_scheduler(kind: Callable[[], object]) -> None:
    # In one cycle the collector may break the scheduler first, and it is freed last.
    def make() -> None:
        cycle: list[object] = [ensure_scheduler(), kind()]
        cycle.append(cycle)

    for _ in range(5):
        on_thread(run, make)
        gc.collect()

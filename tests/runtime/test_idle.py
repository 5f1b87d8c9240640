"""What a test kit asks of a scheduler: to stand still in time, and to be asked when it is idle."""

import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from netpoll import Goroutine, blocking, current, go, gosched, lowlevel, net, run, sleep
from netpoll._runtime import lifecycle
from netpoll._runtime.alarm import Alarm, pending
from netpoll._runtime.clock import monotonic_ns, stand_at
from netpoll._runtime.intercept import intercept
from netpoll._runtime.scheduler import Scheduler, attached_scheduler
from tests.running import in_run, on_thread, parked

HOUR = 3600 * 1_000_000_000


def own() -> Scheduler:
    scheduler = attached_scheduler()
    assert scheduler is not None
    return scheduler


@pytest.fixture
def idle() -> Iterator[Callable[[Callable[[int | None], object]], None]]:
    """Give the scheduler of a run somebody to ask, and take everything back."""

    def ask(fn: Callable[[int | None], object]) -> None:
        own().set_on_idle(fn)

    yield ask
    stand_at(0)


# ---- the clock


def test_the_clock_is_that_of_the_kernel() -> None:
    before = time.monotonic_ns()
    assert before <= monotonic_ns() <= time.monotonic_ns()


def test_it_stands_where_it_is_told_to_and_goes_on() -> None:
    stand_at(HOUR)
    assert monotonic_ns() == monotonic_ns() == HOUR
    stand_at(0)
    before = time.monotonic_ns()
    assert before <= monotonic_ns() <= time.monotonic_ns()


@in_run
def test_it_stands_for_one_thread_alone() -> None:
    stand_at(1)
    there = blocking(monotonic_ns)
    stand_at(0)
    assert there > 1


@in_run
def test_signals_are_looked_for_by_the_real_time() -> None:
    # Whoever has taken the wake-up descriptor loses it after 50 ms; see SignalGate.enter.
    stand_at(time.monotonic_ns() + HOUR)
    blocking(time.sleep, 0.001)
    stand_at(0)
    signal.set_wakeup_fd(-1)
    sleep(0.2)
    assert signal.set_wakeup_fd(-1) >= 0


# ---- being asked


@in_run
def test_it_is_asked_in_the_place_of_a_wait(idle: Callable[..., None]) -> None:
    asked: list[int | None] = []
    base = monotonic_ns()
    stand_at(base)

    def jump(delay: int | None) -> bool:
        asked.append(delay)
        assert delay is not None
        stand_at(monotonic_ns() + delay)
        return True

    idle(jump)
    sleep(3600)
    assert asked == [HOUR]
    sleep(1)
    assert asked == [HOUR, 1_000_000_000]
    gosched()
    assert len(asked) == 2


@in_run
def test_without_a_timer_it_is_asked_for_no_time(idle: Callable[..., None]) -> None:
    asked: list[int | None] = []
    me = current()

    def wake(delay: int | None) -> None:
        asked.append(delay)
        lowlevel.ready(me)

    idle(wake)
    assert lowlevel.park()
    assert asked == [None]


@in_run
def test_if_it_says_no_there_is_a_wait(idle: Callable[..., None]) -> None:
    asked: list[int | None] = []
    idle(asked.append)
    begin = time.monotonic()
    sleep(0.01)
    assert time.monotonic() - begin >= 0.01
    assert asked


@in_run
def test_what_it_raises_goes_to_main(idle: Callable[..., None]) -> None:
    def fail(_: int | None) -> None:
        own().set_on_idle(None)
        raise LookupError

    sleeper = parked(go(sleep, 60))
    idle(fail)
    with pytest.raises(LookupError):
        sleep(60)
    assert not sleeper.done


@in_run
def test_it_is_not_asked_while_somebody_can_run(idle: Callable[..., None]) -> None:
    asked: list[int | None] = []
    idle(asked.append)
    go(gosched)
    for _ in range(200):
        gosched()
    assert asked == []


def test_it_is_asked_no_more_when_it_is_taken_away() -> None:
    def main() -> None:
        own().set_on_idle(lambda _: pytest.fail("it was asked"))
        own().set_on_idle(None)
        sleep(0.001)

    run(main)


# ---- the poller before


@pytest.fixture
def polls() -> Iterator[list[int]]:
    delays: list[int] = []
    intercept("epoll_wait", lambda _, delay: delays.append(delay))
    yield delays
    intercept("epoll_wait", None)


@in_run
def test_the_poller_is_asked_before_for_as_long_as_was_said(polls: list[int]) -> None:
    me = current()
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = parked(go(list, listener))
        own().set_on_idle(lambda _: lowlevel.ready(me), 5_000_000)
        lowlevel.park()
        own().set_on_idle(None)
        assert polls[-1] == 5_000_000
        listener.close()
        accepting.join()


@in_run
def test_it_is_not_asked_where_nobody_waits_for_a_descriptor(polls: list[int]) -> None:
    me = current()
    sleep(0.001)  # the gate for signals is a descriptor too
    near, far = net.pipe()
    with near, far:
        reading = parked(go(near.read, 1))
        polls.clear()
        own().set_on_idle(lambda _: lowlevel.ready(me), 5_000_000)
        lowlevel.park()
        own().set_on_idle(None)
        assert 5_000_000 not in polls
        far.write(b"x")
        assert reading.join() == b"x"


# ---- what it may look at


@in_run
def test_those_who_wait_are_counted_by_what_they_wait_for() -> None:
    scheduler = own()

    def counts() -> tuple[int, int, int]:
        return scheduler.net_waiters, scheduler.outside, scheduler.calls

    assert counts() == (0, 0, 0)
    near, far = net.pipe()
    with near, far:
        waiting: list[Goroutine] = [parked(go(near.read, 1))]
        assert counts() == (1, 0, 0)
        waiting.append(parked(go(lowlevel.park)))
        assert counts() == (1, 1, 0)
        told = threading.Event()
        waiting.append(parked(go(blocking, told.wait, 20)))
        assert counts() == (1, 2, 1)
        told.set()
        for each in waiting:
            each.cancel()
        for _ in range(3):
            gosched()
        assert counts() == (0, 0, 0)


@in_run
def test_timers_are_counted_while_they_are_armed() -> None:
    scheduler = own()
    before = scheduler.armed_timers()
    sleepers = [parked(go(sleep, 60)) for _ in range(100)]
    assert scheduler.armed_timers() == before + 100
    for each in sleepers:
        each.cancel()
    gosched()
    assert all(each.done for each in sleepers)
    assert scheduler.armed_timers() == before


@in_run
def test_alarms_are_known_while_they_are_set() -> None:
    alarm = Alarm(60, sleep, 1)
    (goroutine,) = pending(own())
    assert goroutine.name.startswith("sleep-")
    assert goroutine.origin is not None
    assert goroutine.origin[0] == __file__
    alarm.stop()
    assert pending(own()) == []


# ---- new schedulers


def test_each_new_scheduler_is_shown_on_its_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Scheduler] = []
    monkeypatch.setattr(lifecycle, "on_attach", [*lifecycle.on_attach, seen.append])

    def main() -> bool:
        return attached_scheduler() is seen[-1]

    assert run(main)
    assert run(main)
    assert on_thread(run, main)
    assert len(set(seen)) == len(seen) == 3

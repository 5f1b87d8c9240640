"""after and tick: the time, once or again and again, through a channel."""

import gc
import math
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator

import pytest

from netpoll import blocking, current, go, gosched, run, sleep
from netpoll._runtime.clock import stand_at
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.errors import ChannelClosed, DeadlockError
from netpoll.sync.after import TimerChan, after, tick
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from netpoll.testing import virtual_clock
from tests.running import Outcome, in_run, on_thread, parked, says

PERIOD = 0.005


def busy_until(moment: float) -> None:
    """Use up time without parking."""
    while time.monotonic() < moment:
        pass


# ---- after


@in_run
def test_the_time_comes_once_and_never_early() -> None:
    """Source: go1.27 time/sleep_test.go TestAfter."""
    for seconds in (0, 0.0001, 0.001, 0.003):
        begin = time.monotonic()
        channel = after(seconds)
        sent = channel.recv()
        assert begin + seconds <= sent <= time.monotonic()
        with pytest.raises(TimeoutError):
            channel.recv(0.001)


@in_run
def test_a_time_in_the_past_comes_at_once() -> None:
    assert after(-5).try_recv()[1]
    assert after(0).try_recv()[1]


@in_run
def test_several_come_in_the_order_of_their_times() -> None:
    """Source: go1.27 time/sleep_test.go TestAfterQueuing."""
    seen: list[int] = []

    def wait(number: int) -> None:
        after(number * PERIOD).recv()
        seen.append(number)

    order = [3, 1, 5, 0, 2, 4]
    for goroutine in [go(wait, number) for number in order]:
        goroutine.join()
    assert seen == sorted(order)


@in_run
def test_a_select_with_a_limit_of_its_own_reads_as_in_go() -> None:
    work = Chan[int]()
    match select(work.recv, after(0.002).recv):
        case 0, _, _:
            pytest.fail("nobody works")
        case 1, now, True:
            assert isinstance(now, float)


@in_run
def test_what_is_due_is_there_although_the_thread_was_busy() -> None:
    channel = after(0.001)
    assert channel.try_recv() == (None, False)
    assert len(channel) == 0
    busy_until(time.monotonic() + 0.002)
    assert len(channel) == 1
    assert select(channel, default=True)[0] == 0
    channel = after(0.001)
    busy_until(time.monotonic() + 0.002)
    assert channel.try_recv()[1]


@in_run
def test_a_hundred_thousand_of_no_time_all_come() -> None:
    """Source: go1.27 time/sleep_test.go TestZeroTimer."""
    for _ in range(1000):
        channels = [after(0) for _ in range(100)]
        for channel in channels:
            channel.recv()


@pytest.mark.parametrize("way", [TimerChan.recv, select])
@in_run
def test_many_of_no_time_wake_those_who_wait(way: Callable[[TimerChan], object]) -> None:
    for _ in range(2000):
        channel = after(0.00001)
        way(channel)


@pytest.mark.parametrize("wrong", [float("nan"), "1", None])
def test_what_is_no_time_is_refused(wrong: float) -> None:
    for make in (after, tick):
        with pytest.raises((ValueError, TypeError)):
            make(wrong)


@pytest.mark.parametrize("wrong", [0, -1, -math.inf])
def test_what_is_no_period_is_refused(wrong: float) -> None:
    with pytest.raises(ValueError, match="period"):
        tick(wrong)


@in_run
def test_for_ever_is_a_time_too() -> None:
    for channel in (after(math.inf), after(1e300), tick(math.inf), tick(1e300)):
        with pytest.raises(TimeoutError):
            channel.recv(0.001)


def test_a_timer_channel_is_made_by_the_functions() -> None:
    with pytest.raises(TypeError, match=r"after\(\) or tick\(\)"):
        TimerChan()
    assert TimerChan.__new__(TimerChan).stop() is False


# ---- tick


@in_run
def test_ticks_come_at_the_multiples_of_the_period() -> None:
    """Source: go1.27 time/tick_test.go TestTicker, time/sleep_test.go TestAfterTick."""
    begin = time.monotonic()
    ticker = tick(PERIOD)
    moments = [ticker.recv() - begin for _ in range(10)]
    ticker.stop()
    assert moments == sorted(moments)
    assert all(moment >= (i + 1) * PERIOD for i, moment in enumerate(moments))


HOUR = 3600

# Who lets a timer fire: the scheduler, or the receiver who looks.
each_way_to_fire = pytest.mark.parametrize("turn", [gosched, lambda: None], ids=["turn", "look"])


@pytest.fixture
def at() -> Iterator[Callable[[float], None]]:
    """Let the time stand still, and move it on."""

    def move(seconds: float) -> None:
        stand_at(round((HOUR + seconds) * 1e9))

    move(0)
    yield move
    stand_at(0)


@each_way_to_fire
@in_run
def test_the_rate_is_kept_when_a_tick_is_late(
    at: Callable[[float], None], turn: Callable[[], None]
) -> None:
    ticker = tick(1)
    seen: list[float] = []
    for moment in (0.9, 1, 1.9, 2.5, 2.9, 3, 3.9, 4.9, 5.9, 6):
        at(moment)
        turn()
        match ticker.try_recv():
            case now, True:
                assert now == pytest.approx(HOUR + moment)
                seen.append(moment)
    assert seen == [1, 2.5, 3, 4.9, 5.9, 6]


@each_way_to_fire
@in_run
def test_a_slow_receiver_gets_one_tick_for_all_that_it_missed(
    at: Callable[[float], None], turn: Callable[[], None]
) -> None:
    ticker = tick(1)
    for moment in (1.5, 2.5, 3.5):
        at(moment)
        turn()
    at(1000.25)
    turn()
    assert len(ticker) == 1
    assert ticker.try_recv()[1]
    assert not ticker.try_recv()[1]
    at(1000.99)
    assert not ticker.try_recv()[1]
    at(1001)
    turn()
    assert ticker.try_recv()[1]


@each_way_to_fire
@in_run
def test_a_ticker_keeps_its_new_rate_after_a_reset(
    at: Callable[[float], None], turn: Callable[[], None]
) -> None:
    """Source: go1.27 time/tick_test.go TestTicker."""
    ticker = tick(10)
    at(5)
    assert ticker.reset(2)
    seen: list[float] = []
    for moment in (6.9, 7, 8.9, 9.5, 10.9, 11.1, 13):
        at(moment)
        turn()
        if ticker.try_recv()[1]:
            seen.append(moment)
    assert seen == [7, 9.5, 11.1, 13]
    with pytest.raises(ValueError, match="period"):
        ticker.reset(0)


@each_way_to_fire
@in_run
def test_what_was_reset_comes_at_the_new_time_alone(
    at: Callable[[float], None], turn: Callable[[], None]
) -> None:
    """Source: go1.27 time/sleep_test.go TestReset."""
    channel = after(5)
    at(4)
    assert channel.reset(7) is True
    seen: list[float] = []
    for moment in (5, 10.9, 11, 12, 20):
        at(moment)
        turn()
        if channel.try_recv()[1]:
            seen.append(moment)
    assert seen == [11]
    assert channel.reset(1) is False
    at(21)
    turn()
    assert channel.try_recv()[1]


@in_run
def test_a_loop_over_a_ticker() -> None:
    ticker = tick(0.001)
    for number, _ in enumerate(ticker):
        if number == 5:
            ticker.stop()
            break
    assert ticker.try_recv() == (None, False)


@in_run
def test_a_ticker_that_is_closed_ends_its_loop() -> None:
    ticker = tick(0.001)

    def close() -> None:
        sleep(0.004)
        ticker.close()

    go(close)
    assert 1 <= len(list(ticker)) <= 4
    with pytest.raises(ChannelClosed):
        ticker.recv()


def count(ticker: TimerChan) -> int:
    return sum(1 for _ in ticker)


@in_run
def test_the_shortest_period_starves_nobody() -> None:
    """Source: go1.27 time/tick_test.go TestTickerStress in spirit: timers that are always due."""
    tickers = [tick(1e-9) for _ in range(10)]
    loops = [go(count, ticker) for ticker in tickers]
    turns = 0
    begin = time.monotonic()
    while time.monotonic() < begin + 0.02:
        gosched()
        turns += 1
    sleep(0.001)
    for ticker in tickers:
        ticker.close()
    assert turns > 10
    assert all(loop.join() > 10 for loop in loops)


# ---- stop and reset


@in_run
def test_stop_says_whether_something_was_to_come() -> None:
    """Source: go1.27 time/sleep_test.go TestStopResult, testStopResetResult."""
    channel = after(1000)
    assert channel.stop()
    assert not channel.stop()
    channel = after(0.001)
    channel.recv()
    assert not channel.stop()
    channel = after(0)
    busy_until(time.monotonic() + 0.001)
    assert channel.stop()  # it had come, and nobody had received it
    assert not channel.stop()


@pytest.mark.parametrize("looked", [True, False])
@in_run
def test_nothing_stale_comes_after_a_stop(looked: bool) -> None:
    channel = after(0.0005)
    ticker = tick(0.0005)
    sleep(0.002) if looked else busy_until(time.monotonic() + 0.002)
    channel.stop()
    ticker.stop()
    with pytest.raises(TimeoutError):
        select(channel, ticker, timeout=0.002)


@in_run
def test_reset_begins_anew() -> None:
    """Source: go1.27 time/sleep_test.go TestReset."""
    begin = time.monotonic()
    channel = after(0.001)
    assert channel.reset(0.01) is True
    assert channel.recv() >= begin + 0.01
    assert channel.reset(0) is False
    assert channel.recv()
    channel = after(1000)
    assert channel.reset(0.001)
    channel.recv()
    channel = after(0)
    busy_until(time.monotonic() + 0.0001)
    begin = time.monotonic()
    assert channel.reset(0.002)
    assert channel.recv() >= begin + 0.002


@in_run
def test_a_thread_that_sleeps_hears_of_a_reset_on_another_one() -> None:
    channel = after(1000)
    receiver = parked(go(channel.recv))
    threading.Timer(0.005, channel.reset, [0.001]).start()
    begin = time.monotonic()
    receiver.join()
    assert time.monotonic() - begin < 5


@in_run
def test_another_thread_may_receive_stop_and_drop_it() -> None:
    channel = after(0.002)
    thread = Outcome(channel.recv)
    thread.start()
    assert blocking(thread.result) > 0
    ticker = tick(0.0005)

    def five_and_stop() -> bool:
        for _ in range(5):
            ticker.recv()
        return ticker.stop()

    stopping = Outcome(five_and_stop)
    stopping.start()
    blocking(stopping.result)
    with pytest.raises(TimeoutError):
        ticker.recv(0.002)

    def drop(channels: list[TimerChan]) -> None:
        channels.clear()

    blocking(drop, [after(0.001) for _ in range(100)])
    sleep(0.002)


# ---- what it keeps, and what it keeps going


@in_run
def test_a_timer_goes_with_its_channel() -> None:
    for _ in range(3):
        channels = [after(0.002) for _ in range(100)] + [tick(0.001) for _ in range(100)]
        sleep(0.001)
        del channels
    gc.collect()
    sleep(0.004)


@pytest.mark.parametrize("make", [after, tick])
def test_a_pending_timer_is_no_deadlock(make: Callable[[float], TimerChan]) -> None:
    def main() -> float:
        return go(make(0.005).recv).join()

    assert on_thread(main) > 0


def test_a_timer_that_was_stopped_or_dropped_is_a_deadlock() -> None:
    lines = """
        from netpoll import DeadlockError, run
        from netpoll.sync.after import after, tick

        def main():
            for make in (after, tick):
                channel = make(1000)
                make(1000)
                channel.stop()
                try:
                    channel.recv()
                except DeadlockError:
                    print("told")

        run(main)
        """
    assert says(lines) == "told\ntold\n"


@pytest.mark.parametrize("what", ["after(3600)", "tick(3600)", "Alarm(3600, print)"])
def test_it_may_be_collected_together_with_its_scheduler(what: str) -> None:
    assert (
        says(
            f"""
        import gc
        from netpoll import after, run, tick
        from netpoll._runtime.alarm import Alarm

        def main():
            timer = {what}
            ring = [timer]
            ring.append(ring)

        for _ in range(3):
            run(main)  # its scheduler has nobody else after that
            gc.collect()
        print("well")
        """
        )
        == "well\n"
    )


def test_a_timer_ends_with_its_run() -> None:
    channels: list[TimerChan] = []

    def main() -> None:
        channels.extend([after(0.001), tick(0.001)])

    for _ in range(3):
        run(main)
    busy_until(time.monotonic() + 0.002)
    assert all(channel.try_recv()[1] for channel in channels)  # what is due comes all the same
    for channel in channels:
        channel.stop()
        channel.reset(1000)
    channels.clear()


@in_run
def test_a_signal_does_not_disturb_a_ticker() -> None:
    seen = 0

    def handler(*_: object) -> None:
        nonlocal seen
        seen += 1

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        ticker = tick(0.001)
        for _ in range(20):
            os.kill(os.getpid(), signal.SIGUSR1)
            ticker.recv()
    finally:
        signal.signal(signal.SIGUSR1, before)
    assert seen == 20


@in_run
def test_many_tickers_under_load_all_tick() -> None:
    """Source: go1.27 time/tick_test.go TestTickerStress."""
    stop = False
    garbage: list[object] = []

    def churn() -> None:
        while not stop:
            garbage[:] = [[] for _ in range(100)]
            gosched()

    churning = go(churn)

    def count_of(period: float) -> int:
        ticker = tick(period)
        return sum(1 for _, _ in zip(range(20), ticker, strict=False))

    counting = [go(count_of, 0.0005 * (1 + i % 5)) for i in range(50)]
    assert [goroutine.join() for goroutine in counting] == [20] * 50
    stop = True
    churning.join()


def test_a_ticker_that_nobody_receives_from_hides_no_deadlock() -> None:
    """Source: go1.27 runtime/time.go: a channel's timer is in the heap while somebody waits."""

    def main() -> None:
        ticker = tick(0.001)
        go(current().join).join()
        ticker.stop()

    with pytest.raises(DeadlockError):
        on_thread(run, main)


@in_run
def test_a_ticker_that_nobody_receives_from_wakes_nobody_and_keeps_its_rate() -> None:
    with virtual_clock() as clock:
        begin = time.monotonic()
        ticker = tick(10)
        armed = ensure_scheduler().armed_timers()
        clock.advance(25)
        assert ensure_scheduler().armed_timers() == armed - 1
        assert ticker.recv() - begin == pytest.approx(10)
        assert ensure_scheduler().armed_timers() == armed
        assert ticker.recv() - begin == pytest.approx(30)
        assert ticker.stop()
        assert ensure_scheduler().armed_timers() == armed - 1
        clock.advance(100)
        assert not ticker.try_recv()[1]


@in_run
def test_another_threads_receiver_wakes_a_ticker_that_is_asleep() -> None:
    ticker = tick(0.002)
    sleep(0.01)  # nobody has received: its scheduler has nothing to wake up for
    seen = blocking(lambda: [ticker.recv() for _ in range(5)])
    assert seen == sorted(set(seen))
    ticker.stop()

"""sleep: never early, and on time even where others keep the thread busy."""

import time
from collections.abc import Iterator

import pytest

from netpoll import Cancelled, Goroutine, current, go, gosched, lowlevel, sleep
from netpoll._runtime.intercept import intercept
from tests.running import Outcome, in_run, on_thread, parked

LATE = 0.05
"""How late, in seconds of the thread's own work, a timer of a goroutine may be."""


@pytest.fixture
def polls() -> Iterator[list[int]]:
    """Return the delays, in ns, for which the kernel was asked for events."""
    delays: list[int] = []
    intercept("epoll_wait", lambda _, delay: delays.append(delay))
    yield delays
    intercept("epoll_wait", None)


@pytest.mark.parametrize("ms", [0.1, 0.25, 0.5, 0.99, 1, 1.001, 1.5, 2, 2.7, 3])
@in_run
def test_a_sleep_is_never_early(ms: float) -> None:
    for _ in range(5):
        begin = time.monotonic()
        sleep(ms / 1000)
        assert time.monotonic() - begin >= ms / 1000


@in_run
def test_sleeps_of_many_goroutines_are_never_early() -> None:
    def nap(seconds: float) -> float:
        begin = time.monotonic()
        sleep(seconds)
        return time.monotonic() - begin - seconds

    naps = [go(nap, 0.0001 * i) for i in range(100)]
    assert min(each.join() for each in naps) >= 0


@in_run
def test_a_short_sleep_asks_the_kernel_once_or_twice(polls: list[int]) -> None:
    for _ in range(10):
        polls.clear()
        sleep(0.001)
        assert len(polls) <= 2
        assert all(0 < delay <= 1_000_000 for delay in polls)


def test_a_sleep_elsewhere_than_on_the_main_thread_asks_the_kernel_once(polls: list[int]) -> None:
    def main() -> None:
        sleep(0.02)
        assert len(polls) <= 2

    on_thread(main)


@in_run
def test_an_idle_thread_asks_the_kernel_for_nothing(polls: list[int]) -> None:
    sleep(0.02)
    polls.clear()
    sleep(0.1)
    # One more than the sleep itself: the signal gate looks again once, soon after it was set.
    assert len(polls) <= 2


@in_run
def test_goroutines_wake_in_the_order_of_their_times() -> None:
    seen: list[int] = []

    def nap(i: int) -> None:
        sleep(0.002 + 0.01 * i)
        seen.append(i)

    for each in [go(nap, (i * 7) % 10) for i in range(10)]:
        each.join()
    assert seen == list(range(10))


@pytest.mark.parametrize("seconds", [0, 0.0, -0.0, -1, -1e-9, -1e300, float("-inf")])
@in_run
def test_no_time_or_less_only_yields(seconds: float, polls: list[int]) -> None:
    seen: list[str] = []
    go(seen.append, "another")
    sleep(seconds)
    assert seen == ["another"]
    assert not any(polls)  # none of them blocked


@in_run
def test_the_shortest_sleep_parks() -> None:
    for _ in range(100):
        sleep(5e-324)


@pytest.mark.parametrize("seconds", [25 * 86400, 9.3e9, 1e10, 1e300, float("inf")])
@in_run
def test_a_sleep_for_ages_lasts(seconds: float) -> None:
    sleeper = parked(go(sleep, seconds))
    sleep(0.002)
    assert sleeper.state == "waiting: sleep"
    sleeper.cancel()


@pytest.mark.parametrize("seconds", [9.3e9, 1e300, float("inf")])
def test_main_may_sleep_for_ages_alone(seconds: float) -> None:
    box: list[Goroutine] = []

    def main() -> None:
        box.append(current())
        sleep(seconds)

    def cancel_when_it_sleeps() -> None:
        while not box or box[0].state != "waiting: sleep":
            time.sleep(0.0001)
        box[0].cancel()

    canceller = Outcome(cancel_when_it_sleeps)
    canceller.start()
    with pytest.raises(Cancelled, match="main was cancelled"):
        on_thread(main)
    canceller.result()


@in_run
def test_a_sleep_of_nan_is_refused() -> None:
    with pytest.raises(ValueError, match="NaN"):
        sleep(float("nan"))


@in_run
def test_a_sleep_wants_a_number() -> None:
    with pytest.raises(TypeError):
        sleep("1")  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        sleep(None)  # type: ignore[arg-type]


@in_run
def test_ten_thousand_goroutines_sleep_at_once() -> None:
    begin = time.monotonic()
    for each in [go(sleep, 0.001) for _ in range(10_000)]:
        each.join()
    assert time.monotonic() - begin < 2


# ---- among the busy


@pytest.mark.parametrize("spinners", [1, 3])
@in_run
def test_a_timer_is_on_time_while_others_only_yield(spinners: int) -> None:
    done = False

    def spin() -> None:
        while not done:
            gosched()

    for _ in range(spinners):
        go(spin)
    begin = time.thread_time()
    sleep(0.02)
    assert time.thread_time() - begin < 0.02 + LATE
    done = True


@in_run
def test_a_timer_is_on_time_while_two_ready_one_another() -> None:
    done = False

    def bounce(other: list[Goroutine]) -> None:
        while not done:
            lowlevel.ready(other[0])
            lowlevel.park()
        lowlevel.ready(other[0])

    one: list[Goroutine] = []
    two = [go(bounce, one)]
    one.append(go(bounce, two))
    begin = time.thread_time()
    sleep(0.02)
    assert time.thread_time() - begin < 0.02 + LATE
    done = True
    two[0].join()
    one[0].join()


@in_run
def test_a_timer_is_on_time_among_timers_of_no_length() -> None:
    done = False

    def tick() -> None:
        while not done:
            sleep(1e-9)

    tickers = [go(tick) for _ in range(10)]
    begin = time.thread_time()
    sleep(0.02)
    assert time.thread_time() - begin < 0.02 + LATE
    done = True
    for ticker in tickers:
        ticker.join()

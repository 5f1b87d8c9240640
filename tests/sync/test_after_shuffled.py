"""What `after` and `tick` promise, in a thousand orders of the goroutines each, in virtual time."""

import random
from collections.abc import Callable

import pytest

from netpoll import go, gosched, run, sleep
from netpoll.sync.after import TimerChan, after, tick
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from netpoll.testing import VirtualClock, shuffled, virtual_clock

SEEDS = range(1, 1001)


def in_the_order_of_their_times(clock: VirtualClock, chance: random.Random) -> None:
    """Each comes once, at its time, whoever waits for it and however."""
    begin = clock.time()
    seconds = [chance.randrange(5) for _ in range(6)]
    timers = [after(each) for each in seconds]
    came: list[tuple[int, float]] = []

    def receive(number: int) -> None:
        if chance.random() < 0.5:
            when = timers[number].recv()
        else:
            _, when, _ = select(Chan[float](), timers[number], timeout=10)
        assert clock.time() == when
        came.append((number, when))

    for goroutine in [go(receive, number) for number in range(6)]:
        goroutine.join()
    assert sorted(number for number, _ in came) == list(range(6))
    assert [when for _, when in came] == sorted(when for _, when in came)
    for number, when in came:
        assert when == pytest.approx(begin + seconds[number])
    assert not any(map(len, timers))


def one_result_for_one_value(clock: VirtualClock, chance: random.Random) -> None:
    """What was to come either comes or is withdrawn by one of those who stop and reset it."""
    timer = after(1)
    armed = 1
    withdrawn: list[bool] = []
    received: list[float] = []

    def receive() -> None:
        while True:
            index, when, _ = select(timer, over)
            if index == 1:
                return
            received.append(when)

    def stop_or_reset(delay: int, again_in: int | None) -> None:
        nonlocal armed
        sleep(delay)
        if again_in is None:
            withdrawn.append(timer.stop())
        else:
            withdrawn.append(timer.reset(again_in))
            armed += 1

    over = Chan[None]()
    receiving = go(receive)
    changing = [
        go(stop_or_reset, chance.randrange(4), chance.choice([None, 0, 1, 2])) for _ in range(4)
    ]
    for goroutine in changing:
        goroutine.join()
    sleep(10)
    assert len(received) + sum(withdrawn) == armed
    assert received == sorted(received)
    assert not timer.stop()
    over.close()
    receiving.join()


def nothing_stale_after_a_stop(clock: VirtualClock, chance: random.Random) -> None:
    """What is received after a reset is of the reset, whatever was there before."""
    timers = [after(1), tick(1)]
    for timer in timers:
        timing = go(sleep, chance.randrange(3))
        timing.join()
        for _ in range(chance.randrange(3)):
            gosched()
        if chance.random() < 0.5:
            timer.stop()
            assert timer.try_recv() == (None, False)
        begin = clock.time()
        timer.reset(2)
        assert timer.recv() >= begin + 2 - 1e-6
        timer.stop()


def a_rate_that_is_kept(clock: VirtualClock, chance: random.Random) -> None:
    """Several who share a ticker have each tick once; who is slow misses some, and no rhythm."""
    begin = clock.time()
    ticker = tick(1)
    came: list[float] = []

    def receive(slow: int) -> None:
        for when in ticker:
            came.append(when)
            sleep(slow)

    receiving = [go(receive, chance.randrange(3)) for _ in range(chance.randrange(1, 4))]
    closing = go(close_in, ticker, 8.5)
    for goroutine in (*receiving, closing):
        goroutine.join()
    assert came == sorted(set(came))
    assert all((when - begin) % 1 == pytest.approx(0, abs=1e-6) for when in came)
    assert came[0] == pytest.approx(begin + 1)
    assert came[-1] < begin + 8.5
    assert len(came) >= 3


def close_in(ticker: TimerChan, seconds: float) -> None:
    sleep(seconds)
    ticker.close()


@pytest.mark.parametrize(
    "program",
    [
        in_the_order_of_their_times,
        one_result_for_one_value,
        nothing_stale_after_a_stop,
        a_rate_that_is_kept,
    ],
)
def test_it_holds_in_a_thousand_orders(
    program: Callable[[VirtualClock, random.Random], None],
) -> None:
    def main(seed: int) -> None:
        with virtual_clock() as clock:
            program(clock, random.Random(seed))

    for seed in SEEDS:
        try:
            with shuffled(seed):
                run(main, seed)
        except BaseException as failure:
            failure.add_note(f"seed {seed}")
            raise

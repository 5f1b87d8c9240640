"""The virtual clock, timer channels and scopes: those made in its block, and those from before."""

import time
from collections.abc import Callable
from typing import Any

import pytest

from netpoll import (
    Cancelled,
    CancelScope,
    Chan,
    ScopeTimeout,
    after,
    cancel_scope,
    deadline,
    go,
    select,
    shield,
    sleep,
    tick,
    timeout,
)
from netpoll.testing import virtual_clock, wait_all_parked
from tests.running import in_run, parked

HOUR = 3600.0
SLACK = 10.0
"""Seconds of real time that a busy machine may take from the making of something to the block."""


@in_run
def test_a_timer_from_before_comes_at_its_time() -> None:
    timer = after(HOUR)
    with virtual_clock() as clock:
        assert timer.recv() == time.monotonic()
        assert HOUR - SLACK < clock.elapsed <= HOUR


@in_run
def test_a_timer_from_before_that_is_due_is_there() -> None:
    timer = after(0)
    with virtual_clock() as clock:
        assert timer.recv() == time.monotonic()
        assert clock.elapsed == 0


@in_run
def test_a_ticker_from_before_keeps_its_rate() -> None:
    ticker = tick(60)
    with virtual_clock() as clock:
        first = ticker.recv()
        assert 60 - SLACK < clock.elapsed <= 60
        assert [ticker.recv() - first for _ in range(5)] == pytest.approx([60, 120, 180, 240, 300])
        sleep(HOUR)
        # One is there, from an hour ago: what is in excess was dropped.
        assert ticker.recv() - first == pytest.approx(360)
        assert ticker.recv() - first == pytest.approx(300 + HOUR + 60)


@in_run
def test_who_waits_already_for_a_timer_has_it_in_the_block() -> None:
    timer, ticker = after(HOUR), tick(HOUR)
    waiters = [
        parked(go(timer.recv)),
        parked(go(select, ticker, Chan[int]())),
    ]
    with virtual_clock() as clock:
        for waiter in waiters:
            waiter.join()
        assert HOUR - SLACK < clock.elapsed <= HOUR


@in_run
def test_a_timer_from_before_is_stopped_and_reset_in_the_block() -> None:
    timer, ticker = after(HOUR), tick(HOUR)
    with virtual_clock() as clock:
        assert timer.reset(30)
        assert ticker.reset(20)
        assert timer.recv() == clock.time()
        assert clock.elapsed == 30
        assert ticker.recv() - clock.time() == -10
        ticker.recv()
        assert clock.elapsed == 40
        assert ticker.stop()
        assert timer.stop() is False
        sleep(HOUR)
        assert timer.try_recv() == ticker.try_recv() == (None, False)


@in_run
def test_a_timer_from_before_comes_when_the_clock_is_advanced_to_it() -> None:
    timer, ticker = after(100), tick(40)
    seen: list[str] = []

    def note(name: str, channel: Chan[float]) -> None:
        seen.extend(name for _ in channel)

    notes = [go(note, "timer", timer), go(note, "ticker", ticker)]
    with virtual_clock(autojump=False) as clock:
        wait_all_parked()
        assert seen == []
        clock.advance(41)
        assert seen == ["ticker"]
        clock.advance(80)
        assert seen == ["ticker", "ticker", "timer", "ticker"]
        for each in notes:
            each.cancel()


MAKE: list[Callable[[], CancelScope]] = [
    lambda: timeout(HOUR),
    lambda: deadline(time.monotonic() + HOUR),
    lambda: cancel_scope(deadline=time.monotonic() + HOUR),
]


@pytest.mark.parametrize("make", MAKE)
@in_run
def test_a_scope_from_before_ends_at_its_time_and_no_other_does(
    make: Callable[[], CancelScope],
) -> None:
    elapsed: list[float] = []

    def wait() -> None:
        with virtual_clock() as clock:
            try:
                with timeout(2 * HOUR) as inner:
                    after(3 * HOUR).recv()
            finally:
                elapsed.append(clock.elapsed)
                assert not inner.cancelled

    scope = make()
    if scope.deadline is not None and make is MAKE[2]:
        with scope:
            wait()
    else:
        with pytest.raises(ScopeTimeout) as caught, scope:
            wait()
        assert caught.value.scope is scope
    assert scope.expired
    assert scope.caught
    assert HOUR - SLACK < elapsed[0] <= HOUR


@in_run
def test_a_limit_in_the_block_ends_the_wait_for_a_timer_and_not_the_timer() -> None:
    timer, ticker = after(HOUR), tick(HOUR / 2)
    with virtual_clock() as clock:
        for number in range(1, 4):
            with pytest.raises(ScopeTimeout) as caught, timeout(60) as scope:
                select(timer, ticker)
            assert caught.value.scope is scope
            assert clock.elapsed == 60 * number
        assert ticker.waiting == timer.waiting == (0, 0)
        assert select(timer, ticker)[0] == 1
        assert HOUR / 2 - SLACK < clock.elapsed <= HOUR / 2
        timer.recv()
        assert HOUR - SLACK < clock.elapsed <= HOUR


@in_run
def test_a_limit_at_the_moment_of_a_timer_takes_nothing_away() -> None:
    """What has come is received, now or after the scope; the scope is over at the same moment."""
    for _ in range(20):
        with virtual_clock() as clock:
            timer = after(30)
            got: list[float] = []
            with cancel_scope(deadline=clock.time() + 30) as scope:
                got.append(timer.recv())
                with pytest.raises(Cancelled):
                    sleep(0)
            assert scope.expired
            assert clock.elapsed == 30
            if not got:
                value, ok = timer.try_recv()
                assert ok
                assert value == clock.time()


@in_run
def test_a_shield_holds_a_limit_from_before_off() -> None:
    ticker = tick(1.5 * HOUR)
    seen: list[Any] = []
    with pytest.raises(ScopeTimeout) as caught, timeout(HOUR) as outer, virtual_clock() as clock:
        with shield():
            seen.append(ticker.recv())
            assert outer.expired
        assert 1.5 * HOUR - SLACK < clock.elapsed <= 1.5 * HOUR
        sleep(0)
        seen.append("went on")
    assert caught.value.scope is outer
    assert len(seen) == 1


@in_run
def test_a_deadline_moved_in_the_block_counts_in_the_block() -> None:
    with pytest.raises(ScopeTimeout), timeout(HOUR) as scope, virtual_clock() as clock:
        scope.deadline = clock.time() + 5
        try:
            after(HOUR).recv()
        finally:
            assert clock.elapsed == 5
    with timeout(HOUR) as scope:
        with virtual_clock():
            scope.deadline = None
            sleep(10 * HOUR)
        sleep(0.001)
    assert not scope.cancelled

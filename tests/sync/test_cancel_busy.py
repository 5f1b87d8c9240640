"""Who never has to wait is stopped too: between two operations, where the others have a turn."""

import time
from collections.abc import Callable, Iterator

import pytest

from netpoll import Chan, Goroutine, GoroutineCancelled, ScopeTimeout, go, gosched, select, timeout
from netpoll import shield as shielded
from tests.running import in_run


def while_there_is_time(seconds: float) -> Iterator[int]:
    """Count; a loop over it ends by itself, for a test that is to fail and not to hang."""
    count = 0
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        yield count
        count += 1


def send_and_receive(channel: Chan[int]) -> None:
    channel.send(1)
    channel.recv()


def send_and_iterate(channel: Chan[int]) -> None:
    channel.send(1)
    next(channel)


def select_both(channel: Chan[int]) -> None:
    select((channel.send, 1))
    select(channel.recv)


@pytest.mark.parametrize("turn", [send_and_receive, send_and_iterate, select_both])
@in_run
def test_its_time_is_over(turn: Callable[[Chan[int]], None]) -> None:
    channel = Chan[int](1)
    with pytest.raises(ScopeTimeout), timeout(0.02):
        for _ in while_there_is_time(5):
            turn(channel)


@in_run
def test_a_shield_holds_it_off() -> None:
    channel = Chan[int](1)
    turns = 0
    with pytest.raises(ScopeTimeout), timeout(0.01):
        with shielded():
            for count in while_there_is_time(0.05):
                send_and_receive(channel)
                turns = count
        gosched()
    assert turns > 200


def cancelled_in(fn: Callable[[], object]) -> None:
    """Run fn as a goroutine for some turns, and cancel it."""
    goroutine: Goroutine[object] = go(fn)
    for _ in range(3):
        gosched()
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join(5)


@in_run
def test_what_was_received_is_not_lost() -> None:
    channel = Chan[int](100_000)
    for number in range(100_000):
        channel.send(number)
    received: list[int] = []

    def receive() -> None:
        while True:
            received.append(channel.recv())

    cancelled_in(receive)
    assert 100 < len(received) < 100_000
    assert len(channel) == 100_000 - len(received)
    assert channel.recv() == len(received)


@in_run
def test_what_was_not_sent_is_told() -> None:
    channel = Chan[int](100_000)
    sent: list[int] = []

    def send() -> None:
        for number in range(100_000):
            channel.send(number)
            sent.append(number)

    cancelled_in(send)
    assert 100 < len(sent) < 100_000
    assert len(channel) == len(sent)

"""Channels: whose turn it is, and what is kept alive for how long."""

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from netpoll import GoroutineCancelled, go, gosched, sleep
from netpoll.sync.chan import Chan
from tests.running import in_run, on_thread, parked

CAPACITIES = [0, 1, 2, 3, 7]
each_capacity = pytest.mark.parametrize("capacity", CAPACITIES)


# ---- turns


def spun(channel: Chan[int]) -> None:
    channel.try_send(1)
    channel.try_recv()


def polled(channel: Chan[int]) -> None:
    assert channel.try_recv() == (None, False)


def iterated(channel: Chan[int]) -> None:
    channel.send(1)
    next(channel)


def passed(channel: Chan[int]) -> None:
    channel.send(1)
    channel.recv()


@pytest.mark.parametrize("operation", [spun, polled, iterated, passed])
@in_run
def test_what_never_waits_still_lets_the_others_have_turns(
    operation: Callable[[Chan[int]], None],
) -> None:
    channel = Chan[int](1)
    stop = False
    operations = 0

    def work() -> None:
        nonlocal operations
        while not stop:
            operation(channel)
            operations += 1

    worker = go(work)
    for _ in range(20):
        before = operations
        gosched()
        assert operations - before <= 128
    assert operations > 128
    stop = True
    worker.join()


@in_run
def test_two_that_talk_all_the_time_do_not_delay_a_timer() -> None:
    """Source: go1.27 runtime/proc_test.go TestTimerFairness."""
    one, two = Chan[int](), Chan[int]()
    stop = False

    def ping() -> None:
        while not stop:
            one.send(1)
            two.recv()
        one.close()

    def pong() -> None:
        for value in one:
            two.send(value)

    talkers = [go(ping), go(pong)]
    sleep(0.02)
    stop = True
    for talker in talkers:
        talker.join()


# ---- what a channel keeps alive


class Thing:
    """Something whose end can be seen."""


@each_capacity
@in_run
def test_a_value_is_not_kept_after_it_was_received(capacity: int) -> None:
    channel = Chan[Thing](capacity)
    thing = Thing()
    gone = weakref.ref(thing)
    sender = go(channel.send, thing)
    del thing
    received: Thing | None = channel.recv()
    assert received is gone()
    sender.join()
    del received, sender
    assert gone() is None


@in_run
def test_what_was_never_received_goes_with_the_channel() -> None:
    channel = Chan[Thing](3)
    things = [Thing() for _ in range(3)]
    refs = [weakref.ref(thing) for thing in things]
    for thing in things:
        channel.send(thing)
    del things, thing, channel
    assert [ref() for ref in refs] == [None] * 3


def test_a_channel_that_holds_itself_is_collected() -> None:
    channel = Chan[object](2)
    channel.send(channel)
    channel.send([channel])
    gone = weakref.ref(channel)
    del channel
    gc.collect()
    assert gone() is None


@in_run
def test_a_send_that_was_given_up_keeps_nothing() -> None:
    channel = Chan[Thing]()
    thing = Thing()
    gone = weakref.ref(thing)
    with pytest.raises(TimeoutError):
        channel.send(thing, 0)
    sender = parked(go(channel.send, thing))
    sender.cancel()
    with pytest.raises(GoroutineCancelled):
        sender.join()
    del thing, sender
    gc.collect()
    assert gone() is None


class Nosy:
    """A value that looks at the channel whenever anything of it is called, and at its end."""

    def __init__(self, channel: Chan["Nosy"], seen: list[str]) -> None:
        self.channel, self.seen = channel, seen

    def look(self) -> None:
        self.seen.append(repr(self.channel))
        if not self.channel.closed:
            self.channel.try_recv()

    def __del__(self) -> None:
        self.look()

    def __eq__(self, other: object) -> bool:
        raise AssertionError("a channel compares nothing")

    __hash__ = None  # type: ignore[assignment]


@each_capacity
@in_run
def test_a_value_whose_end_uses_the_channel_does_no_harm(capacity: int) -> None:
    channel = Chan[Nosy](capacity)
    seen: list[str] = []

    def work() -> None:
        for _ in range(50):
            channel.send(Nosy(channel, seen))
        channel.close()

    go(work)
    received = sum(1 for _ in channel)
    assert 0 < received <= 50
    assert len(seen) == 50


@pytest.fixture
def collecting_at_every_allocation() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(1)
    yield
    gc.set_threshold(*before)


@each_capacity
def test_a_collection_at_every_allocation_does_no_harm(
    capacity: int, collecting_at_every_allocation: None
) -> None:
    class Ring(Nosy):
        """Collected, not counted out."""

        def __init__(self, channel: Chan[Nosy], seen: list[str]) -> None:
            super().__init__(channel, seen)
            self.ring = self

    def main() -> None:
        channel = Chan[Nosy](capacity)
        seen: list[str] = []

        def work() -> None:
            for number in range(100):
                Ring(channel, seen)
                channel.send(Nosy(channel, seen), timeout=5 if number % 2 else None)
            channel.close()

        go(work)
        assert 0 < sum(1 for _ in channel) <= 100
        gc.collect()
        assert len(seen) == 200

    on_thread(main)


@in_run
def test_a_signal_handler_may_send_while_everybody_is_parked() -> None:
    channel = Chan[int](1)

    def handler(number: int, frame: FrameType | None) -> None:
        assert channel.try_send(number)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        threading.Timer(0.005, os.kill, [os.getpid(), signal.SIGUSR1]).start()
        assert channel.recv() == signal.SIGUSR1
    finally:
        signal.signal(signal.SIGUSR1, before)

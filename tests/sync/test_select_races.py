"""select while other goroutines and threads change its channels, and from stacks of any depth."""

from collections.abc import Callable
from functools import partial

import pytest

from netpoll import go, gosched
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import Outcome, in_run, on_thread, parked


def fill(channel: Chan[int]) -> None:
    channel.send(1)


def end(channel: Chan[int]) -> None:
    channel.close()


def look(one: Chan[int], two: Chan[int]) -> int:
    return select(one, two, default=True)[0]


# The second channel becomes ready before the first is emptied, so one of them always is.
each_way = pytest.mark.parametrize(("capacity", "make_ready"), [(1, fill), (0, end)])


@each_way
@in_run
def test_one_of_two_that_is_always_ready_is_found_in_a_thousand_orders(
    capacity: int, make_ready: Callable[[Chan[int]], None]
) -> None:
    """Source: go1.27 runtime/chan_test.go TestNonblockSelectRace, TestNonblockSelectRace2."""
    scheduler = ensure_scheduler()
    found = set()
    for seed in range(1, 1001):
        scheduler.set_shuffle(seed)
        one, two = Chan[int](1), Chan[int](capacity)
        one.send(1)
        looking = go(look, one, two)
        if seed % 2:
            gosched()
        make_ready(two)
        one.try_recv()
        found.add(looking.join())
    scheduler.set_shuffle(0)
    assert found == {0, 1}


@each_way
def test_one_of_two_that_is_always_ready_is_found_from_another_thread(
    capacity: int, make_ready: Callable[[Chan[int]], None], switching_often: None
) -> None:
    """Source: go1.27 runtime/chan_test.go TestNonblockSelectRace, TestNonblockSelectRace2."""

    def main() -> None:
        pairs = [(Chan[int](1), Chan[int](capacity)) for _ in range(2000)]
        for one, _ in pairs:
            one.send(1)
        begun = Chan[None](1)

        def look_at_all() -> list[int]:
            begun.send(None)
            return [look(one, two) for one, two in pairs]

        looking = Outcome(look_at_all)
        looking.start()
        begun.recv()
        for one, two in pairs:
            make_ready(two)
            one.try_recv()
        assert set(looking.result()) <= {0, 1}

    on_thread(main)


@in_run
def test_who_selects_far_down_its_stack_receives_what_was_sent_from_anywhere() -> None:
    """The stack of one that is switched out may be elsewhere: nothing is written to it.

    Source: go1.27 runtime/chan_test.go TestSelectStackAdjust, TestShrinkStackDuringBlockedSend.
    """
    channels = [Chan[object]() for _ in range(3)]
    never = Chan[object]()

    def far_down(depth: int, act: Callable[[], object]) -> object:
        return far_down(depth - 1, act) if depth else act()

    def receive() -> object:
        _, value, ok = select(*channels, (never.send, object()), *channels)
        assert ok
        return value

    depths = [0, 1, 10, 100, 300]
    for _ in range(10):
        waiting = [parked(go(far_down, depth, receive)) for depth in depths + depths[::-1]]
        values = [[f"value {number}"] for number in range(len(waiting))]
        for number, value in enumerate(values):
            channel = channels[number % 3]
            far_down(depths[-1 - number % 5], partial(channel.send, value))
        received = [waiter.join() for waiter in waiting]
        assert all(one is other for one, other in zip(received, values, strict=True))
    assert [channel.waiting for channel in (*channels, never)] == [(0, 0)] * 4

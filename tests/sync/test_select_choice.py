"""select: which of the cases that can go on it is, and what is none."""

import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from netpoll import go, gosched, sleep
from netpoll.sync.chan import Chan
from netpoll.sync.select import seed, select
from tests.running import in_run, parked

# ---- the choice


def spread_of(draw: Callable[[], int], trials: int = 10_000) -> Counter[int]:
    return Counter(draw() for _ in range(trials))


def assert_fair(counts: Counter[int], choices: int) -> None:
    """Fail if one of them came more often or more seldom than chance can explain."""
    trials = counts.total()
    share = 1 / choices
    sigma = math.sqrt(trials * share * (1 - share))
    assert set(counts) == set(range(choices))
    assert all(abs(count - trials * share) < 10 * sigma for count in counts.values()), counts


@pytest.mark.parametrize("choices", [2, 3, 5, 10])
@in_run
def test_each_case_that_can_go_on_has_the_same_chance(choices: int) -> None:
    """Source: go1.27 runtime/chan_test.go TestSelectFairness."""
    channels = [Chan[int]() for _ in range(choices)]
    for channel in channels:
        channel.close()
    assert_fair(spread_of(lambda: select(*channels)[0]), choices)


@in_run
def test_those_that_cannot_go_on_do_not_change_the_chances() -> None:
    ready, never = Chan[int](), Chan[int]()
    ready.close()
    cases = [never, ready, None, never, ready, (never.send, 1), ready]
    places = {1: 0, 4: 1, 6: 2}
    assert_fair(spread_of(lambda: places[select(*cases)[0]]), 3)


@in_run
def test_sends_and_receives_have_the_same_chance() -> None:
    full, empty = Chan[int](1), Chan[int](1)
    full.send(1)

    def draw() -> int:
        index, _, _ = select(full.recv, (empty.send, 1))
        if index == 0:
            full.send(1)
        else:
            empty.recv()
        return index

    assert_fair(spread_of(draw), 2)


@in_run
def test_a_busy_sender_does_not_starve_another() -> None:
    """Source: go1.27 runtime/chan_test.go TestSelectFairness."""
    busy, other, done = Chan[str](), Chan[str](), Chan[str]()

    def feed(channel: Chan[str], value: str) -> None:
        while select((channel.send, value), done.recv)[0] == 0:
            pass

    feeders = [go(feed, busy, "busy"), go(feed, other, "other")]
    counts = Counter(select(busy, other)[1] for _ in range(10_000))
    # Who hands over to whom goes on so until the turn ends, and which of two it is that goes on is
    # drawn: some 230 draws of 43 messages, with a standard deviation of 330 messages.
    assert abs(counts["busy"] - 5000) < 7 * 330
    done.close()
    for feeder in feeders:
        feeder.join()


@in_run
def test_a_seed_makes_the_choices_repeat_themselves() -> None:
    channels = [Chan[int]() for _ in range(5)]
    for channel in channels:
        channel.close()

    def choices(number: int) -> list[int]:
        seed(number)
        return [select(*channels)[0] for _ in range(50)]

    assert choices(1) == choices(1)
    assert choices(0) == choices(0)
    assert len({tuple(choices(number)) for number in range(20)}) == 20


@pytest.mark.parametrize("receiver_first", [True, False])
@in_run
def test_bits_are_random_whoever_comes_first(receiver_first: bool) -> None:
    """Source: The Go Programming Language Specification, select statements (the last example)."""
    channel = Chan[int]()

    def send() -> None:
        while True:
            select((channel.send, 0), None, (channel.send, 1))

    def draw() -> int:
        if not receiver_first:
            parked(sender)
        return channel.recv()

    sender = go(send)
    assert_fair(spread_of(draw), 2)
    sender.cancel()


# ---- what is no case


class Other:
    """It has methods of the same names."""

    def recv(self) -> None: ...

    def send(self, value: object) -> None: ...


CHANNEL = Chan[int](1)
NO_CASES = {
    "a number": 1,
    "a string": "recv",
    "another method": CHANNEL.close,
    "a send without a value": CHANNEL.send,
    "a tuple of one": (CHANNEL.send,),
    "a tuple of three": (CHANNEL.send, 1, 2),
    "a receive with a value": (CHANNEL.recv, 1),
    "a list": [CHANNEL.send, 1],
    "of another class": Other().recv,
    "a send of another class": (Other().send, 1),
    "the class's own": Chan.recv,
    "what it returns": CHANNEL.try_recv(),
}


@pytest.mark.parametrize("case", NO_CASES.values(), ids=NO_CASES)
@pytest.mark.parametrize("default", [True, False])
@in_run
def test_what_is_no_case_is_refused_before_anything_happens(case: Any, default: bool) -> None:
    channel = Chan[int](1)
    channel.send(1)
    with pytest.raises(TypeError, match="a case of select"):
        select(channel.recv, case, default=default)
    assert channel.recv() == 1


@in_run
def test_keywords_are_checked() -> None:
    channel = Chan[int](1)
    channel.send(1)
    with pytest.raises(ValueError, match="number of seconds"):
        select(channel.recv, timeout=float("nan"))
    with pytest.raises(TypeError):
        select(channel.recv, limit=1)  # type: ignore[call-arg]
    assert channel.recv() == 1


# ---- turns


@in_run
def test_a_loop_that_never_waits_still_lets_the_others_have_turns() -> None:
    closed, never = Chan[int](), Chan[int]()
    closed.close()
    stop = False
    selects = 0

    def work(case: Chan[int], default: bool) -> None:
        nonlocal selects
        while not stop:
            select(case, default=default)
            selects += 1

    for case, default in ((closed, False), (never, True)):
        stop = False
        worker = go(work, case, default)
        before = selects
        for _ in range(10):
            last = selects
            gosched()
            assert selects - last <= 128
        assert selects - before > 128
        stop = True
        worker.join()


@in_run
def test_many_that_select_over_many_channels_lose_nothing() -> None:
    channels = [Chan[int](capacity % 3) for capacity in range(10)]
    total = 0

    def produce(start: int) -> None:
        for value in range(start, start + 200):
            select(*[(channel.send, value) for channel in channels[start % 3 :]])

    def consume() -> None:
        nonlocal total
        while True:
            match select(*channels, done):
                case 10, _, _:
                    return
                case _, value, True:
                    total += value

    done = Chan[None]()
    consumers = [go(consume) for _ in range(7)]
    producers = [go(produce, start) for start in range(20)]
    for producer in producers:
        producer.join()
    while any(map(len, channels)):
        sleep(0)
    done.close()
    for consumer in consumers:
        consumer.join()
    assert total == sum(sum(range(start, start + 200)) for start in range(20))

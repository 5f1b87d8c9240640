"""Cancellation and timeouts at each step: no value is lost, none comes twice, nobody is stuck."""

import itertools
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import pytest

from netpoll import Cancelled, Goroutine, GoroutineCancelled, go, gosched, sleep
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import in_run, parked

Send: TypeAlias = Callable[["Traffic", int], None]
Receive: TypeAlias = Callable[["Traffic"], int]


class Traffic:
    """Goroutines that send and receive, and an account of each value."""

    def __init__(self, capacity: int, limit: float | None = None) -> None:
        self.channel = Chan[int](capacity)
        self.idle = Chan[int]()  # nobody ever comes there
        self.limit = limit
        self.sent: Counter[int] = Counter()
        self.received: Counter[int] = Counter()
        self.tried = 0

    def sender(self, send: Send, values: range) -> None:
        for value in values:
            try:
                send(self, value)
            except TimeoutError:
                continue
            self.sent[value] += 1

    def receiver(self, receive: Receive, times: int) -> None:
        for _ in range(times):
            try:
                value = receive(self)
            except TimeoutError:
                continue
            self.received[value] += 1

    def settle(self, goroutines: list[Goroutine]) -> None:
        """End everything, and compare what was sent with what was received."""
        for goroutine in goroutines:
            goroutine.cancel()
        for goroutine in goroutines:
            try:
                goroutine.join(5)
            except (GoroutineCancelled, ChannelClosed):
                continue
        assert self.channel.waiting == (0, 0)
        assert self.idle.waiting == (0, 0)
        self.channel.close()
        self.received.update(self.channel)
        assert self.received == self.sent
        assert max(self.sent.values(), default=1) == 1


def plain_send(traffic: Traffic, value: int) -> None:
    traffic.channel.send(value, traffic.limit)


def selected_send(traffic: Traffic, value: int) -> None:
    select(traffic.idle.recv, (traffic.channel.send, value), timeout=traffic.limit)


def plain_receive(traffic: Traffic) -> int:
    return traffic.channel.recv(traffic.limit)


def selected_receive(traffic: Traffic) -> int:
    index, value, ok = select(traffic.idle.recv, traffic.channel.recv, None, timeout=traffic.limit)
    assert index == 1
    assert ok
    number: int = value
    return number


SENDS: list[Send] = [plain_send, selected_send]
RECEIVES: list[Receive] = [plain_receive, selected_receive]
WAYS = list(itertools.product(SENDS, RECEIVES))
each_way = pytest.mark.parametrize(("send", "receive"), WAYS)
each_capacity = pytest.mark.parametrize("capacity", [0, 1, 2])

VALUES = 6


def begun(traffic: Traffic, send: Send, receive: Receive) -> list[Goroutine]:
    """Start two that send and two that receive."""
    return [
        go(traffic.sender, send, range(VALUES)),
        go(traffic.receiver, receive, VALUES),
        go(traffic.sender, send, range(VALUES, 2 * VALUES)),
        go(traffic.receiver, receive, VALUES),
    ]


def turns_until_done(capacity: int, send: Send, receive: Receive) -> int:
    traffic = Traffic(capacity)
    goroutines = begun(traffic, send, receive)
    turns = 0
    while not all(goroutine.done for goroutine in goroutines):
        gosched()
        turns += 1
    traffic.settle(goroutines)
    assert traffic.sent.total() == 2 * VALUES
    return turns


@each_way
@each_capacity
@pytest.mark.parametrize("victim", range(4))
@in_run
def test_one_that_is_cancelled_after_any_number_of_turns_loses_nothing(
    capacity: int, victim: int, send: Send, receive: Receive
) -> None:
    for turns in range(turns_until_done(capacity, send, receive) + 1):
        traffic = Traffic(capacity)
        goroutines = begun(traffic, send, receive)
        for _ in range(turns):
            gosched()
        goroutines[victim].cancel()
        for _ in range(10):
            gosched()
        traffic.settle(goroutines)


Move: TypeAlias = Callable[[Traffic, Goroutine], None]


def cancel(_: Traffic, victim: Goroutine) -> None:
    victim.cancel()


def meet_sender(traffic: Traffic, _: Goroutine) -> None:
    value, ok = traffic.channel.try_recv()
    assert ok
    traffic.received[value or 0] += 1


def meet_receiver(traffic: Traffic, _: Goroutine) -> None:
    traffic.tried -= 1
    assert traffic.channel.try_send(traffic.tried)
    traffic.sent[traffic.tried] += 1


def wait(_: Traffic, victim: Goroutine) -> None:
    gosched()


MOVES = [
    ("meet", "cancel"),
    ("cancel", "meet"),
    ("cancel",),
    ("cancel", "wait"),
    ("cancel", "cancel", "meet", "cancel"),
    ("meet", "cancel", "wait", "cancel"),
]


@pytest.mark.parametrize("number", range(1, VALUES + 1))
@pytest.mark.parametrize("moves", MOVES, ids="-".join)
@pytest.mark.parametrize("work", [*SENDS, *RECEIVES])  # what the victim does
@each_capacity
@in_run
def test_a_cancellation_at_the_nth_park_loses_nothing(
    capacity: int, work: Any, moves: tuple[str, ...], number: int
) -> None:
    traffic = Traffic(capacity)
    if work in SENDS:
        meet: Move = meet_sender
        victim = go(traffic.sender, work, range(VALUES + capacity))
    else:
        meet = meet_receiver
        victim = go(traffic.receiver, work, VALUES)
    known: dict[str, Move] = {"meet": meet, "cancel": cancel, "wait": wait}
    for _ in range(number - 1):
        parked(victim)
        meet(traffic, victim)
        gosched()
    parked(victim)
    for move in moves:
        known[move](traffic, victim)
    with pytest.raises(GoroutineCancelled) if number < VALUES or "meet" not in moves else ends():
        victim.join()
    traffic.settle([])


@contextmanager
def ends() -> Iterator[None]:
    """Expect nothing: it was the last park, and what it waited for came."""
    yield


@each_way
@each_capacity
@pytest.mark.parametrize("number", range(25))
@in_run
def test_a_cancellation_in_any_order_of_the_goroutines_loses_nothing(
    capacity: int, number: int, send: Send, receive: Receive
) -> None:
    scheduler = ensure_scheduler()
    try:
        for victim in range(4):
            scheduler.set_shuffle(1 + 100 * number + victim)
            traffic = Traffic(capacity)
            goroutines = begun(traffic, send, receive)
            for _ in range(number):
                gosched()
            goroutines[victim].cancel()
            for _ in range(number % 3):
                gosched()
            traffic.settle(goroutines)
    finally:
        scheduler.set_shuffle(0)


# ---- served and cancelled at the same moment


@each_capacity
@pytest.mark.parametrize("receive", RECEIVES)
@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_value_that_was_handed_over_is_received_and_the_next_park_raises(
    capacity: int, receive: Receive, cancelled_first: bool
) -> None:
    traffic = Traffic(capacity)
    seen: list[object] = []

    def work() -> None:
        seen.append(receive(traffic))
        with pytest.raises(Cancelled):
            receive(traffic)
        seen.append("cancelled at the next park")

    receiver = parked(go(work))
    if cancelled_first:
        receiver.cancel()
    assert traffic.channel.try_send(5)
    if not cancelled_first:
        receiver.cancel()
    receiver.join()
    assert seen == [5, "cancelled at the next park"]


@pytest.mark.parametrize("send", SENDS)
@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_value_that_was_taken_is_sent_and_the_next_park_raises(
    send: Send, cancelled_first: bool
) -> None:
    traffic = Traffic(0)
    seen: list[object] = []

    def work() -> None:
        send(traffic, 1)
        seen.append("sent")
        with pytest.raises(Cancelled):
            send(traffic, 2)
        seen.append("cancelled at the next park")

    sender = parked(go(work))
    if cancelled_first:
        sender.cancel()
    assert traffic.channel.try_recv() == (1, True)
    if not cancelled_first:
        sender.cancel()
    sender.join()
    assert seen == ["sent", "cancelled at the next park"]


def timed_out(waiting: Goroutine) -> None:
    """Let the time of a goroutine be up, and stop before it has run."""
    end = time.monotonic() + 0.001
    while time.monotonic() < end:
        pass
    gosched()
    assert waiting.state == "runnable"


@pytest.mark.parametrize("receive", RECEIVES)
@in_run
def test_a_value_that_came_when_the_time_was_up_is_received(receive: Receive) -> None:
    traffic = Traffic(0, limit=0.0005)
    receiver = parked(go(receive, traffic))
    timed_out(receiver)
    assert traffic.channel.try_send(1)
    assert receiver.join() == 1


@pytest.mark.parametrize("send", SENDS)
@in_run
def test_a_value_that_was_taken_when_the_time_was_up_is_sent(send: Send) -> None:
    traffic = Traffic(0, limit=0.0005)
    sender = parked(go(send, traffic, 1))
    timed_out(sender)
    assert traffic.channel.try_recv() == (1, True)
    sender.join()


@pytest.mark.parametrize("operation", ["send", "recv", "select"])
@in_run
def test_a_close_takes_nothing_so_a_cancellation_before_it_counts(operation: str) -> None:
    channel = Chan[int]()
    work: dict[str, Callable[[], object]] = {
        "send": lambda: channel.send(1),
        "recv": channel.recv,
        "select": lambda: select(channel.recv, (Chan[int]().send, 1)),
    }
    waiting = parked(go(work[operation]))
    waiting.cancel()
    channel.close()
    with pytest.raises(GoroutineCancelled):
        waiting.join()


@in_run
def test_one_that_is_cancelled_before_it_waits_still_does_what_needs_no_wait() -> None:
    channel = Chan[int](1)
    seen: list[object] = []

    def work() -> None:
        with pytest.raises(Cancelled):
            sleep(10)
        channel.send(1)
        seen.append(channel.recv())
        seen.append(select((channel.send, 2), channel.recv))
        seen.append(channel.try_recv())
        for waiting in (channel.recv, lambda: next(channel), lambda: select(channel.recv)):
            with pytest.raises(Cancelled):
                waiting()
        seen.append(channel.waiting)

    goroutine = parked(go(work))
    goroutine.cancel()
    goroutine.join()
    assert seen == [1, (0, None, True), (2, True), (0, 0)]


@in_run
def test_what_came_while_a_cancelled_goroutine_let_the_others_run_stays_in_the_channel() -> None:
    channel = Chan[int]()

    def work() -> None:
        with pytest.raises(Cancelled):
            sleep(10)
        with pytest.raises(Cancelled):
            channel.recv()  # the others run now, before it raises

    goroutine = parked(go(work))
    goroutine.cancel()
    sender = go(channel.send, 1)
    goroutine.join()
    assert channel.recv() == 1
    sender.join()


# ---- lines with gaps


@pytest.mark.parametrize("victims", list(itertools.combinations(range(5), 2)))
@each_capacity
@in_run
def test_those_behind_one_that_leaves_the_line_move_up(
    capacity: int, victims: tuple[int, int]
) -> None:
    stay = [i for i in range(5) if i not in victims]
    channel = Chan[int](capacity)
    receivers = [parked(go(channel.recv)) for _ in range(5)]
    for victim in victims:
        receivers[victim].cancel()
        with pytest.raises(GoroutineCancelled):
            receivers[victim].join()
    for i in stay:
        channel.send(i)
        assert receivers[i].join() == i
    for value in range(capacity):
        channel.send(-value)
    senders = [parked(go(channel.send, i)) for i in range(5)]
    for victim in victims:
        senders[victim].cancel()
        with pytest.raises(GoroutineCancelled):
            senders[victim].join()
    assert [channel.recv() for _ in range(capacity)] == [-value for value in range(capacity)]
    assert [channel.recv() for _ in stay] == stay


# ---- everything at once


@pytest.mark.parametrize("seed", range(20))
@in_run
def test_a_storm_of_cancellations_and_timeouts_keeps_the_account(seed: int) -> None:
    chance = random.Random(seed)
    ensure_scheduler().set_shuffle(seed if seed % 2 else 0)  # half of them in any order
    traffic = Traffic(chance.randrange(4), limit=chance.choice([None, 0, 1e-5, 1e-3]))
    goroutines: list[Goroutine] = []
    for number in range(12):
        values = range(100 * number, 100 * number + 30)
        goroutines += [
            go(traffic.sender, chance.choice(SENDS), values),
            go(traffic.receiver, chance.choice(RECEIVES), 30),
        ]
    for _ in range(200):
        gosched()
        if chance.random() < 0.05:
            chance.choice(goroutines).cancel()
        if chance.random() < 0.05:
            sleep(1e-5)
        if chance.random() < 0.2:
            value = 10_000 + traffic.tried
            traffic.tried += 1
            if traffic.channel.try_send(value):
                traffic.sent[value] += 1
        if chance.random() < 0.2:
            got, ok = traffic.channel.try_recv()
            if ok:
                assert got is not None
                traffic.received[got] += 1
    traffic.settle(goroutines)


@pytest.mark.parametrize("turns", range(12))
@each_capacity
@in_run
def test_a_close_after_any_number_of_turns_loses_nothing(capacity: int, turns: int) -> None:
    traffic = Traffic(capacity)

    def send(_: Traffic, value: int) -> None:
        traffic.channel.send(value)

    def drain() -> None:
        for value in traffic.channel:
            traffic.received[value] += 1

    senders = [go(traffic.sender, send, range(start, start + VALUES)) for start in (0, 10, 20)]
    receivers = [go(drain) for _ in range(2)]
    for _ in range(turns):
        gosched()
    traffic.channel.close()
    for sender in senders:
        try:
            sender.join()
        except ChannelClosed:
            continue
    for receiver in receivers:
        receiver.join()
    assert traffic.received == traffic.sent

"""What channels promise, in a thousand orders of the goroutines each."""

from collections.abc import Callable

import pytest

from netpoll import GoroutineCancelled, go
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll.errors import ChannelClosed
from netpoll.sync.after import after
from netpoll.sync.chan import Chan
from netpoll.sync.select import seed, select
from tests.running import in_run

SEEDS = 1000


def sent_in_order(capacity: int) -> None:
    """Each sender's values come in its order, each once."""
    channel = Chan[tuple[int, int]](capacity)

    def send(number: int) -> None:
        for value in range(6):
            channel.send((number, value))

    senders = [go(send, number) for number in range(3)]
    received = [channel.recv() for _ in range(18)]
    for number in range(3):
        assert [value for sender, value in received if sender == number] == list(range(6))
    for sender in senders:
        sender.join()


def closed_in_the_midst(capacity: int) -> None:
    """What was sent before a close is received, and what was not raises."""
    channel = Chan[int](capacity)
    sent: list[int] = []
    received: list[int] = []

    def send(start: int) -> None:
        for value in range(start, start + 5):
            channel.send(value)
            sent.append(value)

    def receive() -> None:
        received.extend(channel)

    goroutines = [go(receive), go(send, 0), go(send, 10), go(receive)]
    closing = go(channel.close)
    for goroutine in [*goroutines, closing]:
        try:
            goroutine.join()
        except ChannelClosed:
            continue
    assert sorted(sent) == sorted(received)
    assert channel.waiting == (0, 0)


def selected_on_both_sides(capacity: int) -> None:
    """Those that select on both sides of the same channels lose nothing."""
    channels = [Chan[int](capacity) for _ in range(3)]
    received: list[int] = []

    def send(start: int) -> None:
        for value in range(start, start + 4):
            select(*[(channel.send, value) for channel in channels])

    def receive() -> None:
        for _ in range(6):
            _, value, ok = select(*channels)
            assert ok
            received.append(value)

    goroutines = [go(send, start) for start in (0, 10, 20)] + [go(receive) for _ in range(2)]
    for goroutine in goroutines:
        goroutine.join()
    assert sorted(received) == [start + i for start in (0, 10, 20) for i in range(4)]
    assert [channel.waiting for channel in channels] == [(0, 0)] * 3


def cancelled_in_the_midst(capacity: int) -> None:
    """A cancelled receiver takes with it only what it has got."""
    channel = Chan[int](capacity)
    received: list[int] = []

    def receive() -> None:
        while len(received) < 6:
            received.append(channel.recv())

    def send() -> None:
        for value in range(12):
            channel.send(value)

    victim, sender = go(receive), go(send)
    go(victim.cancel).join()
    try:
        victim.join()
    except GoroutineCancelled:
        assert len(received) < 6
    received += [channel.recv() for _ in range(12 - len(received))]
    sender.join()
    assert received == list(range(12))


def limited(capacity: int) -> None:
    """One that gives up has neither sent nor received."""
    channel = Chan[int](capacity)
    sent: list[int] = []
    received: list[int] = []

    def send(start: int) -> None:
        for value in range(start, start + 4):
            try:
                channel.send(value, timeout=0)
                sent.append(value)
            except TimeoutError:
                continue

    def receive() -> None:
        for _ in range(4):
            match select(channel, after(0)):
                case 0, value, True:
                    received.append(value)

    goroutines = [go(send, 0), go(receive), go(send, 10), go(receive)]
    for goroutine in goroutines:
        goroutine.join()
    channel.close()
    assert sorted(sent) == sorted([*received, *channel])


@pytest.mark.parametrize("capacity", [0, 2])
@pytest.mark.parametrize(
    "scenario",
    [
        sent_in_order,
        closed_in_the_midst,
        selected_on_both_sides,
        cancelled_in_the_midst,
        limited,
    ],
)
@in_run
def test_it_holds_in_a_thousand_orders(scenario: Callable[[int], None], capacity: int) -> None:
    scheduler = ensure_scheduler()
    try:
        for number in range(1, SEEDS + 1):
            scheduler.set_shuffle(number)
            seed(number)
            scenario(capacity)
    finally:
        scheduler.set_shuffle(0)

"""Channels: their end, and what does not wait or not for long."""

import threading

import pytest

from netpoll import go, sleep
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from tests.running import in_run, on_thread, parked

CAPACITIES = [0, 1, 2, 3, 7]
each_capacity = pytest.mark.parametrize("capacity", CAPACITIES)


def sending(channel: Chan[int], values: range) -> None:
    for value in values:
        channel.send(value)


# ---- close


@each_capacity
@in_run
def test_what_is_buffered_can_be_received_after_a_close(capacity: int) -> None:
    channel = Chan[int](capacity)
    sending(channel, range(capacity))
    channel.close()
    assert channel.closed
    assert [channel.recv() for _ in range(capacity)] == list(range(capacity))
    for _ in range(3):
        with pytest.raises(ChannelClosed):
            channel.recv()
    assert list(channel) == []


@each_capacity
@in_run
def test_an_iteration_ends_when_the_channel_is_closed_and_drained(capacity: int) -> None:
    channel = Chan[int](capacity)

    def work() -> None:
        sending(channel, range(20))
        channel.close()

    go(work)
    assert list(channel) == list(range(20))


@each_capacity
@in_run
def test_a_close_wakes_everybody_who_waits_to_receive(capacity: int) -> None:
    channel = Chan[int](capacity)
    receivers = [parked(go(channel.recv)) for _ in range(5)]
    loop = parked(go(lambda: list(channel)))
    channel.close()
    for receiver in receivers:
        with pytest.raises(ChannelClosed):
            receiver.join()
    assert loop.join() == []
    assert channel.waiting == (0, 0)


@each_capacity
@in_run
def test_a_close_wakes_everybody_who_waits_to_send(capacity: int) -> None:
    channel = Chan[int](capacity)
    sending(channel, range(capacity))
    senders = [parked(go(channel.send, -1)) for _ in range(5)]
    channel.close()
    for sender in senders:
        with pytest.raises(ChannelClosed):
            sender.join()
    assert list(channel) == list(range(capacity))


@each_capacity
@in_run
def test_nothing_can_be_sent_after_a_close(capacity: int) -> None:
    channel = Chan[int](capacity)
    channel.close()
    with pytest.raises(ChannelClosed):
        channel.send(1)
    with pytest.raises(ChannelClosed):
        channel.try_send(1)
    with pytest.raises(ChannelClosed):
        channel.try_recv()


@in_run
def test_a_second_close_is_an_error() -> None:
    channel = Chan[int](name="jobs")
    channel.close()
    with pytest.raises(ChannelClosed, match="channel jobs is closed"):
        channel.close()


@in_run
def test_those_whom_a_close_wakes_run_in_the_order_of_their_line() -> None:
    channel = Chan[int]()
    seen: list[int] = []

    def work(number: int) -> None:
        list(channel)
        seen.append(number)

    goroutines = [parked(go(work, number)) for number in range(5)]
    channel.close()
    for goroutine in goroutines:
        goroutine.join()
    assert seen == list(range(5))


def test_a_close_never_hides_a_buffered_value() -> None:
    """Source: go1.27 runtime/chan_test.go TestNonblockRecvRace."""

    def main() -> None:
        for _ in range(10_000):
            channel = Chan[int](1)
            channel.send(1)
            looking = go(channel.try_recv)
            channel.close()
            assert looking.join() == (1, True)

    on_thread(main)


def test_a_close_on_another_thread_never_hides_a_buffered_value() -> None:
    channels = [Chan[int](1) for _ in range(10_000)]
    for channel in channels:
        channel.send(1)

    def close_all() -> None:
        for channel in channels:
            channel.close()

    closer = threading.Thread(target=close_all)
    closer.start()
    assert [channel.try_recv() for channel in channels] == [(1, True)] * len(channels)
    closer.join()


# ---- without waiting


@in_run
def test_a_try_does_not_wait() -> None:
    channel = Chan[int]()
    assert channel.try_send(1) is False
    assert channel.try_recv() == (None, False)
    receiver = parked(go(channel.recv))
    assert channel.try_send(2) is True
    assert receiver.join() == 2
    sender = parked(go(channel.send, 3))
    assert channel.try_recv() == (3, True)
    sender.join()


@in_run
def test_a_try_uses_the_buffer() -> None:
    channel = Chan[int](1)
    assert channel.try_send(1)
    assert not channel.try_send(2)
    assert channel.try_recv() == (1, True)
    assert channel.try_recv() == (None, False)


@in_run
def test_a_try_reads_well_in_a_match() -> None:
    channel = Chan[int](1)

    def look() -> str:
        match channel.try_recv():
            case value, True:
                return f"got {value}"
            case _:
                return "nothing"

    assert look() == "nothing"
    channel.send(5)
    assert look() == "got 5"


# ---- timeouts


@each_capacity
@in_run
def test_a_receive_gives_up_when_the_time_is_up(capacity: int) -> None:
    channel = Chan[int](capacity)
    for timeout in (-1, 0, 0.001):
        with pytest.raises(TimeoutError, match=f"within {timeout} s"):
            channel.recv(timeout)
        with pytest.raises(TimeoutError):
            channel.recv(timeout=timeout)
    assert channel.waiting == (0, 0)


@each_capacity
@in_run
def test_a_send_gives_up_when_the_time_is_up(capacity: int) -> None:
    channel = Chan[int](capacity)
    sending(channel, range(capacity))
    for timeout in (-1, 0, 0.001):
        with pytest.raises(TimeoutError, match=f"within {timeout} s"):
            channel.send(-1, timeout)
    assert channel.waiting == (0, 0)
    channel.close()
    assert list(channel) == list(range(capacity))


@in_run
def test_a_limit_does_not_matter_where_nothing_has_to_wait() -> None:
    channel = Chan[int](1)
    channel.send(1, timeout=0)
    assert channel.recv(timeout=0) == 1
    with pytest.raises(ValueError, match="number of seconds"):
        channel.send(1, float("nan"))
    with pytest.raises(TypeError):
        channel.recv("soon")  # type: ignore[arg-type]
    assert len(channel) == 0


@in_run
def test_a_limit_that_was_not_reached_does_not_fire_later() -> None:
    channel = Chan[int]()
    receiver = parked(go(channel.recv, 0.002))
    channel.send(1)
    assert receiver.join() == 1

    def both() -> int:
        channel.recv(0.001)
        return channel.recv()

    receiver = parked(go(both))
    channel.send(2)
    parked(receiver)
    sleep(0.003)
    channel.send(3)
    assert receiver.join() == 3

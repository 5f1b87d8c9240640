"""Channels: each value once and in order, from one goroutine to another."""

import gc
import os
import signal
import threading
import weakref
from collections.abc import Callable, Iterator
from types import FrameType

import pytest

from netpoll import GoroutineCancelled, go, gosched, sleep
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from tests.running import in_run, on_thread, parked, says

CAPACITIES = [0, 1, 2, 3, 7]
each_capacity = pytest.mark.parametrize("capacity", CAPACITIES)


def sending(channel: Chan[int], values: range) -> None:
    for value in values:
        channel.send(value)


# ---- without a buffer


@in_run
def test_a_value_goes_from_the_sender_to_the_receiver() -> None:
    channel = Chan[str]()
    receiver = parked(go(channel.recv))
    channel.send("value")
    assert receiver.join() == "value"
    sender = parked(go(channel.send, "other"))
    assert channel.recv() == "other"
    sender.join()


@in_run
def test_without_a_buffer_a_send_lasts_until_it_is_received() -> None:
    channel = Chan[int]()
    sender = parked(go(channel.send, 1))
    gosched()
    assert not sender.done
    assert (len(channel), channel.waiting) == (0, (1, 0))
    assert channel.recv() == 1
    sender.join()


@in_run
def test_a_receiver_that_waits_has_the_value_before_the_sender_goes_on() -> None:
    channel = Chan[int]()
    receiver = parked(go(channel.recv))
    channel.send(1)
    assert channel.waiting == (0, 0)
    assert not channel.try_send(2)  # the receiver does not stand there any more
    assert receiver.join() == 1


@in_run
def test_the_receiver_runs_before_those_in_the_queue() -> None:
    channel = Chan[str]()
    seen: list[str] = []

    def work() -> None:
        seen.append(channel.recv())

    receiver = parked(go(work))
    go(seen.append, "queued")
    channel.send("received")
    gosched()
    receiver.join()
    assert seen == ["received", "queued"]


# ---- with a buffer


@in_run
def test_a_buffer_takes_as_many_values_as_its_capacity() -> None:
    channel = Chan[int](3)
    sending(channel, range(3))
    assert (len(channel), channel.capacity) == (3, 3)
    sender = parked(go(channel.send, 3))
    assert [channel.recv() for _ in range(4)] == [0, 1, 2, 3]
    sender.join()
    assert len(channel) == 0


@in_run
def test_a_waiting_sender_s_value_moves_up_when_there_is_room() -> None:
    channel = Chan[int](2)
    sending(channel, range(2))
    senders = [parked(go(channel.send, value)) for value in (2, 3)]
    assert channel.recv() == 0
    assert (len(channel), channel.waiting) == (2, (1, 0))
    gosched()
    assert [sender.done for sender in senders] == [True, False]
    assert [channel.recv() for _ in range(3)] == [1, 2, 3]
    senders[1].join()


@pytest.mark.parametrize("capacity", [1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17, 100])
@in_run
def test_the_buffer_grows_in_whatever_place_its_values_are(capacity: int) -> None:
    for before in range(2 * capacity):
        channel = Chan[int](capacity)
        for value in range(before):
            channel.send(value)
            assert channel.recv() == value
        for full in (capacity // 2, capacity):
            sending(channel, range(full))
            assert [channel.recv() for _ in range(full)] == list(range(full))


@in_run
def test_a_large_capacity_costs_nothing_until_it_is_used() -> None:
    channel = Chan[int](1 << 60)
    sending(channel, range(1000))
    assert [channel.recv() for _ in range(1000)] == list(range(1000))


def test_a_capacity_is_not_negative() -> None:
    with pytest.raises(ValueError, match="capacity"):
        Chan(-1)


# ---- order


@each_capacity
@in_run
def test_values_come_in_the_order_in_which_they_were_sent(capacity: int) -> None:
    channel = Chan[int](capacity)
    go(sending, channel, range(100))
    assert [channel.recv() for _ in range(100)] == list(range(100))


@each_capacity
@in_run
def test_who_waits_longest_to_send_is_first(capacity: int) -> None:
    channel = Chan[int](capacity)
    for value in range(capacity + 10):
        go(channel.send, value)
        gosched()
    assert [channel.recv() for _ in range(capacity + 10)] == list(range(capacity + 10))


@each_capacity
@in_run
def test_who_waits_longest_to_receive_is_first(capacity: int) -> None:
    channel = Chan[int](capacity)
    receivers = [parked(go(channel.recv)) for _ in range(10)]
    sending(channel, range(10))
    assert [receiver.join() for receiver in receivers] == list(range(10))


@each_capacity
@in_run
def test_a_chain_of_channels_keeps_the_order(capacity: int) -> None:
    """Source: go1.27 test/chan/fifo.go."""
    first: Chan[int] = Chan(capacity)
    last = first

    def pass_on(source: Chan[int], target: Chan[int]) -> None:
        for value in source:
            target.send(value)
        target.close()

    for _ in range(20):
        following = Chan[int](capacity)
        go(pass_on, last, following)
        last = following

    def feed() -> None:
        sending(first, range(50))
        first.close()

    go(feed)
    assert list(last) == list(range(50))


@in_run
def test_a_chain_of_ten_thousand_goroutines_is_torn_down() -> None:
    """Source: go1.27 test/chan/goroutines.go."""
    leftmost = Chan[int]()
    left = right = leftmost

    def pass_on(source: Chan[int], target: Chan[int]) -> None:
        target.send(source.recv())

    for _ in range(10_000):
        right = Chan[int]()
        go(pass_on, right, left)
        left = right
    go(right.send, 1)
    assert leftmost.recv() == 1


@in_run
def test_a_sieve_of_channels_finds_the_primes() -> None:
    """Source: go1.27 test/chan/sieve1.go."""

    def numbers(target: Chan[int]) -> None:
        for number in range(2, 1000):
            target.send(number)
        target.close()

    def filtered(source: Chan[int], target: Chan[int], prime: int) -> None:
        for number in source:
            if number % prime:
                target.send(number)
        target.close()

    source = Chan[int]()
    go(numbers, source)
    primes = []
    while (prime := source.recv()) <= 101:
        primes.append(prime)
        target = Chan[int]()
        go(filtered, source, target, prime)
        source = target
    assert primes == [n for n in range(2, 102) if all(n % d for d in range(2, n))]
    for _ in source:  # the rest, so that all of them end
        pass


# ---- any value


@each_capacity
@in_run
def test_any_object_can_be_sent(capacity: int) -> None:
    """Source: go1.27 runtime/chan_test.go TestChanSendInterface, test/chan/zerosize.go."""
    values: list[object] = [None, (), 0, Ellipsis, NotImplemented, ChannelClosed, StopIteration()]
    channel = Chan[object](capacity)
    for value in values:
        go(channel.send, value)
    received = [channel.recv() for _ in values]
    assert all(one is other for one, other in zip(received, values, strict=True))


@in_run
def test_the_value_is_made_before_the_send_begins() -> None:
    """Source: go1.27 test/chan/sendstmt.go."""
    channel = Chan[bool](1)

    def both() -> bool:
        channel.send(True)
        channel.recv()
        return False

    channel.send(both())
    assert channel.recv() is False


@in_run
def test_a_channel_can_be_sent_through_a_channel() -> None:
    requests = Chan[tuple[int, Chan[int]]]()

    def serve() -> None:
        for number, answer in requests:
            answer.send(2 * number)

    server = go(serve)
    answer = Chan[int]()
    for number in range(5):
        requests.send((number, answer))
        assert answer.recv() == 2 * number
    requests.close()
    server.join()


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


# ---- what it is


def test_a_channel_is_true_though_it_is_empty() -> None:
    assert Chan()
    assert len(Chan(5)) == 0


@in_run
def test_a_channel_says_what_is_going_on() -> None:
    channel = Chan[int](2, name="jobs")
    assert repr(channel) == "<Chan jobs: 0 of 2 buffered>"
    assert channel.name == "jobs"
    receiver = parked(go(channel.recv))
    assert repr(channel) == "<Chan jobs: 0 of 2 buffered, 1 waiting to receive>"
    sending(channel, range(3))
    receiver.join()
    senders = [parked(go(channel.send, 9)) for _ in range(2)]
    assert repr(channel) == "<Chan jobs: 2 of 2 buffered, 2 waiting to send>"
    channel.close()
    assert repr(channel) == "<Chan jobs: 2 of 2 buffered, closed>"
    for sender in senders:
        with pytest.raises(ChannelClosed):
            sender.join()
    assert f"{id(Chan[int]()):#x}"[:4] in repr(Chan[int]())
    assert ": unbuffered>" in repr(Chan[int]())


@in_run
def test_a_goroutine_says_what_it_waits_for() -> None:
    channel = Chan[int]()
    receiver = parked(go(channel.recv))
    assert receiver.state.startswith("waiting: receive from <Chan ")
    channel.send(1)
    sender = parked(go(channel.send, 1))
    assert sender.state.startswith("waiting: send to <Chan ")
    channel.recv()
    sender.join()
    receiver.join()


def test_a_channel_can_be_subclassed() -> None:
    class Jobs(Chan[int]):
        pass

    jobs = Jobs(1)
    jobs.send(1)
    assert jobs.recv() == 1
    assert repr(jobs).startswith("<Jobs ")


def test_arguments_are_checked() -> None:
    for args, kwargs in [(("1",), {}), ((1, "name"), {}), ((), {"name": 1}), ((), {"size": 1})]:
        with pytest.raises(TypeError):
            Chan(*args, **kwargs)  # type: ignore[arg-type]


# ---- nobody to wait for


# In processes of their own: a plain thread, such as that of a test, might always do something.

REPORTED = """
    from netpoll import DeadlockError, go, run
    from netpoll.sync.chan import Chan

    def main():
        channel = Chan(CAPACITY, name="jobs")
        for value in range(CAPACITY):
            channel.send(value)
        other = go(channel.METHOD, *ARGS)
        try:
            channel.METHOD(*ARGS)
        except DeadlockError as error:
            print(*[line for line in str(error).splitlines() if "waiting: " in line], sep="\\n")
        print(channel.waiting)
        other.cancel()

    run(main)
    """


def test_a_receive_that_nobody_can_end_is_reported() -> None:
    lines = REPORTED.replace("METHOD", "recv").replace("ARGS", "()").replace("CAPACITY", "0")
    what = "unbuffered, 2 waiting to receive"
    main, other, waiting = says(lines).splitlines()
    assert main == f"main: waiting: receive from <Chan jobs: {what}>"
    assert other.endswith(f"waiting: receive from <Chan jobs: {what}>")
    assert waiting == "(0, 1)"


def test_a_send_that_nobody_can_end_is_reported() -> None:
    lines = REPORTED.replace("METHOD", "send").replace("ARGS", "(5,)").replace("CAPACITY", "1")
    what = "1 of 1 buffered, 2 waiting to send"
    main, other, waiting = says(lines).splitlines()
    assert main == f"main: waiting: send to <Chan jobs: {what}>"
    assert other.endswith(f"waiting: send to <Chan jobs: {what}>")
    assert waiting == "(1, 0)"


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

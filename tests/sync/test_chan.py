"""Channels: each value once and in order, from one goroutine to another."""

import pytest

from netpoll import go, gosched
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from tests.running import in_run, parked, says

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

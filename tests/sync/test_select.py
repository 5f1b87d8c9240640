"""select: one of several operations, and the others as if they had never been."""

import gc
import weakref
from typing import Any

import pytest

from netpoll import DeadlockError, GoroutineCancelled, go, gosched
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import in_run, on_thread, parked, says

# ---- what comes out


@in_run
def test_it_says_which_case_it_was_and_what_came() -> None:
    one, two = Chan[int](1), Chan[int](1)
    two.send(5)
    assert select(one.recv, two.recv) == (1, 5, True)
    assert select(one.recv, (two.send, 6)) == (1, None, True)
    assert two.recv() == 6


@in_run
def test_the_channel_itself_stands_for_a_receive() -> None:
    one, two = Chan[int](1), Chan[int](1)
    two.send(5)
    assert select(one, two) == (1, 5, True)


@in_run
def test_it_reads_well_in_a_match() -> None:
    numbers, words, done = Chan[int](1), Chan[str](1), Chan[None]()

    def look(outgoing: str) -> str:
        match select(numbers.recv, done.recv, (words.send, outgoing), default=True):
            case 0, number, True:
                return f"number {number}"
            case 0, _, False:
                return "no more numbers"
            case 1, _, _:
                return "done"
            case 2, _, _:
                return "sent"
            case _:
                return "nothing"

    assert look("a word") == "sent"
    assert look("a word") == "nothing"
    numbers.send(5)
    assert look("a word") == "number 5"
    numbers.close()
    assert look("a word") == "no more numbers"
    done.close()
    seen = {look("a word") for _ in range(200)}
    assert seen == {"no more numbers", "done"}
    assert words.recv() == "a word"


@in_run
def test_a_fan_in_ends_when_all_its_channels_are_closed() -> None:
    def count(channel: Chan[int], values: range) -> None:
        for value in values:
            channel.send(value)
        channel.close()

    sources: list[Chan[int] | None] = []
    for start in range(0, 30, 10):
        channel = Chan[int]()
        go(count, channel, range(start, start + 10))
        sources.append(channel)
    received = []
    while any(sources):
        match select(*sources):
            case _, value, True:
                received.append(value)
            case index, _, False:
                sources[index] = None
    assert sorted(received) == list(range(30))
    assert received != sorted(received)


# ---- closed channels


@in_run
def test_a_closed_channel_is_ready_to_receive() -> None:
    """Source: go1.27 test/chan/select3.go."""
    one, two = Chan[int](2), Chan[int]()
    one.send(1)
    one.close()
    assert select(one.recv, two.recv) == (0, 1, True)
    for _ in range(3):
        assert select(one.recv, two.recv) == (0, None, False)


@in_run
def test_sending_to_a_closed_channel_is_an_error_even_here() -> None:
    """Source: go1.27 test/chan/select3.go."""
    one, two = Chan[int](name="one"), Chan[int]()
    one.close()
    for default in (True, False):
        with pytest.raises(ChannelClosed, match="channel one is closed"):
            select((one.send, 1), two.recv, default=default)


@in_run
def test_a_close_ends_the_wait() -> None:
    one, two = Chan[int](), Chan[int]()
    receiver = parked(go(select, one.recv, two.recv))
    two.close()
    assert receiver.join() == (1, None, False)
    sender = parked(go(select, (one.send, 1)))
    one.close()
    with pytest.raises(ChannelClosed):
        sender.join()
    assert (one.waiting, two.waiting) == ((0, 0), (0, 0))


# ---- cases that are never chosen


@in_run
def test_none_is_never_chosen() -> None:
    """Source: go1.27 test/chan/select3.go."""
    channel = Chan[int](1)
    assert select(None, None, default=True) == (-1, None, False)
    channel.send(1)
    assert select(None, channel.recv, None) == (1, 1, True)
    waiting = parked(go(select, None, channel.recv, None))
    channel.send(2)
    assert waiting.join() == (1, 2, True)
    with pytest.raises(TimeoutError):
        select(None, timeout=0.001)


@pytest.mark.parametrize("cases", [(), (None,), (None, None)])
def test_without_a_case_that_can_be_chosen_it_waits_for_ever(cases: tuple[None, ...]) -> None:
    """Source: go1.27 test/chan/select3.go."""

    def main() -> None:
        with pytest.raises(DeadlockError, match="main: waiting: select"):
            select(*cases)
        assert select(*cases, default=True) == (-1, None, False)
        with pytest.raises(TimeoutError):
            select(*cases, timeout=0)

    on_thread(main)


@in_run
def test_one_that_sends_and_receives_on_one_channel_never_meets_itself() -> None:
    """Source: go1.27 test/chan/select3.go, runtime/chan_test.go TestSelfSelect."""
    channel = Chan[int]()
    waiting = parked(go(select, channel.recv, (channel.send, 1)))
    for _ in range(10):
        gosched()
    assert not waiting.done
    assert channel.waiting == (1, 1)
    waiting.cancel()
    with pytest.raises(GoroutineCancelled):
        waiting.join()
    with pytest.raises(TimeoutError):
        select((channel.send, 1), channel.recv, timeout=0.001)
    assert select(channel.recv, (channel.send, 1), default=True) == (-1, None, False)
    buffered = Chan[int](1)
    assert select(buffered.recv, (buffered.send, 1)) == (1, None, True)
    assert select(buffered.recv, (buffered.send, 1)) == (0, 1, True)


def test_one_that_nobody_can_end_is_reported() -> None:
    lines = """
        from netpoll import DeadlockError, run
        from netpoll.sync.chan import Chan
        from netpoll.sync.select import select

        def main():
            jobs = Chan(name="jobs")
            for cases in [(), (None,), (None, jobs.recv, (jobs.send, 1))]:
                try:
                    select(*cases)
                except DeadlockError as error:
                    print(str(error).splitlines()[1])

        run(main)
        """
    jobs = "<Chan jobs: unbuffered, 1 waiting to send, 1 waiting to receive>"
    assert says(lines).splitlines() == [
        "main: waiting: select",
        "main: waiting: select",
        f"main: waiting: select, among others from {jobs}",
    ]


@pytest.mark.parametrize("capacity", [0, 10])
@in_run
def test_two_that_send_and_receive_on_one_channel_meet_one_another(capacity: int) -> None:
    """Source: go1.27 runtime/chan_test.go TestSelfSelect."""
    channel = Chan[int](capacity)

    def work(number: int) -> None:
        for i in range(1000):
            if number == 0 or i % 2 == 0:
                _, value, _ = select((channel.send, number), channel.recv)
            else:
                _, value, _ = select(channel.recv, (channel.send, number))
            assert capacity > 0 or value != number

    workers = [go(work, number) for number in range(2)]
    for worker in workers:
        worker.join()
    assert channel.waiting == (0, 0)


# ---- the cases that were not chosen


@in_run
def test_a_case_that_lost_leaves_no_trace() -> None:
    channels = [Chan[int]() for _ in range(4)]
    for winner in range(4):
        cases: list[Any] = [
            channel.recv if i % 2 else (channel.send, i) for i, channel in enumerate(channels)
        ]
        waiting = parked(go(select, *cases))
        assert [sum(channel.waiting) for channel in channels] == [1] * 4
        if winner % 2:
            channels[winner].send(10)
        else:
            assert channels[winner].recv() == winner
        # Before the one that was served has run:
        assert [channel.waiting for channel in channels] == [(0, 0)] * 4
        assert not any(channel.try_send(1) for channel in channels)
        assert waiting.join()[0] == winner


@in_run
def test_a_value_that_was_not_sent_stays_the_caller_s() -> None:
    class Thing:
        pass

    one, two = Chan[Thing](), Chan[int](1)
    thing = Thing()
    gone = weakref.ref(thing)
    two.send(1)
    assert select((one.send, thing), two.recv) == (1, 1, True)
    waiting = parked(go(select, (one.send, thing), two.recv))
    two.send(2)
    assert waiting.join() == (1, 2, True)
    with pytest.raises(TimeoutError):
        select((one.send, thing), timeout=0)
    assert one.try_recv() == (None, False)
    del thing, waiting
    gc.collect()
    assert gone() is None


@in_run
def test_a_channel_may_stand_in_several_cases() -> None:
    channel = Chan[int]()
    waiting = parked(go(select, channel.recv, channel, channel.recv))
    assert channel.waiting == (0, 3)
    channel.send(1)
    index, value, ok = waiting.join()
    assert index in {0, 1, 2}
    assert (value, ok) == (1, True)
    assert channel.waiting == (0, 0)
    sending = parked(go(select, (channel.send, 0), (channel.send, 1)))
    received = channel.recv()
    assert sending.join() == (received, None, True)


@in_run
def test_a_hundred_thousand_leak_nothing() -> None:
    """Source: go1.27 test/chan/select2.go."""
    one, two = Chan[int](), Chan[int]()

    def send(times: int) -> None:
        for _ in range(times):
            one.send(1)

    def receive(times: int) -> None:
        sender = go(send, times)
        for _ in range(times):
            assert select(one.recv, two.recv) == (0, 1, True)
        sender.join()

    receive(1000)
    gc.collect()
    before = len(gc.get_objects())
    receive(100_000)
    gc.collect()
    assert len(gc.get_objects()) - before < 100
    assert (one.waiting, two.waiting) == ((0, 0), (0, 0))


# ---- lines


@in_run
def test_one_that_selects_stands_in_line_like_the_others() -> None:
    one, two = Chan[int](), Chan[int]()
    first = parked(go(one.recv))
    second = parked(go(select, two.recv, one.recv))
    third = parked(go(one.recv))
    for value in range(3):
        one.send(value)
    assert (first.join(), second.join(), third.join()) == (0, (1, 1, True), 2)


@in_run
def test_a_value_moves_into_the_buffer_from_one_that_selects() -> None:
    one, two = Chan[int](1), Chan[int]()
    one.send(1)
    waiting = parked(go(select, two.recv, (one.send, 2)))
    assert one.recv() == 1
    assert (len(one), one.waiting, two.waiting) == (1, (0, 0), (0, 0))
    assert waiting.join() == (1, None, True)
    assert one.recv() == 2


@in_run
def test_two_that_select_meet() -> None:
    one, two = Chan[int](), Chan[int]()
    waiting = parked(go(select, one.recv, (two.send, 2)))
    assert select((one.send, 1), two.recv) in {(0, None, True), (1, 2, True)}
    assert waiting.join() in {(0, 1, True), (1, None, True)}


# ---- limits


@in_run
def test_it_gives_up_when_the_time_is_up() -> None:
    one, two = Chan[int](), Chan[int]()
    for timeout in (-1, 0, 0.001):
        with pytest.raises(TimeoutError, match=f"within {timeout} s"):
            select(one.recv, (two.send, 1), timeout=timeout)
    assert (one.waiting, two.waiting) == ((0, 0), (0, 0))
    assert select(one.recv, default=True, timeout=5) == (-1, None, False)


@in_run
def test_one_that_is_cancelled_leaves_all_its_lines() -> None:
    one, two = Chan[int](), Chan[int]()
    waiting = parked(go(select, one.recv, (two.send, 1), one.recv))
    waiting.cancel()
    with pytest.raises(GoroutineCancelled):
        waiting.join()
    assert (one.waiting, two.waiting) == ((0, 0), (0, 0))


@in_run
def test_a_goroutine_says_that_it_selects() -> None:
    channel = Chan[int]()
    waiting = parked(go(select, channel.recv))
    assert waiting.state.startswith("waiting: select, among others from <Chan ")
    channel.send(1)
    waiting.join()

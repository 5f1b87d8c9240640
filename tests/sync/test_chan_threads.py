"""Channels between threads: each value once, whoever sends and receives on whichever thread."""

import threading
from collections import Counter
from collections.abc import Callable

import pytest

from netpoll import GoroutineCancelled, blocking, go, gosched, run, sleep
from netpoll._runtime import lifecycle
from netpoll._runtime.scheduler import Scheduler
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import Outcome, in_run, on_thread, parked

THREADS = 8


@pytest.mark.parametrize("capacity", [0, 1, 10])
def test_eight_threads_share_a_channel(capacity: int, switching_often: None) -> None:
    channel = Chan[int](capacity)
    received: Counter[int] = Counter()

    def send(start: int) -> None:
        for value in range(start, start + 100):
            channel.send(value)

    def receive(mine: list[int]) -> None:
        mine.extend(channel)

    def main(number: int) -> list[int]:
        mine: list[int] = []
        senders = [go(send, 1000 * number + 100 * i) for i in range(3)]
        receivers = [go(receive, mine) for _ in range(3)]
        for sender in senders:
            sender.join()
        left.release()
        for receiver in receivers:
            receiver.join()
        return mine

    left = threading.Semaphore(0)
    threads = [Outcome(run, main, number) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert left.acquire(timeout=30)
    channel.close()
    for thread in threads:
        received.update(thread.result())
    expected = [
        1000 * n + 100 * i + k for n in range(THREADS) for i in range(3) for k in range(100)
    ]
    assert received == Counter(expected)


def test_eight_threads_select_over_the_same_channels(switching_often: None) -> None:
    channels = [Chan[int](capacity) for capacity in (0, 0, 1, 5)]
    done = Chan[None]()

    def work(start: int, mine: list[int]) -> None:
        """Send and receive at once, so that each may be served by each."""
        value = start
        while value < start + 100:
            cases = [(channel.send, value) for channel in channels]
            match select(*cases, *channels):
                case index, None, True if index < len(channels):
                    value += 1
                case _, got, True:
                    mine.append(got)

    def receive(mine: list[int]) -> None:
        while True:
            match select(done, *channels):
                case 0, _, _:
                    return
                case _, got, True:
                    mine.append(got)

    def main(number: int) -> list[int]:
        mine: list[int] = []
        receiver = go(receive, mine)
        workers = [go(work, 1000 * number + 100 * i, mine) for i in range(3)]
        for worker in workers:
            worker.join()
        left.release()
        receiver.join()
        return mine

    left = threading.Semaphore(0)
    threads = [Outcome(run, main, number) for number in range(THREADS)]
    for thread in threads:
        thread.start()
    for _ in threads:
        assert left.acquire(timeout=30)
    while any(map(len, channels)):
        threading.Event().wait(0.001)
    done.close()
    received = Counter(value for thread in threads for value in thread.result())
    expected = [
        1000 * n + 100 * i + k for n in range(THREADS) for i in range(3) for k in range(100)
    ]
    assert received == Counter(expected)
    assert [channel.waiting for channel in channels] == [(0, 0)] * len(channels)


def test_many_consumers_receive_each_value_once(switching_often: None) -> None:
    """Source: go1.27 runtime/chan_test.go TestMultiConsumer."""
    consumers, values = 23, 27_182
    requests, results = Chan[int](consumers // 2), Chan[int](consumers // 2)
    primes = [2, 3, 7, 11, 13, 17, 19, 23, 27, 31]

    def consume() -> None:
        for i, value in enumerate(requests):
            if primes[i % len(primes)] & 1:
                gosched()
            results.send(value)

    def produce() -> int:
        expected = 0
        for i in range(values):
            number = primes[i % len(primes)]
            expected += number
            requests.send(number)
        return expected

    def consuming() -> None:
        for goroutine in [go(consume) for _ in range(consumers)]:
            goroutine.join()
        results.close()

    thread = Outcome(run, consuming)
    thread.start()

    def main() -> None:
        def finish() -> int:
            expected = produce()
            requests.close()
            return expected

        producer = go(finish)
        total = count = 0
        for value in results:
            total += value
            count += 1
        assert count == values
        assert total == producer.join()

    run(main)
    thread.result()


@pytest.mark.parametrize("kind", ["send", "recv", "select"])
@in_run
def test_a_thread_that_sleeps_in_the_poller_is_woken(kind: str) -> None:
    channel, back = Chan[int](), Chan[int]()

    def main() -> None:
        for value in range(200):
            if kind == "send":
                channel.send(value)
            elif kind == "recv":
                assert channel.recv() == value
            else:
                assert select(back.recv, channel.recv) == (1, value, True)

    thread = Outcome(main)
    thread.start()
    for value in range(200):
        if kind == "send":
            assert channel.recv() == value
        else:
            channel.send(value)
    thread.result()


@in_run
def test_a_thread_without_goroutines_can_send_and_receive() -> None:
    channel = Chan[int](5)

    def tries() -> None:
        for value in range(5):
            assert channel.try_send(value)

    thread = threading.Thread(target=tries)
    thread.start()
    assert [channel.recv() for _ in range(5)] == list(range(5))
    thread.join()
    receiver = Outcome(channel.recv)
    receiver.start()
    channel.send(9)
    assert receiver.result() == 9


@in_run
def test_a_close_on_another_thread_wakes_everybody() -> None:
    channel = Chan[int]()
    loops = [parked(go(lambda: list(channel))) for _ in range(3)]
    selecting = parked(go(select, channel.recv, Chan[int]().recv))
    threading.Timer(0.005, channel.close).start()
    assert [loop.join() for loop in loops] == [[], [], []]
    assert selecting.join() == (0, None, False)


@in_run
def test_a_cancellation_on_another_thread_races_with_what_comes() -> None:
    channel = Chan[int]()
    outcomes: Counter[str] = Counter()
    for number in range(300):
        receiver = parked(go(channel.recv))
        canceller = threading.Thread(target=receiver.cancel)
        canceller.start()
        sent = channel.try_send(number)
        canceller.join()
        try:
            assert receiver.join() == number
            outcomes["received"] += 1
            assert sent
        except GoroutineCancelled:
            outcomes["cancelled"] += 1
            assert not sent
    assert channel.waiting == (0, 0)
    assert outcomes.total() == 300


@pytest.mark.parametrize("threads", [1, 2, 4])
@in_run
def test_pings_between_threads_are_all_answered(threads: int, switching_often: None) -> None:
    def answer(there: Chan[int], back: Chan[int]) -> None:
        for value in there:
            back.send(value)

    def ask(there: Chan[int], back: Chan[int]) -> None:
        for value in range(8000 // threads):
            if value % 3:
                there.send(value)
            else:
                select((there.send, value), back.recv)
            assert back.recv() == value
        there.close()

    pairs = [(Chan[int](), Chan[int]()) for _ in range(threads)]
    answering = [Outcome(run, answer, there, back) for there, back in pairs]
    for thread in answering:
        thread.start()
    for goroutine in [go(ask, *pair) for pair in pairs]:
        goroutine.join()
    for thread in answering:
        thread.result()


@in_run
def test_a_call_on_a_thread_of_the_pool_can_send() -> None:
    channel = Chan[int]()
    caller = go(blocking, channel.send, 5)
    assert channel.recv() == 5
    caller.join()
    with pytest.raises(ChannelClosed):
        on_thread(closed_and_sent, channel)


def closed_and_sent(channel: Chan[int]) -> None:
    channel.close()
    channel.send(1)


@in_run
def test_a_timeout_on_another_thread_leaves_no_trace() -> None:
    channel = Chan[int]()
    for _ in range(20):
        thread = Outcome(channel.recv, 0.0005)
        thread.start()
        sleep(0.0005)
        sent = channel.try_send(1)
        try:
            assert thread.result() == 1
            assert sent
        except TimeoutError:
            assert not sent
    assert channel.waiting == (0, 0)


class Meanwhile:
    """Something that happens while a thread gets its scheduler, for which Python code runs."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._patch = monkeypatch

    def __call__(self, fn: Callable[[], object]) -> None:
        attached = lifecycle.attached

        def attached_and_more(scheduler: Scheduler) -> None:
            attached(scheduler)
            fn()

        self._patch.setattr(lifecycle, "attached", attached_and_more)


@pytest.fixture
def meanwhile(monkeypatch: pytest.MonkeyPatch) -> Meanwhile:
    return Meanwhile(monkeypatch)


def test_what_comes_while_a_thread_gets_its_scheduler_is_received(meanwhile: Meanwhile) -> None:
    for wait in (Chan.recv, next, lambda channel: select(channel)[1]):
        channel = Chan[int](1)
        meanwhile(lambda channel=channel: channel.try_send(1))  # type: ignore[misc]
        assert on_thread(wait, channel) == 1


def test_room_that_comes_while_a_thread_gets_its_scheduler_is_used(meanwhile: Meanwhile) -> None:
    for wait in (Chan.send, lambda channel, value: select((channel.send, value))):
        channel = Chan[int](1)
        channel.send(1)
        meanwhile(lambda channel=channel: channel.try_recv())  # type: ignore[misc]
        on_thread(wait, channel, 2)
        assert channel.try_recv() == (2, True)

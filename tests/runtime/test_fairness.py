"""Fairness: nobody who can run waits for ever, whatever the others do."""

import time
from collections.abc import Callable, Iterator

import pytest

from netpoll import Goroutine, go, gosched, lowlevel, net, sleep
from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime.intercept import intercept
from tests.running import in_run, on_thread, pair, parked

SLICE = 128
TICKS = 61


@pytest.fixture
def polls() -> Iterator[list[int]]:
    """Return the delays, in ns, for which the kernel was asked for events."""
    delays: list[int] = []
    intercept("epoll_wait", lambda _, delay: delays.append(delay))
    yield delays
    intercept("epoll_wait", None)


class Spinner:
    """A goroutine that is always runnable and counts its turns."""

    def __init__(self) -> None:
        self.turns = 0
        self.stop = False
        self.goroutine = go(self.spin)

    def spin(self) -> None:
        while not self.stop:
            self.turns += 1
            gosched()

    def end(self) -> None:
        self.stop = True
        self.goroutine.join()


# ---- the run queue


@in_run
def test_everybody_who_yields_has_the_same_number_of_turns() -> None:
    spinners = [Spinner() for _ in range(10)]
    for _ in range(100):
        gosched()
    turns = [spinner.turns for spinner in spinners]
    assert max(turns) - min(turns) <= 1
    for spinner in spinners:
        spinner.end()


@in_run
def test_two_that_ready_one_another_cannot_starve_a_third() -> None:
    bounces = 0
    stop = False

    def bounce(other: list[Goroutine]) -> None:
        nonlocal bounces
        while not stop:
            bounces += 1
            lowlevel.ready(other[0])
            lowlevel.park()
        lowlevel.ready(other[0])

    one: list[Goroutine] = []
    two = [go(bounce, one)]
    one.append(go(bounce, two))
    third = Spinner()
    while third.turns < 50:
        before = bounces
        gosched()
        assert bounces - before <= 2 * SLICE
    assert bounces > SLICE  # they did run next, ahead of the queue
    stop = True
    two[0].join()
    one[0].join()
    third.end()


@in_run
def test_a_goroutine_that_was_readied_runs_before_the_queue() -> None:
    seen: list[str] = []

    def work() -> None:
        lowlevel.park()
        seen.append("readied")

    goroutine = parked(go(work))
    go(seen.append, "queued")
    lowlevel.ready(goroutine)
    gosched()
    assert seen == ["readied", "queued"]


@in_run
def test_goroutines_that_start_others_without_end_do_not_starve_a_third() -> None:
    stop = False

    def breed() -> None:
        if not stop:
            go(breed)

    go(breed)
    third = Spinner()
    for _ in range(100):
        gosched()
    assert third.turns >= 99
    stop = True
    third.end()


# ---- the budget of I/O that never parks


@in_run
def test_reads_and_writes_that_never_park_still_take_turns() -> None:
    with pair() as (one, two):
        exchanged = 0
        stop = False

        def talk() -> None:
            nonlocal exchanged
            while not stop:
                one.write(b"x")
                two.read_bytes(1)
                exchanged += 1

        talker = go(talk)
        third = Spinner()
        for _ in range(20):
            before = exchanged
            gosched()
            assert exchanged - before <= SLICE
        assert exchanged > 0
        stop = True
        talker.join()
        third.end()


def reading(fd: StreamFD, peer: StreamFD) -> None:
    peer.write(b"x")
    fd.read_bytes(1)


def reading_into(fd: StreamFD, peer: StreamFD) -> None:
    peer.write(b"x")
    fd.readinto(bytearray(1))


def writing_several(fd: StreamFD, peer: StreamFD) -> None:
    peer.writev([b"x", b"y"])
    fd.read_bytes(2)


@pytest.mark.parametrize("exchange", [reading, reading_into, writing_several])
@in_run
def test_each_kind_of_io_spends_the_budget(exchange: Callable[[StreamFD, StreamFD], None]) -> None:
    with pair() as (one, two):
        third = Spinner()
        gosched()
        for _ in range(SLICE):
            exchange(one, two)
        assert third.turns >= 2
        third.end()


@in_run
def test_accepting_spends_the_budget() -> None:
    with net.listen("tcp", "127.0.0.1:0", backlog=200) as listener:
        conns = [net.dial("tcp", str(listener.local_addr)) for _ in range(SLICE + 10)]
        third = Spinner()
        gosched()
        before = third.turns
        accepted = [listener.accept() for _ in conns]
        assert third.turns > before
        for conn in conns + accepted:
            conn.close()
        third.end()


# ---- the poller and other threads


@pytest.mark.parametrize("spinners", [1, 2, 7])
@in_run
def test_the_network_is_looked_at_while_the_queue_is_never_empty(spinners: int) -> None:
    with pair() as (one, two):
        busy = [Spinner() for _ in range(spinners)]
        reader = parked(go(one.read_bytes, 1))
        before = sum(spinner.turns for spinner in busy)
        two.write(b"x")
        while not reader.done:
            gosched()
        turns = sum(spinner.turns for spinner in busy) - before
        assert turns <= TICKS + 2 * spinners + 2
        for spinner in busy:
            spinner.end()


@in_run
def test_the_network_is_looked_at_every_61st_time(polls: list[int]) -> None:
    with pair() as (one, two):
        reader = parked(go(one.read_bytes, 1))
        polls.clear()
        for _ in range(10 * TICKS):
            gosched()
        assert polls == [0] * 10
        two.write(b"x")
        reader.join()


@in_run
def test_the_network_is_left_alone_while_nobody_waits_for_it(polls: list[int]) -> None:
    for _ in range(10 * TICKS):
        gosched()
    assert polls == []


@in_run
def test_what_another_thread_readied_runs_while_the_queue_is_never_empty() -> None:
    busy = Spinner()
    goroutine = parked(go(lowlevel.park))
    on_thread(lowlevel.ready, goroutine)
    before = busy.turns
    goroutine.join()
    assert busy.turns - before <= TICKS + 2
    busy.end()


@in_run
def test_new_connections_are_accepted_while_others_are_always_ready() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, pair() as (one, two):
        stop = False

        def talk() -> None:
            while not stop:
                one.write(b"x")
                two.read_bytes(1)

        talkers = [go(talk) for _ in range(3)]
        acceptor = go(listener.accept)
        begin = time.thread_time()
        with net.dial("tcp", str(listener.local_addr)), acceptor.join():
            assert time.thread_time() - begin < 0.1
        stop = True
        for talker in talkers:
            talker.join()


@in_run
def test_each_of_many_busy_connections_has_its_share() -> None:
    counts = [0] * 100
    stop = False

    def ask(fd: StreamFD, i: int) -> None:
        while not stop:
            fd.write(b"x")
            fd.read_bytes(1)
            counts[i] += 1
        fd.close()

    def answer(fd: StreamFD) -> None:
        while data := fd.read_bytes(1):
            fd.write(data)

    def conversation(i: int) -> None:
        with pair() as (one, two):
            answering = go(answer, two)
            ask(one, i)
            answering.join()

    conversations = [go(conversation, i) for i in range(len(counts))]
    sleep(0.3)
    stop = True
    for each in conversations:
        each.join()
    mean = sum(counts) / len(counts)
    assert min(counts) >= mean / 4

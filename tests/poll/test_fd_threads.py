"""One descriptor, several threads and several runs: its registration goes where it is used."""

import random
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import ParamSpec, TypeVar

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime import lifecycle
from netpoll._runtime.scheduler import Scheduler
from tests import tcp
from tests.kernel import recorded
from tests.poll.operations import ALL, Blocked, name_of, raised
from tests.poll.operations_stream import accepting, reading, reading_much, writing
from tests.running import Outcome, in_run, on_thread, parked

ADD = 1  # EPOLL_CTL_ADD

P = ParamSpec("P")
T = TypeVar("T")


@contextmanager
def switching_often() -> Iterator[None]:
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        yield
    finally:
        sys.setswitchinterval(interval)


def in_thread(main: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> Outcome[T]:
    """Run a function as the main goroutine of a run, on a thread of its own."""
    thread = Outcome(netpoll.run, main, *args, **kwargs)
    thread.start()
    return thread


def wait_until(condition: Callable[[], bool]) -> None:
    end = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.0002)


def swallows(fd: StreamFD) -> None:
    """Read for ever, whoever cancels it."""
    while True:
        with suppress(netpoll.Cancelled):
            fd.read_bytes(1)


class Parked:
    """A goroutine on a thread of its own, inside an operation."""

    def __init__(self, operation: Callable[[], object]) -> None:
        self.operation = operation
        self.goroutine: netpoll.Goroutine | None = None
        self.thread = in_thread(self.main)
        wait_until(lambda: self.goroutine is not None and "waiting" in self.goroutine.state)
        time.sleep(0.001)  # from being parked to being asleep in the poller

    def main(self) -> object:
        self.goroutine = netpoll.go(raised_or_result, self.operation)
        return self.goroutine.join()

    def result(self) -> object:
        return self.thread.result()


def raised_or_result(operation: Callable[[], object]) -> object:
    try:
        return operation()
    except OSError as error:
        return error


# ---- one after the other ---------------------------------------------------------------------


def test_a_descriptor_of_one_run_works_in_the_next() -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    with far:
        for n in range(3):

            def main(n: int = n) -> bytes:
                reader = parked(netpoll.go(fd.read_bytes, 10))
                far.sendall(bytes([n]))
                return bytes(reader.join())

            assert netpoll.run(main) == bytes([n])
        fd.close()


def test_a_deadline_of_one_run_holds_in_the_next() -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    with far:
        when = time.monotonic() + 0.005
        netpoll.run(fd.set_read_deadline, when)
        error = netpoll.run(raised, lambda: fd.read_bytes(1))
        assert isinstance(error, netpoll.DeadlineExceeded)
        assert time.monotonic() >= when
        far.sendall(b"x")
        assert isinstance(netpoll.run(raised, lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.set_read_deadline(None)
        assert netpoll.run(fd.read_bytes, 1) == b"x"
        fd.close()


def test_a_deadline_set_between_two_runs_holds_in_the_second() -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    with far:
        netpoll.run(fd.set_read_deadline, time.monotonic() + 60)
        when = time.monotonic() + 0.003
        on_thread(fd.set_read_deadline, when)
        error = netpoll.run(raised, lambda: fd.read_bytes(1))
        assert isinstance(error, netpoll.DeadlineExceeded)
        assert time.monotonic() >= when
        fd.close()


def test_a_drained_descriptor_of_one_run_is_read_in_the_next() -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    with far:
        for message in (b"one", b"two", b"three"):
            far.sendall(message)
            assert netpoll.run(fd.read_bytes, 100) == message
        far.close()
        assert netpoll.run(fd.read_bytes, 100) == b""
        fd.close()


def test_a_hang_up_seen_in_one_run_is_known_in_the_next() -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())

    def first() -> bytes:
        reader = parked(netpoll.go(fd.read_bytes, 100))
        far.sendall(b"last")
        far.shutdown(1)
        return bytes(reader.join())

    with far:
        assert netpoll.run(first) == b"last"
        assert netpoll.run(fd.read_bytes, 100) == b""
        fd.close()


@in_run
def test_the_registration_moves_to_the_thread_that_waits() -> None:
    with tcp.end() as (fd, peer), recorded("epoll_ctl") as calls:

        def waits() -> bytes:
            reader = parked(netpoll.go(fd.read_bytes, 10))
            peer.sendall(b"x")
            return bytes(reader.join())

        assert waits() == b"x"
        assert in_thread(waits).result() == b"x"
        assert waits() == b"x"
        ours = [call for call in calls.of("epoll_ctl") if call[2] == fd.fileno()]
        epolls = [epfd for epfd, operation, *_ in ours if operation == ADD]
        assert len(epolls) == 3
        assert epolls[0] == epolls[2] != epolls[1]


@in_run
def test_a_deadline_moves_along() -> None:
    with tcp.end() as (fd, _):
        when = time.monotonic() + 0.02
        fd.set_read_deadline(when)

        def waits() -> float:
            assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
            return time.monotonic()

        moment = in_thread(waits).result()
        assert isinstance(moment, float)
        assert when <= moment < when + 1


@in_run
def test_it_does_not_move_away_from_one_who_is_parked() -> None:
    with tcp.end() as (fd, peer), recorded("epoll_ctl") as calls:
        before = tcp.fill(fd, peer)
        reader = parked(netpoll.go(fd.read_bytes, 10))
        writer = Parked(lambda: fd.write(b"more"))
        ours = [call for call in calls.of("epoll_ctl") if call[2] == fd.fileno()]
        assert [operation for _, operation, *_ in ours] == [ADD]
        data = netpoll.blocking(tcp.receive_exactly, peer, before + 4)
        assert data[before:] == b"more"
        assert writer.result() == 4
        peer.sendall(b"x")
        assert reader.join() == b"x"


# ---- at the same time ------------------------------------------------------------------------


@in_run
def test_each_direction_may_be_parked_on_another_thread() -> None:
    with tcp.end() as (fd, peer):
        before = tcp.fill(fd, peer)
        threads = [Parked(lambda: fd.read_bytes(10)), Parked(lambda: fd.write(b"more"))]
        peer.sendall(b"x")
        assert threads[0].result() == b"x"
        data = netpoll.blocking(tcp.receive_exactly, peer, before + 4)
        assert data[before:] == b"more"
        assert threads[1].result() == 4


@in_run
def test_a_waiter_is_woken_although_the_thread_whose_poller_reports_for_it_only_computes() -> None:
    with tcp.end() as (fd, peer):
        before = tcp.fill(fd, peer)
        reader = parked(netpoll.go(fd.read_bytes, 10))  # here the descriptor is registered
        writer = Parked(lambda: fd.write(b"more"))
        peer.sendall(b"x")
        assert reader.join() == b"x"
        # Nobody here waits for the network any more, and this thread never idles.
        drain = Outcome(tcp.receive_exactly, peer, before + 4)
        drain.start()
        end = time.monotonic() + 5
        while writer.thread.is_alive() and time.monotonic() < end:
            netpoll.gosched()
        assert not writer.thread.is_alive()
        assert writer.result() == 4
        data = drain.result()
        assert isinstance(data, bytes)
        assert data[before:] == b"more"


@pytest.mark.parametrize("directions", [1, 2])
def test_waiters_go_on_when_the_thread_whose_poller_reports_for_them_ends(directions: int) -> None:
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    leave = threading.Event()
    registered = threading.Event()

    def first() -> None:
        """Register, hold the registration until another thread waits too, and end."""
        reader = parked(netpoll.go(raised_or_result, lambda: fd.read_bytes(1)))
        registered.set()
        netpoll.blocking(leave.wait)
        far.send(b"1")
        assert reader.join() == b"1"

    with far:
        before = netpoll.run(tcp.fill, fd, far)
        home = in_thread(first)
        registered.wait()
        waiting = [Parked(lambda: fd.write(b"more"))]
        if directions == 2:
            line = Parked(lambda: fd.read_bytes(1))  # in line behind the first
            waiting.append(line)
        leave.set()
        home.result()
        time.sleep(0.002)
        if directions == 2:
            far.send(b"2")
            assert waiting[1].result() == b"2"
        data = tcp.receive_exactly(far, before + 4)
        assert waiting[0].result() == 4
        assert data[before:] == b"more"
        fd.close()


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
def test_closing_wakes_who_waits_on_other_threads(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        threads = [Parked(operation) for _ in range(2)]
        begin = time.monotonic()
        fd.close()
        for thread in threads:
            assert isinstance(thread.result(), netpoll.ClosedError)
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize("blocked", ALL, ids=name_of)
def test_a_deadline_wakes_who_waits_on_other_threads(blocked: Blocked) -> None:
    for after in (-1, 0.005):
        with blocked() as (fd, operation):
            threads = [Parked(operation) for _ in range(2)]
            when = time.monotonic() + after
            fd.set_deadline(when)
            for thread in threads:
                assert isinstance(thread.result(), netpoll.DeadlineExceeded)
            assert when <= time.monotonic() < when + 3


def test_readers_of_three_threads_get_each_byte_once() -> None:
    count = 3000
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())

    def reads() -> bytes:
        chance = random.Random(threading.get_ident())

        def all_of_it() -> bytes:
            got = b""
            while data := fd.read_bytes(chance.choice([1, 2, 5])):
                got += data
            return got

        return b"".join(g.join() for g in [netpoll.go(all_of_it) for _ in range(3)])

    with far, switching_often():
        threads = [in_thread(reads) for _ in range(3)]
        sent = random.Random(1).randbytes(count)
        for at in range(0, count, 7):
            far.sendall(sent[at : at + 7])
        far.shutdown(1)
        parts = [thread.result() for thread in threads]
        assert sorted(b"".join(parts)) == sorted(sent)
        fd.close()


def test_an_echo_between_two_threads_moves_any_amount() -> None:
    megabytes = random.Random(2).randbytes(3_000_000)
    near, far = tcp.connected()
    a, b = StreamFD.adopt(near.detach()), StreamFD.adopt(far.detach())

    def echoes() -> None:
        while data := b.read_bytes(65536):
            b.write(data)
        b.shutdown(1)

    def asks() -> bytes:
        writer = netpoll.go(a.write, megabytes)
        got = bytearray()
        while len(got) < len(megabytes):
            got += a.read_bytes(65536)
        writer.join()
        a.shutdown(1)
        return bytes(got)

    with switching_often():
        echo = in_thread(echoes)
        assert netpoll.run(asks) == megabytes
        echo.result()
    a.close()
    b.close()


# ---- races -----------------------------------------------------------------------------------


@pytest.mark.parametrize("blocked", [reading, reading_much, writing, accepting], ids=name_of)
def test_closing_while_others_come_and_go_ends_everybody(blocked: Blocked) -> None:
    """Two threads of goroutines in and out of operations; a third closes at any moment."""

    def comes_and_goes(operation: Callable[[], object]) -> list[type]:
        def until_closed() -> type:
            while True:
                error = raised_or_result(operation)
                if isinstance(error, netpoll.ClosedError):
                    return type(error)

        return [g.join(timeout=10) for g in [netpoll.go(until_closed) for _ in range(3)]]

    chance = random.Random(4)
    with switching_often():
        for _ in range(15):
            with blocked() as (fd, operation):
                fd.settimeout(chance.choice([None, 0, 1e-5, 1e-4]))
                threads = [in_thread(comes_and_goes, operation) for _ in range(2)]
                time.sleep(chance.random() * 0.003)
                fd.close()
                for thread in threads:
                    assert thread.result() == [netpoll.ClosedError] * 3


def test_reading_deadlines_and_closing_on_two_threads_for_a_while() -> None:
    chance = random.Random(5)
    end = time.monotonic() + 0.8

    def reads(fd: StreamFD) -> None:
        while True:
            error = raised_or_result(lambda: fd.read_bytes(3))
            if isinstance(error, netpoll.ClosedError):
                return
            assert isinstance(error, (bytes, netpoll.DeadlineExceeded))

    def main_of(fd: StreamFD) -> None:
        for goroutine in [netpoll.go(reads, fd) for _ in range(3)]:
            goroutine.join(timeout=10)

    rounds = 0
    with switching_often():
        while time.monotonic() < end:
            rounds += 1
            with tcp.end() as (fd, peer):
                threads = [in_thread(main_of, fd) for _ in range(2)]
                for _ in range(chance.randrange(30)):
                    choice = chance.randrange(3)
                    if choice == 0:
                        peer.send(b"abcd")
                    elif choice == 1:
                        fd.set_read_deadline(time.monotonic() + chance.random() * 1e-4)
                    else:
                        fd.set_deadline(None)
                fd.close()
                for thread in threads:
                    thread.result()
    assert rounds > 5


def test_numbers_reused_at_once_by_another_thread_never_mix_streams() -> None:
    """Each connection carries its own byte over and over: whoever reads another one's has
    been given a number, a registration or an event that was not his."""
    end = time.monotonic() + 0.8

    def talks(mark: int) -> int:
        def one(fd: StreamFD, peer: StreamFD) -> None:
            reader = netpoll.go(fd.read_bytes, 100)
            peer.write(bytes([mark]) * 3)
            assert reader.join() == bytes([mark]) * 3
            late = netpoll.go(raised_or_result, lambda: fd.read_bytes(100))
            netpoll.gosched()
            fd.close()
            assert isinstance(late.join(), netpoll.ClosedError)

        count = 0
        while time.monotonic() < end:
            with tcp.ends() as (fd, peer):
                one(fd, peer)
            count += 1
        return count

    with switching_often():
        threads = [in_thread(talks, mark) for mark in (1, 2)]
        counts = [thread.result() for thread in threads]
    assert all(count > 10 for count in counts)


@in_run
def test_who_outlives_his_run_is_in_nobodys_way(
    monkeypatch: pytest.MonkeyPatch, left_behind: list[str]
) -> None:
    """A goroutine that swallows each cancellation is left behind by its thread, inside a read."""
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)

    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        writer = parked(netpoll.go(raised, lambda: fd.write(b"x")))  # keeps the registration here
        on_thread(netpoll.run, lambda: parked(netpoll.go(swallows, fd)))
        assert len(left_behind) == 1
        left_behind.clear()
        for message in (b"x", b"y"):
            reader = parked(netpoll.go(fd.read_bytes, 1))
            peer.sendall(message)
            assert reader.join(timeout=5) == message
        fd.close()
        assert isinstance(writer.join(), netpoll.ClosedError)


def test_waiters_go_on_although_one_of_the_thread_that_ends_is_left_behind_parked(
    monkeypatch: pytest.MonkeyPatch, left_behind: list[str]
) -> None:
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)
    near, far = tcp.connected()
    fd = StreamFD.adopt(near.detach())
    leave, registered = threading.Event(), threading.Event()

    def home() -> None:
        parked(netpoll.go(swallows, fd))
        registered.set()
        netpoll.blocking(leave.wait)

    with far:
        before = netpoll.run(tcp.fill, fd, far)
        thread = in_thread(home)
        registered.wait()
        writer = Parked(lambda: fd.write(b"more"))
        leave.set()
        thread.result()
        assert len(left_behind) == 1
        left_behind.clear()
        data = tcp.receive_exactly(far, before + 4)
        assert data[before:] == b"more"
        assert writer.result() == 4
        fd.close()


def test_a_thread_whose_first_call_finds_the_lock_taken_misses_no_hand_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its scheduler is made then, and the holder runs meanwhile."""
    inside, leave = threading.Event(), threading.Event()
    attached = lifecycle.attached

    def slowly(scheduler: Scheduler) -> None:
        attached(scheduler)
        if threading.current_thread().name == "late":
            inside.set()
            leave.wait(10)

    monkeypatch.setattr(lifecycle, "attached", slowly)
    with tcp.ends() as (near, far):
        got: list[int] = []
        holder = threading.Thread(target=lambda: got.append(near.readinto(bytearray(5))))
        late = threading.Thread(target=lambda: got.append(near.readinto(bytearray(5))), name="late")
        holder.start()
        late.start()
        assert inside.wait(10)
        far.write(b"first")
        holder.join(10)
        leave.set()
        far.write(b"later")
        late.join(10)
        assert got == [5, 5]

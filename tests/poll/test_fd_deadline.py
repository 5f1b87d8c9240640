"""Deadlines of a descriptor: in the past, and while somebody waits."""

import math
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest

import netpoll
from netpoll._poll.fd import FD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, recorded
from tests.poll.limits import each, read_or_none, set_for, times_out
from tests.poll.operations import (
    Blocked,
    Operation,
    raised,
)
from tests.running import Outcome, in_run, on_thread, parked

PAST = [0, -1, 1, -1e300, -math.inf, 1e-9]


# ---- in the past -----------------------------------------------------------------------------


@pytest.mark.parametrize("past", PAST)
@in_run
def test_a_past_deadline_fails_whatever_is_ready(past: float) -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"data")
        fd.set_deadline(past)
        operations: list[Operation] = [
            lambda: fd.read_bytes(10),
            lambda: fd.read_bytes(1 << 20),
            lambda: fd.read_bytes(0),
            lambda: fd.readinto(bytearray(10)),
            lambda: fd.readv([bytearray(10)]),
            lambda: fd.write(b"x"),
            lambda: fd.write(b""),
            lambda: fd.writev([b"x"]),
        ]
        with recorded("recv", "recvmsg", "send", "sendmsg") as calls:
            for operation in operations:
                error = raised(operation)
                assert isinstance(error, netpoll.DeadlineExceeded)
                assert isinstance(error, TimeoutError)
                assert str(error) == "i/o timeout"
        assert calls.made == []


@pytest.mark.parametrize("past", PAST)
@in_run
def test_clearing_or_moving_it_makes_everything_work_again(past: float) -> None:
    with tcp.end() as (fd, peer):
        for renewed in (None, time.monotonic() + 60, math.inf):
            peer.sendall(b"data")
            fd.set_deadline(past)
            raised(lambda: fd.read_bytes(10))
            fd.set_deadline(renewed)
            assert fd.read_bytes(10) == b"data"
            assert fd.write(b"x") == 1


@in_run
def test_a_deadline_that_passed_while_nobody_looked_fails_whatever_is_ready() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"data")
        fd.set_deadline(time.monotonic() + 0.001)
        time.sleep(0.002)  # the thread, not the goroutine: no timer has run meanwhile
        for operation in (lambda: fd.read_bytes(10), lambda: fd.write(b"x")):
            assert isinstance(raised(operation), netpoll.DeadlineExceeded)
        fd.set_deadline(None)
        assert fd.read_bytes(10) == b"data"


@in_run
def test_what_is_no_number_is_refused_and_changes_nothing() -> None:
    with tcp.end() as (fd, _):
        fd.set_deadline(1)
        for set_deadline in (fd.set_deadline, fd.set_read_deadline, fd.set_write_deadline):
            with pytest.raises(ValueError, match="NaN"):
                set_deadline(math.nan)
            wrongs: list[Any] = ["1", b"1", [], object()]
            for wrong in wrongs:
                with pytest.raises(TypeError):
                    set_deadline(wrong)
        for operation in (lambda: fd.read_bytes(1), lambda: fd.write(b"x")):
            assert isinstance(raised(operation), netpoll.DeadlineExceeded)


@in_run
def test_no_deadline_on_a_fresh_descriptor_needs_no_poller() -> None:
    with recorded("epoll_ctl", "epoll_create") as calls, tcp.end() as (fd, _):
        fd.set_deadline(None)
        fd.set_read_deadline(None)
    assert calls.made == []


# ---- while somebody waits --------------------------------------------------------------------


@each
@in_run
def test_a_deadline_wakes_who_waits_and_never_early(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        when = time.monotonic() + 0.003
        set_for(blocked, fd, when)
        late = netpoll.go(times_out, operation, when).join(timeout=5)
        assert late < 2


@each
@in_run
def test_a_deadline_set_while_somebody_waits_wakes_him(blocked: Blocked) -> None:
    for after in (-1, 0, 0.001):
        with blocked() as (fd, operation):
            waiting = parked(netpoll.go(raised, operation))
            when = time.monotonic() + after
            set_for(blocked, fd, when)
            assert isinstance(waiting.join(timeout=5), netpoll.DeadlineExceeded)
            assert time.monotonic() >= when


@each
@in_run
def test_a_deadline_set_by_another_thread_wakes_who_waits(blocked: Blocked) -> None:
    for after in (-1, 0.002):
        with blocked() as (fd, operation):
            waiting = parked(netpoll.go(raised, operation))
            begin = time.monotonic()
            thread = Outcome(set_for, blocked, fd, begin + after)
            thread.start()
            assert isinstance(waiting.join(timeout=5), netpoll.DeadlineExceeded)
            assert time.monotonic() - begin >= after
            thread.result()


@each
@in_run
def test_a_deadline_ends_those_in_line_too(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        waiting = [parked(netpoll.go(raised, operation)) for _ in range(4)]
        set_for(blocked, fd, time.monotonic() + 0.001)
        for one in waiting:
            assert isinstance(one.join(timeout=5), netpoll.DeadlineExceeded)


@each
@in_run
def test_a_deadline_moved_later_does_not_fire_early(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        fd.set_deadline(time.monotonic() + 60)
        waiting = parked(netpoll.go(raised, operation))
        for ahead in (0.01, 0.02, 0.03):
            when = time.monotonic() + ahead
            set_for(blocked, fd, when)
            if time.monotonic() >= when:
                break  # a machine that slow cannot move it in time
        else:
            netpoll.sleep(0.02)
        assert isinstance(waiting.join(timeout=5), netpoll.DeadlineExceeded)
        assert time.monotonic() >= when


@each
@in_run
def test_a_deadline_moved_earlier_fires_then(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        set_for(blocked, fd, time.monotonic() + 60)
        waiting = parked(netpoll.go(raised, operation))
        set_for(blocked, fd, time.monotonic() + 0.002)
        assert isinstance(waiting.join(timeout=5), netpoll.DeadlineExceeded)


@each
@in_run
def test_a_deadline_that_was_cleared_does_not_fire(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        waiting = parked(netpoll.go(raised, operation))
        set_for(blocked, fd, time.monotonic() + 0.05)  # nobody looks at timers before the next line
        set_for(blocked, fd, None)
        netpoll.sleep(0.055)
        parked(waiting)  # one that sends to a full queue may just be trying again
        fd.close()
        assert isinstance(waiting.join(), netpoll.ClosedError)


@in_run
def test_a_reader_is_not_disturbed_by_a_past_that_is_over_nor_by_the_other_direction() -> None:
    with tcp.end() as (fd, _):
        fd.set_read_deadline(1)
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.set_write_deadline(1)
        fd.set_read_deadline(None)
        reader = parked(netpoll.go(raised, lambda: fd.read_bytes(1)))
        netpoll.sleep(0.02)
        assert reader.state.startswith("waiting")
        fd.close()
        error = reader.join()
        assert isinstance(error, netpoll.ClosedError)
        assert not error.timeout


@in_run
def test_each_direction_has_its_own() -> None:
    with tcp.end() as (fd, peer):
        fd.set_read_deadline(1)
        assert fd.write(b"x") == 1
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.set_read_deadline(None)
        fd.set_write_deadline(1)
        peer.sendall(b"y")
        assert fd.read_bytes(1) == b"y"
        assert isinstance(raised(lambda: fd.write(b"x")), netpoll.DeadlineExceeded)
        fd.set_deadline(None)
        assert fd.write(b"x") == 1


@in_run
def test_one_deadline_for_both_wakes_both() -> None:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        when = time.monotonic() + 0.003
        both = [
            netpoll.go(times_out, operation, when)
            for operation in (lambda: fd.read_bytes(1), lambda: fd.write(b"x"))
        ]
        fd.set_deadline(when)
        for goroutine in both:
            goroutine.join(timeout=5)


@in_run
def test_a_deadline_that_has_fired_stays() -> None:
    with tcp.end() as (fd, peer):
        fd.set_read_deadline(time.monotonic() + 0.001)
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        peer.sendall(b"x")
        netpoll.sleep(0.0001)
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.set_read_deadline(time.monotonic() + 5)
        assert fd.read_bytes(1) == b"x"


@in_run
def test_data_and_deadline_at_the_same_moment_lose_no_data() -> None:
    with tcp.end() as (fd, peer):
        for n in range(200):
            fd.set_read_deadline(time.monotonic() + 0.00005)
            reader = netpoll.go(read_or_none, fd)
            if n % 2:
                netpoll.gosched()
            end = time.monotonic() + random.Random(n).random() * 0.0001
            while time.monotonic() < end:
                netpoll.gosched()
            peer.send(b"x")
            data = reader.join(timeout=5)
            fd.set_read_deadline(None)
            assert data or fd.read_bytes(1) == b"x"


# ---- two threads -----------------------------------------------------------------------------


@in_run
def test_setting_deadlines_from_another_thread_while_many_read_hangs_nobody() -> None:
    stop = threading.Event()

    def sets(fd: FD) -> int:
        chance, count = random.Random(3), 0
        while not stop.is_set():
            fd.set_deadline(chance.choice([None, 1, time.monotonic() + chance.random() * 1e-4]))
            count += 1
        fd.set_deadline(1)
        return count

    def reads(fd: FD, operation: Operation) -> int:
        return sum(isinstance(raised(operation), netpoll.DeadlineExceeded) for _ in range(100))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with tcp.end() as (fd, peer):
            tcp.fill(fd, peer)
            thread = Outcome(sets, fd)
            thread.start()
            operations: list[Operation] = [lambda: fd.read_bytes(1), lambda: fd.write(b"x")] * 2
            readers = [netpoll.go(reads, fd, operation) for operation in operations]
            assert [reader.join(timeout=20) for reader in readers] == [100] * 4
            stop.set()
            netpoll.sleep(0)
            thread.join(5)
            thread.result()
    finally:
        stop.set()
        sys.setswitchinterval(interval)


@in_run
def test_a_deadline_from_a_thread_without_goroutines_is_kept() -> None:
    with tcp.end() as (fd, _):
        when = time.monotonic() + 0.003
        on_thread(fd.set_read_deadline, when)
        times_out(lambda: fd.read_bytes(1), when)


Set = Callable[[float | None], None]


def test_deadlines_need_no_run() -> None:
    near, far = socket.socketpair()
    fd = StreamFD.adopt(near.detach())
    with far, answering():
        setters: list[Set] = [fd.set_deadline, fd.set_read_deadline, fd.set_write_deadline]
        for set_deadline in setters:
            set_deadline(1)
            set_deadline(None)
        fd.set_read_deadline(time.monotonic() + 0.001)
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.close()


@pytest.mark.parametrize("after_a_short_read", [False, True])
@in_run
def test_a_deadline_in_the_past_ends_who_waits_although_data_has_come(
    after_a_short_read: bool,
) -> None:
    with tcp.end() as (fd, peer):
        for _ in range(3):
            if after_a_short_read:
                peer.sendall(b"1")
                assert fd.read_bytes(10) == b"1"
            reader = parked(netpoll.go(raised, lambda: fd.read_bytes(10)))
            peer.sendall(b"2")
            fd.set_read_deadline(1)
            assert isinstance(reader.join(timeout=5), netpoll.DeadlineExceeded)
            fd.set_read_deadline(None)
            assert fd.read_bytes(1) == b"2"


@in_run
def test_a_write_deadline_in_the_past_ends_no_read() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"1")
        assert fd.read_bytes(10) == b"1"
        reader = parked(netpoll.go(fd.read_bytes, 10))
        fd.set_write_deadline(1)
        netpoll.sleep(0.001)
        assert not reader.done
        peer.sendall(b"2")
        assert reader.join(timeout=5) == b"2"

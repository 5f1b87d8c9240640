"""Deadlines and timeouts of a descriptor."""

import math
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial
from typing import Any

import pytest

import netpoll
from netpoll._poll.fd import FD
from tests import tcp
from tests.kernel import answering, recorded
from tests.poll.operations import (
    ALL,
    READS,
    WRITES,
    Blocked,
    Operation,
    accepting,
    name_of,
    raised,
)
from tests.running import Outcome, in_run, on_thread, parked

PAST = [0, -1, 1, -1e300, -math.inf, 1e-9]
each = pytest.mark.parametrize("blocked", ALL, ids=name_of)


def set_for(blocked: Blocked, fd: FD, when: float | None) -> None:
    """Set the deadline of the direction that an operation uses."""
    if blocked in {*READS, accepting}:
        fd.set_read_deadline(when)
    else:
        fd.set_write_deadline(when)


def times_out(operation: Operation, at: float) -> float:
    """Expect that the operation fails by its limit, not before; return how late that was."""
    error = raised(operation)
    now = time.monotonic()
    assert isinstance(error, netpoll.DeadlineExceeded), error
    assert now >= at, f"{(at - now) * 1e6:.1f} us early"
    return now - at


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
            lambda: fd.write(b"x"),
            lambda: fd.write(b""),
            lambda: fd.writev([b"x"]),
        ]
        with recorded("recv", "send", "sendmsg") as calls:
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
        set_for(blocked, fd, time.monotonic() + 0.002)
        waiting = parked(netpoll.go(raised, operation))
        set_for(blocked, fd, None)
        netpoll.sleep(0.005)
        assert waiting.state.startswith("waiting")
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
    with tcp.end() as (fd, _):
        tcp.fill(fd)
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


def read_or_none(fd: FD) -> bytes | None:
    try:
        return bytes(fd.read_bytes(1))
    except netpoll.DeadlineExceeded:
        return None


# ---- how exact -------------------------------------------------------------------------------


@in_run
def test_deadlines_from_a_nanosecond_to_a_second_all_fire_and_none_early() -> None:
    """Source: go1.27 net TestVariousDeadlines."""
    lengths = [
        *(1e-9, 2e-9, 5e-9, 50e-9, 100e-9, 200e-9, 500e-9, 750e-9, 1e-6, 5e-6, 25e-6, 250e-6),
        *(500e-6, 1e-3, 5e-3, 25e-3, 100e-3, 500e-3, 1.0),
    ]
    assert len(lengths) == 19

    def expires(length: float) -> None:
        for _ in range(3 if length < 0.1 else 1):
            with tcp.end() as (fd, _):
                when = time.monotonic() + length
                fd.set_deadline(when)
                assert times_out(partial(fd.read_bytes, 1), when) < 2

    for goroutine in [netpoll.go(expires, length) for length in lengths]:
        goroutine.join(timeout=10)


@pytest.mark.parametrize("goroutines", [1, 4])
@in_run
def test_deadlines_exactly_around_their_expiry_hang_nobody(goroutines: int) -> None:
    """Source: go1.27 net TestReadWriteDeadlineRace."""
    with tcp.end() as (fd, _):
        tcp.fill(fd)

        def races(seed: int) -> int:
            chance = random.Random(seed)
            expired = 0
            for _ in range(1000 // goroutines):
                fd.set_deadline(time.monotonic() + chance.uniform(-2e-6, 2e-6))
                for operation in (lambda: fd.read_bytes(1), lambda: fd.write(b"x")):
                    assert isinstance(raised(operation), netpoll.DeadlineExceeded)
                    expired += 1
            return expired

        racing = [netpoll.go(races, seed) for seed in range(goroutines)]
        assert sum(one.join(timeout=20) for one in racing) == 2000


@in_run
def test_a_deadline_renewed_just_before_and_after_its_expiry_is_never_early() -> None:
    with tcp.end() as (fd, _):
        chance = random.Random(1)
        for _ in range(300):
            fd.set_read_deadline(time.monotonic() + 50e-6)
            reader = netpoll.go(raised, lambda: fd.read_bytes(1))
            netpoll.gosched()
            end = time.monotonic() + 50e-6 + chance.uniform(-4e-6, 4e-6)
            while time.monotonic() < end:
                pass
            when = time.monotonic() + 100e-6
            fd.set_read_deadline(when)  # too late for the first, or else in time
            assert isinstance(reader.join(timeout=5), netpoll.DeadlineExceeded)
            netpoll.go(times_out, lambda: fd.read_bytes(1), when).join(timeout=5)


@in_run
def test_a_deadline_renewed_with_each_message_wakes_nobody() -> None:
    with tcp.ends() as (a, b), recorded("epoll_wait", "write") as calls:
        for _ in range(50):
            a.set_read_deadline(time.monotonic() + 5)
            reader = netpoll.go(a.read_bytes, 10)
            netpoll.sleep(0.0005)
            b.write(b"x")
            assert reader.join() == b"x"
        # For each message the sleep and the wait for the event; the signal gate cuts some short.
        assert len([delay for _, delay in calls.of("epoll_wait") if delay]) <= 50 * 2 + 20
        assert calls.of("write") == []


# ---- earlier deadlines and earlier owners ----------------------------------------------------


@in_run
def test_the_timer_of_an_earlier_owner_does_not_fire() -> None:
    for _ in range(5):
        with tcp.end() as (old, _):
            old.set_deadline(time.monotonic() + 0.002)
        with tcp.end() as (new, peer):
            reader = parked(netpoll.go(new.read_bytes, 1))
            netpoll.sleep(0.004)
            assert reader.state.startswith("waiting")
            peer.sendall(b"x")
            assert reader.join() == b"x"


@in_run
def test_the_timer_of_an_earlier_owner_does_not_spoil_the_next_ones_deadline() -> None:
    for _ in range(5):
        with tcp.end() as (old, _):
            old.set_deadline(time.monotonic() + 0.002)
            waiting = parked(netpoll.go(raised, partial(old.read_bytes, 1)))
            old.close()
            with tcp.end() as (new, _):
                when = time.monotonic() + 0.005
                new.set_deadline(when)
                assert isinstance(waiting.join(), netpoll.ClosedError)
                times_out(partial(new.read_bytes, 1), when)


@in_run
def test_thousands_of_deadlines_come_in_order_and_leave_nothing() -> None:
    order: list[float] = []

    def expires(fd: FD, when: float) -> None:
        fd.set_read_deadline(when)
        times_out(lambda: fd.read_bytes(1), when)
        order.append(when)

    begin = time.monotonic() + 0.02
    with ExitStack() as open_ones:
        ends = [open_ones.enter_context(tcp.end())[0] for _ in range(100)]
        chance = random.Random(2)
        waiting = [netpoll.go(expires, fd, begin + chance.random() * 0.05) for fd in ends]
        for goroutine in waiting:
            goroutine.join(timeout=5)
    assert len(order) == 100
    assert order == sorted(order)


# ---- timeouts --------------------------------------------------------------------------------


@in_run
def test_the_timeout_is_what_was_set() -> None:
    with tcp.end() as (fd, _):
        assert fd.gettimeout() is None
        for seconds in (0, 0.0, 1, 2.5, 1e-3, 3600, True):
            fd.settimeout(seconds)
            timeout = fd.gettimeout()
            assert isinstance(timeout, float)
            assert timeout == seconds
        fd.settimeout(None)
        assert fd.gettimeout() is None


@in_run
def test_what_is_no_timeout_is_refused_and_changes_nothing() -> None:
    with tcp.end() as (fd, _):
        fd.settimeout(7)
        for wrong in (-1, -1e-9, math.nan, -math.inf):
            with pytest.raises(ValueError, match="timeout"):
                fd.settimeout(wrong)
        wrong_types: list[Any] = ["1", [], object()]
        for wrong_type in wrong_types:
            with pytest.raises(TypeError):
                fd.settimeout(wrong_type)
        assert fd.gettimeout() == 7


@each
@in_run
def test_a_timeout_ends_each_operation_and_never_early(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        for seconds in (0.002, 0.0005, 1e-9):
            fd.settimeout(seconds)
            assert times_out(operation, time.monotonic() + seconds) < 2
            if blocked.__name__ == "reading_when_drained":
                continue
        fd.settimeout(None)


@each
@in_run
def test_a_timeout_of_zero_fails_rather_than_waits(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        fd.settimeout(0)
        with recorded("epoll_wait") as calls:
            for _ in range(3):
                assert isinstance(raised(operation), netpoll.DeadlineExceeded)
        assert not any(delay for _, delay in calls.of("epoll_wait"))


@in_run
def test_with_a_timeout_of_zero_what_is_ready_is_done() -> None:
    with tcp.end() as (fd, peer):
        fd.settimeout(0)
        for _ in range(3):
            assert isinstance(raised(lambda: fd.read_bytes(10)), netpoll.DeadlineExceeded)
            peer.sendall(b"x")
            assert fd.read_bytes(10) == b"x"
            assert fd.write(b"y") == 1


@in_run
def test_an_infinite_timeout_is_none() -> None:
    with tcp.end() as (fd, peer):
        fd.settimeout(math.inf)
        reader = parked(netpoll.go(fd.read_bytes, 10))
        netpoll.sleep(0.001)
        peer.sendall(b"x")
        assert reader.join() == b"x"


@in_run
def test_a_timeout_counts_for_each_operation_anew() -> None:
    with tcp.end() as (fd, peer):
        fd.settimeout(0.03)
        begin = time.monotonic()
        for _ in range(5):
            reader = parked(netpoll.go(fd.read_bytes, 1))
            netpoll.sleep(0.01)
            peer.sendall(b"x")
            assert reader.join() == b"x"
        assert time.monotonic() - begin > 0.03


@each
@pytest.mark.parametrize(("timeout", "deadline"), [(0.003, 1.0), (1.0, 0.003), (0.003, 0.003)])
@in_run
def test_the_earlier_of_timeout_and_deadline_wins(
    blocked: Blocked, timeout: float, deadline: float
) -> None:
    with blocked() as (fd, operation):
        begin = time.monotonic()
        fd.settimeout(timeout)
        set_for(blocked, fd, begin + deadline)
        times_out(operation, begin + min(timeout, deadline))
        assert time.monotonic() - begin < 0.9


@pytest.mark.parametrize("blocked", READS + WRITES, ids=name_of)
@in_run
def test_a_timeout_leaves_the_descriptor_usable(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        fd.settimeout(0.0005)
        for _ in range(3):
            assert isinstance(raised(operation), netpoll.DeadlineExceeded)
        fd.settimeout(None)
        waiting = parked(netpoll.go(raised, operation))
        netpoll.sleep(0.002)
        assert waiting.state.startswith("waiting")
        fd.close()
        assert isinstance(waiting.join(), netpoll.ClosedError)


@each
@in_run
def test_a_timeout_counts_in_the_line_too(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        first = parked(netpoll.go(raised, operation))
        fd.settimeout(0.003)
        begin = time.monotonic()
        second = netpoll.go(raised, operation)
        assert isinstance(second.join(timeout=5), netpoll.DeadlineExceeded)
        assert time.monotonic() - begin >= 0.003
        assert not first.done
        fd.close()
        assert isinstance(first.join(), netpoll.ClosedError)


@in_run
def test_data_that_came_before_the_timeout_is_read_even_if_the_thread_was_busy() -> None:
    with tcp.end() as (fd, peer):
        fd.settimeout(0.001)
        seen = 0
        for _ in range(20):
            reader = parked(netpoll.go(read_or_none, fd))
            peer.sendall(b"x")
            time.sleep(0.002)  # both are due now: the timer, and the event
            seen += 1 if reader.join() else len(fd.read_bytes(1))
        assert seen == 20


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
        with tcp.end() as (fd, _):
            tcp.fill(fd)
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
    fd = FD.adopt(near.detach())
    with far, answering():
        setters: list[Set] = [fd.set_deadline, fd.set_read_deadline, fd.set_write_deadline]
        for set_deadline in setters:
            set_deadline(1)
            set_deadline(None)
        fd.set_read_deadline(time.monotonic() + 0.001)
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        fd.close()

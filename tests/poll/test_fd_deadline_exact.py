"""Deadlines of a descriptor: none is early, and none outlives its owner."""

import random
import time
from contextlib import ExitStack
from functools import partial

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import recorded
from tests.poll.limits import times_out
from tests.poll.operations import (
    raised,
)
from tests.running import in_run, parked

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
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)

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
            waiting = parked(netpoll.go(raised, partial(old.read_bytes, 1)))
            old.set_deadline(time.monotonic() + 0.002)
            old.close()
            with tcp.end() as (new, _):
                when = time.monotonic() + 0.005
                new.set_deadline(when)
                assert isinstance(waiting.join(), netpoll.ClosedError)
                times_out(partial(new.read_bytes, 1), when)


@in_run
def test_thousands_of_deadlines_come_in_order_and_leave_nothing() -> None:
    order: list[float] = []
    moments: list[float] = []

    def expires(fd: StreamFD, i: int) -> None:
        assert isinstance(raised(lambda: fd.read_bytes(1)), netpoll.DeadlineExceeded)
        assert time.monotonic() >= moments[i]
        order.append(moments[i])

    with ExitStack() as open_ones:
        ends = [open_ones.enter_context(tcp.end())[0] for _ in range(100)]
        waiting = [parked(netpoll.go(expires, fd, i)) for i, fd in enumerate(ends)]
        chance = random.Random(2)
        begin = time.monotonic() + 0.1  # enough to set them all
        moments += [begin + chance.random() * 0.05 for _ in ends]
        for fd, when in zip(ends, moments, strict=True):
            fd.set_read_deadline(when)
        for goroutine in waiting:
            goroutine.join(timeout=5)
    assert len(order) == 100
    assert order == sorted(order)

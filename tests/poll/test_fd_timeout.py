"""Timeouts of a descriptor: a limit for each operation."""

import math
import select
import time
from typing import Any

import pytest

import netpoll
from tests import tcp
from tests.kernel import answering, recorded
from tests.poll.limits import each, read_or_none, set_for, times_out
from tests.poll.operations import (
    READS,
    WRITES,
    Blocked,
    name_of,
    raised,
)
from tests.running import in_run, on_thread, parked


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


def test_a_timeout_counts_for_each_operation_anew() -> None:
    waits_until: list[float] = []

    def main() -> None:
        with tcp.end() as (fd, peer):

            def waits(_: int, delay_ns: int) -> None:
                if delay_ns:
                    waits_until.append(time.monotonic() + delay_ns / 1e9)
                    peer.sendall(b"x")

            fd.settimeout(5)
            for _ in range(5):
                time.sleep(0.001)
                begin = time.monotonic()
                with answering(epoll_wait=waits):
                    assert fd.read_bytes(1) == b"x"
                assert waits_until.pop() >= begin + 5
                assert not waits_until

    on_thread(netpoll.run, main)  # on the main thread signals cut waits short


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
        parked(waiting)  # one that sends to a full queue may just be trying again
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
            reader = netpoll.go(read_or_none, fd)
            netpoll.gosched()
            peer.sendall(b"x")
            time.sleep(0.002)  # both are due now: the timer, and the event
            seen += 1 if reader.join() else len(fd.read_bytes(1))
        assert seen == 20


@pytest.mark.parametrize("seconds", [None, 0.0, 0.25, 60.0, math.inf])
@in_run
def test_a_timeout_is_told_as_it_was_set(seconds: float | None) -> None:
    with tcp.end() as (fd, _):
        fd.settimeout(seconds)
        assert fd.gettimeout() == seconds
        fd.settimeout(fd.gettimeout())
        assert fd.gettimeout() == seconds


@pytest.mark.parametrize("seconds", [1e-9, 1e-12, 5e-324])
@in_run
def test_the_least_of_timeouts_is_a_wait_all_the_same(seconds: float) -> None:
    with tcp.end() as (fd, peer):
        fd.settimeout(seconds)
        assert fd.gettimeout()
        peer.sendall(b"1")
        select.select([fd], [], [], 5)
        assert fd.read_bytes(10) == b"1"
        with pytest.raises(netpoll.DeadlineExceeded):
            fd.read_bytes(10)

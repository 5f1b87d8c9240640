"""System calls of the caller's own: under the lock of their direction, with its limits, parking."""

import errno
import os
import select
import socket
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import pytest

import netpoll
from netpoll import ClosedError, DeadlineExceeded
from netpoll._poll.fd import FD
from netpoll._poll.raw import raw_control, raw_read, raw_write
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, one_by_one, recorded
from tests.poll.operations import RAW_READS, RAW_WRITES, Blocked, name_of, raised
from tests.running import in_run, on_thread, parked

A_MOMENT = 1e-3
"""Long enough to have the poller asked."""

Raw = Callable[[FD, Callable[[int], Any]], Any]

each_direction = pytest.mark.parametrize("raw", [raw_read, raw_write])
each = pytest.mark.parametrize("raw", [raw_read, raw_write, raw_control])


def receive(number: int) -> bytes:
    return os.read(number, 100)


def not_called(_: int) -> None:
    pytest.fail("was called")


# ---- what the function gives


@each
@in_run
def test_the_result_is_what_the_function_returns_for_the_number(raw: Raw) -> None:
    with tcp.end() as (fd, _):
        assert raw(fd, lambda number: [number]) == [fd.fileno()]
        assert raw(fd, lambda _: None) is None


@each
@in_run
def test_what_the_function_raises_is_raised_and_the_lock_is_free(raw: Raw) -> None:
    def fails(_: int) -> None:
        raise failure

    not_callable: Any = None
    with tcp.end() as (fd, peer):
        for failure in (OSError(errno.EIO, "x"), KeyError("x"), SystemExit(), DeadlineExceeded()):
            assert raised(lambda: raw(fd, fails)) is failure
        assert isinstance(raised(lambda: raw(fd, not_callable)), TypeError)
        peer.sendall(b"x")
        assert raw(fd, lambda _: 1) == 1
        assert fd.read_bytes(1) == b"x"
        assert fd.write(b"x") == 1


@in_run
def test_a_function_that_finds_nothing_is_called_again_when_there_is_something() -> None:
    calls: list[int] = []

    def counted(number: int) -> bytes:
        calls.append(number)
        return receive(number)

    with tcp.end() as (fd, peer):
        reading = parked(netpoll.go(raw_read, fd, counted))
        assert len(calls) == 1
        peer.sendall(b"data")
        assert reading.join() == b"data"
        assert calls == [fd.fileno()] * 2


@in_run
def test_a_function_that_cannot_write_is_called_again_when_there_is_room() -> None:
    with tcp.end() as (fd, peer):
        taken = tcp.fill(fd, peer)
        writing = parked(netpoll.go(raw_write, fd, lambda number: os.write(number, b"more")))
        data = netpoll.blocking(tcp.receive_exactly, peer, taken + 4)
        assert writing.join() == 4
        assert data.endswith(b"more")


@in_run
def test_a_function_may_say_so_as_often_as_it_likes() -> None:
    arrived = bytearray()

    def whole(number: int) -> bytes:
        arrived.extend(receive(number))
        if len(arrived) < 6:
            raise BlockingIOError
        return bytes(arrived)

    with tcp.end() as (fd, peer):
        reading = parked(netpoll.go(raw_read, fd, whole))
        for byte in b"frame":
            peer.sendall(bytes([byte]))
            netpoll.sleep(0)
            parked(reading)
        peer.sendall(b"!")
        assert reading.join() == b"frame!"


@each_direction
@in_run
def test_one_that_has_used_up_nothing_waits_for_the_next_event(raw: Raw) -> None:
    """Nothing spins: a readiness that the function does not use up is told once."""
    calls: list[int] = []

    def never(number: int) -> None:
        calls.append(number)
        raise BlockingIOError

    with tcp.end() as (fd, peer):
        fd.set_deadline(time.monotonic() + 100)  # registers it
        peer.sendall(b"data")
        netpoll.sleep(A_MOMENT)
        waiting = parked(netpoll.go(raised, lambda: raw(fd, never)))
        netpoll.sleep(A_MOMENT)
        assert len(calls) == 1
        fd.close()
        assert isinstance(waiting.join(), ClosedError)


# ---- who is inside


@in_run
def test_reads_of_all_kinds_take_turns() -> None:
    with tcp.end() as (fd, peer):
        first = parked(netpoll.go(raw_read, fd, lambda number: os.read(number, 1)))
        second = parked(netpoll.go(fd.read_bytes, 1))
        third = parked(netpoll.go(raw_read, fd, lambda number: os.read(number, 1)))
        peer.sendall(b"123")
        assert [first.join(), second.join(), third.join()] == [b"1", b"2", b"3"]


@in_run
def test_the_other_direction_and_control_go_on_meanwhile() -> None:
    with tcp.end() as (fd, peer):
        reading = parked(netpoll.go(raw_read, fd, receive))
        assert raw_write(fd, lambda number: os.write(number, b"out")) == 3
        assert raw_control(fd, os.get_blocking) is False
        assert peer.recv(10) == b"out"
        peer.sendall(b"in")
        assert reading.join() == b"in"


@in_run
def test_the_number_stays_ours_until_the_function_has_returned() -> None:
    def closes(number: int) -> bool:
        fd.close()
        os.fstat(number)
        return True

    for raw in (raw_read, raw_write, raw_control):
        with tcp.end() as (fd, _):
            number = fd.fileno()
            assert raw(fd, closes) is True
            with pytest.raises(OSError, match="Bad file"):
                os.fstat(number)


@pytest.mark.parametrize("raw", [raw_read, raw_write])
@in_run
def test_one_that_is_closed_while_it_looks_does_not_park(raw: Raw) -> None:
    def closes(_: int) -> None:
        fd.close()
        raise BlockingIOError

    with tcp.end() as (fd, _):
        assert isinstance(raised(lambda: raw(fd, closes)), ClosedError)


@each
@in_run
def test_a_closed_descriptor_refuses_without_calling(raw: Raw) -> None:
    with tcp.end() as (fd, _):
        fd.close()
        assert isinstance(raised(lambda: raw(fd, not_called)), ClosedError)


@each
@in_run
def test_a_number_that_is_anothers_by_now_is_not_given_out(raw: Raw) -> None:
    with tcp.end() as (fd, peer):
        number = fd.fileno()
        os.close(number)
        with socket.socket() as other:
            os.dup2(other.fileno(), number)
        stranger = StreamFD.adopt(number)
        error = raised(lambda: raw(fd, not_called))
        assert isinstance(error, OSError)
        assert error.errno == errno.EBADF
        stranger.close()
        peer.close()


# ---- limits


@each_direction
@in_run
def test_a_deadline_in_the_past_counts_before_the_first_call(raw: Raw) -> None:
    with tcp.end() as (fd, _):
        fd.set_deadline(time.monotonic() - 1)
        assert isinstance(raised(lambda: raw(fd, not_called)), DeadlineExceeded)
        assert raw_control(fd, lambda _: 1) == 1
        fd.set_deadline(None)
        assert raw(fd, lambda _: 1) == 1


@pytest.mark.parametrize("blocked", RAW_READS + RAW_WRITES, ids=name_of)
@in_run
def test_a_timeout_of_zero_looks_once(blocked: Blocked) -> None:
    with blocked() as (fd, operation):
        fd.settimeout(0)
        assert isinstance(raised(operation), DeadlineExceeded)
        assert raw_read(fd, lambda _: 1) == 1


@in_run
def test_the_time_that_the_function_takes_counts() -> None:
    def slow(_: int) -> None:
        time.sleep(0.01)
        raise BlockingIOError

    with tcp.end() as (fd, _):
        fd.settimeout(0.005)
        began = time.monotonic()
        assert isinstance(raised(lambda: raw_read(fd, slow)), DeadlineExceeded)
        assert time.monotonic() - began < 5


# ---- beside the reads that are ours


@in_run
def test_a_read_after_one_by_hand_asks_the_kernel() -> None:
    """What the function has left is not waited for, although an earlier read had found it all."""
    with tcp.end() as (fd, peer):
        peer.sendall(b"x")
        assert fd.read_bytes(100) == b"x"  # short: the next one would wait for an event
        parked_reader = parked(netpoll.go(raw_read, fd, lambda number: os.read(number, 1)))
        peer.sendall(b"abc")
        assert parked_reader.join() == b"a"
        fd.settimeout(5)
        with recorded("recv") as calls:
            assert fd.read_bytes(100) == b"bc"
        assert len(calls.made) == 1


@in_run
def test_one_who_never_parks_lets_the_others_run() -> None:
    calls: list[int] = []
    with tcp.end() as (fd, _):
        for raw in (raw_read, raw_write):
            other = netpoll.go(calls.clear)
            while not other.done:
                raw(fd, calls.append)
                assert len(calls) < 1000


@in_run
def test_a_datagram_socket_is_usable_after_an_error() -> None:
    """An event that tells of an error alone (icmp(7)) is over when the error was told."""
    with recorded("epoll_ctl") as calls, closing(SocketFD.socket(*UDP)) as fd:
        fd.bind(tcp.raw((tcp.HOST, 0)))
        waiting = parked(netpoll.go(raised, lambda: raw_read(fd, refused_or_empty)))
        key = next(key for _, _, number, _, key in calls.of("epoll_ctl") if number == fd.fileno())
        refusals.append(ConnectionRefusedError())
        with answering(epoll_wait=one_by_one([(select.EPOLLERR, key)])):
            assert isinstance(waiting.join(), ConnectionRefusedError)
        reading = parked(netpoll.go(raw_read, fd, receive))
        with socket.socket(*UDP) as peer:
            peer.sendto(b"datagram", (tcp.HOST, tcp.port_of(fd.getsockname())))
        assert reading.join() == b"datagram"


UDP = (socket.AF_INET, socket.SOCK_DGRAM)
refusals: list[OSError] = []


def refused_or_empty(_: int) -> None:
    raise refusals.pop() if refusals else BlockingIOError


def test_a_goroutine_of_another_thread_may_read_by_hand() -> None:
    def first() -> bytes:
        result: bytes = netpoll.run(raw_read, fd, receive)
        return result

    with tcp.end() as (fd, peer):
        peer.sendall(b"one")
        assert on_thread(first) == b"one"
        peer.sendall(b"two")
        assert netpoll.run(raw_read, fd, receive) == b"two"

"""Deadlines and timeouts: sticky, per direction, never early, and what they cut off."""

import math
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from time import monotonic
from typing import Any

import pytest

from netpoll import ClosedError, DeadlineExceeded, OpError, go, gosched, net, sleep
from tests.net.ends import (
    MORE_THAN_FITS,
    connected,
    echo,
    forgiving_echo,
    read_all,
    read_exactly,
    serving,
    small_buffers,
)
from tests.net.limits_conformance import pour
from tests.running import in_run, parked

LONG_AGO = 1e-9
SOON = 0.02

Operation = Callable[[net.TCPConn], object]
OPERATIONS: dict[str, Operation] = {
    "read": net.TCPConn.read,
    "readinto": lambda conn: conn.readinto(bytearray(8)),
    "write": lambda conn: conn.write(b"x"),
    "writev": lambda conn: conn.writev([b"x", b"y"]),
}
each_operation = pytest.mark.parametrize("name", OPERATIONS)


# ---- in the past


@each_operation
@in_run
def test_a_deadline_in_the_past_fails_even_if_nothing_stands_in_the_way(name: str) -> None:
    # Source: go1.27 net/timeout_test.go TestReadTimeout, TestWriteTimeout
    with connected() as (near, far):
        far.write(b"to be read")
        near.set_deadline(LONG_AGO)
        for _ in range(3):
            with pytest.raises(DeadlineExceeded) as caught:
                OPERATIONS[name](near)
        near.set_deadline(None)
        assert near.read() == b"to be read"
        near.write(b"x")
        assert far.read() == b"x"  # nothing of what failed
    error = caught.value
    op = name.removesuffix("into").removesuffix("v")
    assert str(error) == f"{op} tcp {near.local_addr}->{near.remote_addr}: i/o timeout"
    assert (error.op, error.source, error.addr) == (op, near.local_addr, near.remote_addr)
    assert isinstance(error, TimeoutError)
    assert isinstance(error, OpError)
    assert error.timeout
    assert isinstance(error.__cause__, DeadlineExceeded)


@pytest.mark.parametrize("blocked", [net.TCPConn.read, lambda conn: conn.write(MORE_THAN_FITS)])
@in_run
def test_one_set_by_somebody_else_wakes_who_is_blocked(blocked: Operation) -> None:
    # Source: go1.27 net/net_test.go TestReadTimeoutUnblocksRead
    with connected() as (near, _):
        goroutine = parked(go(blocked, near))
        begin = monotonic()
        go(near.set_deadline, LONG_AGO)
        with pytest.raises(DeadlineExceeded):
            goroutine.join(5)
        assert monotonic() - begin < 1


# ---- set anew while somebody waits


@in_run
def test_a_read_goes_on_waiting_when_its_deadline_is_taken_back() -> None:
    # Source: go1.27 net/timeout_test.go TestReadTimeoutMustNotReturn
    with connected() as (near, _):
        near.set_deadline(monotonic() + SOON)
        near.set_write_deadline(LONG_AGO)
        reader = parked(go(near.read))
        near.set_read_deadline(None)
        with pytest.raises(TimeoutError):
            reader.join(2 * SOON)
        near.close()
        with pytest.raises(ClosedError) as caught:
            reader.join()
        assert not caught.value.timeout


@in_run
def test_a_write_goes_on_waiting_when_its_deadline_is_taken_back() -> None:
    # Source: go1.27 net/timeout_test.go TestWriteTimeoutMustNotReturn
    with connected() as (near, _):
        near.set_deadline(monotonic() + SOON)
        near.set_read_deadline(LONG_AGO)
        writer = parked(go(near.write, MORE_THAN_FITS))
        near.set_write_deadline(None)
        with pytest.raises(TimeoutError):
            writer.join(2 * SOON)
        near.close()
        with pytest.raises(ClosedError) as caught:
            writer.join()
        assert not caught.value.timeout


@in_run
def test_a_deadline_may_be_moved_either_way_while_somebody_waits() -> None:
    with connected() as (near, _):
        for first, second in ((3600, SOON), (SOON, 2 * SOON)):
            begin = monotonic()
            near.set_read_deadline(begin + first)
            reader = parked(go(near.read))
            near.set_read_deadline(begin + second)
            with pytest.raises(DeadlineExceeded):
                reader.join(5)
            assert second <= monotonic() - begin < second + 1


# ---- when


@pytest.mark.parametrize(
    "seconds",
    [n * scale for scale in (1e-9, 1e-7, 1e-6, 1e-5, 1e-4, 1e-3) for n in (1, 2, 5)] + [0.1],
)
@in_run
def test_a_stream_without_end_is_cut_off_at_the_deadline_and_not_before(seconds: float) -> None:
    # Source: go1.27 net/timeout_test.go TestVariousDeadlines
    def pour_out(conn: net.TCPConn) -> None:
        with conn:
            pour(conn, bytes(1 << 16))

    with serving(pour_out) as listener:
        for setter in (net.TCPConn.set_deadline, net.TCPConn.set_read_deadline) * 2:
            with net.dial("tcp", str(listener.local_addr)) as conn:
                begin = monotonic()
                setter(conn, begin + seconds)
                with pytest.raises(DeadlineExceeded):
                    while conn.read():
                        pass
                assert seconds <= monotonic() - begin < seconds + 1


@in_run
def test_deadlines_that_race_with_reads_and_writes_hang_nobody() -> None:
    # Source: go1.27 net/timeout_test.go TestReadWriteDeadlineRace
    with serving(echo) as listener, net.dial("tcp", str(listener.local_addr)) as conn:

        def move() -> None:
            for number in range(1000):
                conn.set_deadline(monotonic() + (number % 5 - 2) * 1e-6)
                sleep(1e-6 * (number % 3))

        def read() -> None:
            for _ in range(1000):
                with suppress(DeadlineExceeded):
                    conn.read(1)
                gosched()

        def write() -> None:
            for _ in range(1000):
                with suppress(DeadlineExceeded):
                    conn.write(b"x")
                gosched()

        users = [go(use) for use in (read, write)]
        go(move).join()
        conn.set_deadline(monotonic() + 0.1)
        for user in users:
            user.join(10)
        conn.set_deadline(None)
        conn.write(b"!")
        seen = b""
        while not seen.endswith(b"!"):
            seen = conn.read()


@pytest.mark.parametrize("cleared", [None, math.inf])
@in_run
def test_none_and_infinity_are_no_deadline(cleared: float | None) -> None:
    with connected() as (near, far):
        near.set_deadline(LONG_AGO)
        near.set_deadline(cleared)
        reader = parked(go(near.read))
        far.write(b"x")
        assert reader.join() == b"x"
        assert near.write(b"x") == 1


@in_run
def test_what_is_no_number_is_refused_and_changes_nothing() -> None:
    with connected() as (near, far):
        near.set_deadline(LONG_AGO)
        for setter in (near.set_deadline, near.set_read_deadline, near.set_write_deadline):
            with pytest.raises(ValueError, match="NaN"):
                setter(math.nan)
        far.write(b"x")
        with pytest.raises(DeadlineExceeded):
            near.read()


NO_NUMBERS: list[Any] = ["5", b"5", [5], timedelta(seconds=5), 5j]


@pytest.mark.parametrize("value", NO_NUMBERS, ids=repr)
@in_run
def test_a_limit_that_is_no_number_is_refused_with_what_is_wanted(value: Any) -> None:
    deadline = r"^a deadline is a number of seconds on time.monotonic\(\) or None, not "
    with net.listen("tcp", "127.0.0.1:0") as listener, connected() as (near, _):
        for setter in (near.set_deadline, near.set_read_deadline, near.set_write_deadline):
            with pytest.raises(TypeError, match=deadline):
                setter(value)
        with pytest.raises(TypeError, match=deadline):
            listener.set_deadline(value)
        for end in (near, listener):
            with pytest.raises(TypeError, match=r"^a timeout is a number of seconds or None, not "):
                end.settimeout(value)


@in_run
def test_a_limit_that_no_float_can_hold_is_refused() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, connected() as (near, _):
        for end in (near, listener):
            for setter in (end.set_deadline, end.settimeout):
                with pytest.raises(ValueError, match="more seconds than a float can hold"):
                    setter(10**400)


def keep_busy(seconds: float) -> None:
    end = monotonic() + seconds
    while monotonic() < end:
        pass


def read_into(conn: net.TCPConn) -> bytes:
    buffer = bytearray(1 << 16)
    return bytes(buffer[: conn.readinto(buffer)])


@pytest.mark.parametrize("read", [net.TCPConn.read, read_into])
@pytest.mark.parametrize("size", [1, 10_000])
@pytest.mark.parametrize("limited_by", ["deadline", "timeout"])
@in_run
def test_what_was_there_before_the_read_counts_even_if_nobody_looked_in_time(
    limited_by: str, size: int, read: Callable[[net.TCPConn], bytes]
) -> None:
    with connected() as (near, far):
        reader = parked(go(near.read))
        far.write(bytes(size))
        assert reader.join() == bytes(size)  # a short read: the next one waits for an event
        far.write(bytes(size))
        if limited_by == "deadline":
            near.set_read_deadline(monotonic() + SOON / 10)
        else:
            near.settimeout(SOON / 10)
        go(keep_busy, SOON)
        assert read(near) == bytes(size)
        with pytest.raises(DeadlineExceeded):
            read(near)


# ---- timeouts


@in_run
def test_a_timeout_is_for_each_operation_anew() -> None:
    with connected() as (near, _):
        near.settimeout(SOON)
        for _ in range(3):
            begin = monotonic()
            with pytest.raises(DeadlineExceeded, match=r"^read tcp .*: i/o timeout$"):
                near.read()
            assert SOON <= monotonic() - begin < SOON + 1


@in_run
def test_a_timeout_is_for_the_whole_of_a_write() -> None:
    with connected() as (near, far):
        small_buffers(near, far)
        near.settimeout(2 * SOON)

        def trickle() -> int:
            total = 0
            while data := far.read(1 << 14):
                total += len(data)
                sleep(SOON / 10)
            return total

        reader = go(trickle)
        begin = monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            near.write(MORE_THAN_FITS)
        assert 2 * SOON <= monotonic() - begin < 1
        near.close()
        assert reader.join() == caught.value.bytes_written > 0


@in_run
def test_a_timeout_of_0_fails_rather_than_waits() -> None:
    with connected() as (near, far):
        near.settimeout(0)
        with pytest.raises(DeadlineExceeded):
            near.read()
        far.write(b"x")
        assert near.read() == b"x"
        assert near.write(b"y") == 1
        with pytest.raises(DeadlineExceeded) as caught:
            near.write(MORE_THAN_FITS)
        assert caught.value.bytes_written > 0
        far.close_write()
        assert near.read() == b""


@in_run
def test_a_timeout_concerns_later_operations_only() -> None:
    with connected() as (near, far):
        reader = parked(go(near.read))
        near.settimeout(SOON)
        with pytest.raises(TimeoutError):
            reader.join(2 * SOON)
        far.write(b"x")
        assert reader.join() == b"x"
        near.settimeout(3600)
        reader = parked(go(near.read))
        near.settimeout(0)
        far.write(b"x")
        assert reader.join() == b"x"


@in_run
def test_the_timeout_can_be_asked_for_and_taken_back() -> None:
    with connected() as (near, far):
        assert near.gettimeout() is None
        for seconds in (0, 0.25, 5, 1e6):
            near.settimeout(seconds)
            assert near.gettimeout() == seconds
        near.settimeout(math.inf)
        near.settimeout(0)
        near.settimeout(None)
        assert near.gettimeout() is None
        reader = parked(go(near.read))
        far.write(b"x")
        assert reader.join() == b"x"


@in_run
def test_a_timeout_that_is_none_is_refused_and_changes_nothing() -> None:
    with connected() as (near, _):
        near.settimeout(7)
        for wrong in (-1, -1e-9, math.nan, -math.inf):
            with pytest.raises(ValueError, match="timeout"):
                near.settimeout(wrong)
        with pytest.raises(TypeError):
            near.settimeout("soon")  # type: ignore[arg-type]
        assert near.gettimeout() == 7


@pytest.mark.parametrize(("timeout", "deadline"), [(SOON, 3600), (3600, SOON)])
@in_run
def test_the_earlier_of_timeout_and_deadline_counts(timeout: float, deadline: float) -> None:
    with connected() as (near, _):
        near.settimeout(timeout)
        begin = monotonic()
        near.set_deadline(begin + deadline)
        for operation in (near.read, lambda: near.write(MORE_THAN_FITS)):
            with pytest.raises(DeadlineExceeded):
                operation()
        assert SOON <= monotonic() - begin < 1


@in_run
def test_to_take_the_timeout_back_does_not_lift_a_deadline() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, connected() as (near, _):
        for limited, operation in ((near, near.read), (listener, listener.accept)):
            limited.set_deadline(monotonic() - 1)
            limited.settimeout(None)
            with pytest.raises(DeadlineExceeded):
                operation()


# ---- what a write had written


def by_deadline(conn: net.TCPConn, seconds: float) -> None:
    conn.set_write_deadline(monotonic() + seconds)


def by_timeout(conn: net.TCPConn, seconds: float) -> None:
    conn.settimeout(seconds)


@pytest.mark.parametrize("limit", [by_deadline, by_timeout])
@pytest.mark.parametrize("gathered", [False, True])
@in_run
def test_the_peer_gets_as_many_bytes_as_the_error_says(
    limit: Callable[[net.TCPConn, float], None], gathered: bool
) -> None:
    data = bytes(range(251)) * (1 << 14)
    pieces = [data[start : start + 999] for start in range(0, len(data), 999)]
    with connected() as (near, far):
        small_buffers(near, far)
        limit(near, 2 * SOON)
        with pytest.raises(DeadlineExceeded) as caught:
            near.writev(pieces) if gathered else near.write(data)
        written = caught.value.bytes_written
        assert written < len(data)
        assert written or limit is by_deadline  # which a busy machine may reach before the write
        with pytest.raises(DeadlineExceeded) as again:
            near.write(data)
        near.close()
        assert read_all(far) == data[:written] + data[: again.value.bytes_written]


@in_run
def test_a_write_that_was_cut_off_can_be_taken_up_again() -> None:
    data = bytes(range(251)) * (1 << 14)
    with connected() as (near, far):
        small_buffers(near, far)
        reader = go(read_exactly, far, len(data))
        done = tries = 0
        while done < len(data):
            tries += 1
            near.set_write_deadline(monotonic() + tries * 1e-5)
            try:
                done += near.write(data[done:])
            except DeadlineExceeded as error:
                done += error.bytes_written
        assert tries > 1
        assert reader.join() == data


@in_run
def test_a_peer_that_never_reads_holds_up_its_own_connection_only() -> None:
    with serving(forgiving_echo) as listener:
        deaf = net.dial("tcp", str(listener.local_addr))
        with deaf, net.dial("tcp", str(listener.local_addr)) as other:
            writer = parked(go(deaf.write, MORE_THAN_FITS))
            for _ in range(100):
                other.write(b"hello")
                assert read_exactly(other, 5) == b"hello"
            assert not writer.done
            deaf.close()
            with pytest.raises(ClosedError):
                writer.join()

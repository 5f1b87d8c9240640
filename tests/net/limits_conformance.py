"""What every kind of connection does when time is up, when it is closed, and when many use it.

A connection here is whatever reads and writes: streams, and sockets that keep messages apart.

Source: golang.org/x/net/nettest TestConn
"""

import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from time import monotonic
from typing import ClassVar, Protocol

import pytest

from netpoll import ClosedError, DeadlineExceeded, Goroutine, blocking, go, gosched
from tests.running import Outcome, in_run, parked

LONG_AGO = 1e-9
MESSAGE = 1024
"""Bytes of each message: a read of so many takes a whole one."""


class Stream(Protocol):
    """What the suite calls."""

    @property
    def closed(self) -> bool: ...
    @property
    def local_addr(self) -> object: ...
    @property
    def remote_addr(self) -> object: ...
    def read(self, n: int = ...) -> bytes: ...
    def readinto(self, buffer: bytearray) -> int: ...
    def write(self, data: bytes) -> int: ...
    def close(self) -> None: ...
    def set_deadline(self, when: float | None) -> None: ...
    def set_read_deadline(self, when: float | None) -> None: ...
    def set_write_deadline(self, when: float | None) -> None: ...
    def settimeout(self, seconds: float | None) -> None: ...
    def gettimeout(self) -> float | None: ...


def send_back(stream: Stream) -> None:
    """Send back what arrives, until either side ends."""
    with suppress(OSError):
        while data := stream.read(MESSAGE):
            stream.write(data)


def swallow(stream: Stream) -> None:
    with suppress(OSError):
        while stream.read(MESSAGE):
            pass


def pour(stream: Stream, data: bytes) -> int:
    """Write again and again until a write fails; return how much was taken."""
    taken = 0
    try:
        while True:
            taken += stream.write(data)
    except OSError as error:
        return taken + int(getattr(error, "bytes_written", 0))


def read_exactly(stream: Stream, size: int) -> bytes:
    data = bytearray()
    while len(data) < size:
        more = stream.read(size - len(data))
        assert more, f"the stream ended after {len(data)} of {size} bytes"
        data += more
    return bytes(data)


def check_round_trip(stream: Stream) -> None:
    """Check that a stream whose peer sends everything back is as good as new."""
    stream.set_deadline(None)
    stream.write(b"hello, world")
    assert read_exactly(stream, 12) == b"hello, world"


def resynchronise(stream: Stream) -> None:
    """Read whatever is still on its way back from a peer that sends everything back."""
    stream.set_deadline(None)
    mark = random.randbytes(32)
    # In a goroutine: the peer may take nothing more before something is read from it.
    writer = go(stream.write, mark)
    seen = b""
    while not seen.endswith(mark):
        seen = (seen + stream.read(MESSAGE))[-len(mark) - MESSAGE :]
    writer.join()


def end(near: Stream, far: Stream, goroutine: Goroutine[object]) -> None:
    """Close both ends, and join who uses one: of messages there is no end that is told."""
    near.close()
    far.close()
    goroutine.join()


class LimitsConformance(ABC):
    """The tests; a subclass whose name begins with Test runs them over its own connections.

    Where messages can be lost, the subclass gives its ends room for a hundred of them.
    """

    writes_wait: ClassVar[bool] = True
    """Whether a write waits for a peer that does not read; UDP drops what has no room."""

    @abstractmethod
    def connected(self) -> AbstractContextManager[tuple[Stream, Stream]]:
        """Return two ends, closed when the context ends."""

    # ---- several at once

    @in_run
    def test_all_methods_may_be_called_at_once(self) -> None:
        # Source: nettest testConcurrentMethods
        with self.connected() as (near, far):
            echo = go(send_back, far)
            for goroutine in [go(self.call_each_method, near) for _ in range(100)]:
                goroutine.join()
            near.settimeout(None)
            resynchronise(near)
            check_round_trip(near)
            end(near, far, echo)

    @in_run
    def test_all_methods_may_be_called_by_several_threads_at_once(self) -> None:
        with self.connected() as (near, far):
            echo = go(send_back, far)

            def call() -> None:
                for goroutine in [go(self.call_each_method, near) for _ in range(25)]:
                    goroutine.join()

            threads = [Outcome(call) for _ in range(4)]
            for thread in threads:
                thread.start()
            for thread in threads:
                blocking(thread.result)
            near.settimeout(None)
            resynchronise(near)
            check_round_trip(near)
            end(near, far, echo)

    @staticmethod
    def call_each_method(stream: Stream) -> None:
        calls: list[Callable[[], object]] = [
            lambda: stream.read(MESSAGE),
            lambda: stream.readinto(bytearray(MESSAGE)),
            lambda: stream.write(bytes(MESSAGE)),
            lambda: stream.set_deadline(monotonic() + 0.01),
            lambda: stream.set_read_deadline(LONG_AGO),
            lambda: stream.set_write_deadline(LONG_AGO),
            lambda: stream.settimeout(0.001),
            stream.gettimeout,
            lambda: stream.local_addr,
            lambda: stream.remote_addr,
            lambda: stream.closed,
            lambda: repr(stream),
        ]
        random.shuffle(calls)
        for call in calls:
            with suppress(DeadlineExceeded):
                call()
            gosched()

    # ---- deadlines

    @in_run
    def test_a_read_deadline_leaves_writing_alone(self) -> None:
        # Source: nettest testReadTimeout
        with self.connected() as (near, far):
            sink = go(swallow, far)
            near.set_read_deadline(LONG_AGO)
            with pytest.raises(DeadlineExceeded):
                near.read(MESSAGE)
            assert near.write(bytes(MESSAGE)) == MESSAGE
            end(near, far, sink)

    @in_run
    def test_a_write_deadline_leaves_reading_alone(self) -> None:
        # Source: nettest testWriteTimeout
        with self.connected() as (near, far):
            source = go(pour, far, bytes(MESSAGE))
            near.set_write_deadline(LONG_AGO)
            with pytest.raises(DeadlineExceeded):
                near.write(bytes(MESSAGE))
            assert read_exactly(near, MESSAGE) == bytes(MESSAGE)
            end(near, far, source)

    @in_run
    def test_a_deadline_in_the_past_fails_at_once_and_can_be_lifted(self) -> None:
        # Source: nettest testPastTimeout
        with self.connected() as (near, far):
            echo = go(send_back, far)
            check_round_trip(near)
            far_too_late = monotonic() + 5
            for when in (LONG_AGO, 0, -1e18, monotonic() - 1):
                near.set_deadline(when)
                with pytest.raises(DeadlineExceeded) as caught:
                    near.write(bytes(MESSAGE))
                assert caught.value.bytes_written == 0
                with pytest.raises(DeadlineExceeded):
                    near.read(MESSAGE)
                with pytest.raises(DeadlineExceeded):
                    near.readinto(bytearray(MESSAGE))
                check_round_trip(near)
            assert monotonic() < far_too_late
            end(near, far, echo)

    @in_run
    def test_a_deadline_set_to_the_past_wakes_who_is_blocked(self) -> None:
        # Source: nettest testPresentTimeout
        with self.connected() as (near, _):
            blocked = [parked(goroutine) for goroutine in self.in_vain(near)]
            near.set_deadline(LONG_AGO)
            for goroutine in blocked:
                assert isinstance(goroutine.join(), DeadlineExceeded)

    @in_run
    def test_a_deadline_to_come_fires_and_can_be_lifted(self) -> None:
        # Source: nettest testFutureTimeout
        with self.connected() as (near, far):
            deadline = monotonic() + 0.02
            near.set_deadline(deadline)
            for goroutine in self.in_vain(near):
                assert isinstance(goroutine.join(), DeadlineExceeded)
                assert monotonic() >= deadline
            echo = go(send_back, far)
            resynchronise(near)
            check_round_trip(near)
            end(near, far, echo)

    # ---- close

    @in_run
    def test_close_wakes_who_is_blocked(self) -> None:
        # Source: nettest testCloseTimeout
        with self.connected() as (near, _):
            near.set_deadline(monotonic() + 3600)
            blocked = [parked(goroutine) for goroutine in self.in_vain(near)]
            in_line = [parked(goroutine) for goroutine in self.in_vain(near)]
            near.close()
            for goroutine in (*blocked, *in_line):
                assert isinstance(goroutine.join(), ClosedError)

    @in_run
    def test_a_closed_stream_is_of_no_use(self) -> None:
        with self.connected() as (near, _):
            before = near.closed
            near.close()
            near.close()
            assert not before
            assert near.closed
            for call in (
                lambda: near.read(1),
                lambda: near.read(0),
                lambda: near.readinto(bytearray(1)),
                lambda: near.write(b"x"),
                lambda: near.write(b""),
                lambda: near.set_deadline(None),
                lambda: near.set_read_deadline(LONG_AGO),
                lambda: near.set_write_deadline(monotonic() + 1),
            ):
                with pytest.raises(ClosedError):
                    call()

    # ---- what is to fail

    def in_vain(self, stream: Stream) -> list[Goroutine[OSError]]:
        """Start who reads and, if that waits, who writes, with a peer that does neither."""
        goroutines = [go(self.read_in_vain, stream)]
        if self.writes_wait:
            goroutines.append(go(self.write_in_vain, stream))
        return goroutines

    @staticmethod
    def read_in_vain(stream: Stream) -> OSError:
        """Read until that fails, from a peer that sends nothing; return the error."""
        with pytest.raises(OSError, match=r".") as caught:
            stream.read(MESSAGE)
        return caught.value

    @staticmethod
    def write_in_vain(stream: Stream) -> OSError:
        """Write until that fails, to a peer that does not read; return the error."""
        with pytest.raises(OSError, match=r".") as caught:
            while True:
                stream.write(bytes(1 << 15))
        return caught.value

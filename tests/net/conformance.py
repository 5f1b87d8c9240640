"""What every kind of stream does: a subclass says how two connected ends are made.

Source: golang.org/x/net/nettest TestConn
"""

import random
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from time import monotonic
from typing import Protocol

import pytest

from netpoll import ClosedError, DeadlineExceeded, blocking, go, gosched
from tests.running import Outcome, in_run, parked

LONG_AGO = 1e-9
MEGABYTE = 1 << 20


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
        while data := stream.read(1024):
            stream.write(data)


def swallow(stream: Stream) -> None:
    with suppress(OSError):
        while stream.read(1024):
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
    """Read whatever is still on its way back from the peer."""
    stream.set_deadline(None)
    mark = random.randbytes(32)
    stream.write(mark)
    seen = b""
    while not seen.endswith(mark):
        seen = (seen + stream.read(1024))[-1056:]


class StreamConformance(ABC):
    """The tests; a subclass whose name begins with Test runs them over its own streams."""

    @abstractmethod
    def connected(self) -> AbstractContextManager[tuple[Stream, Stream]]:
        """Return two ends, closed when the context ends."""

    # ---- data

    @in_run
    def test_a_megabyte_comes_back_as_it_was_sent(self) -> None:
        # Source: nettest testBasicIO
        sent = random.randbytes(MEGABYTE)
        with self.connected() as (near, far):

            def send() -> None:
                for start in range(0, MEGABYTE, 1000):
                    near.write(sent[start : start + 1000])

            echo = go(send_back, far)
            sender = go(send)
            received = read_exactly(near, MEGABYTE)
            sender.join()
            near.close()
            echo.join()
        assert received == sent

    @in_run
    def test_a_megabyte_in_one_write_is_read_in_pieces_of_any_size(self) -> None:
        sent = random.randbytes(MEGABYTE)
        with self.connected() as (near, far):

            def send() -> None:
                assert near.write(sent) == MEGABYTE
                near.close()

            sender = go(send)
            received = bytearray()
            buffer = bytearray(5000)
            for number in range(MEGABYTE):
                if number % 2:
                    piece = far.read(1 + number * 7919 % 70_000)
                else:
                    piece = bytes(buffer[: far.readinto(buffer)])
                if not piece:
                    break
                received += piece
            sender.join()
        assert received == sent

    @in_run
    def test_the_ends_take_turns(self) -> None:
        # Source: nettest testPingPong
        with self.connected() as (near, far):

            def count(stream: Stream) -> None:
                while (number := int.from_bytes(read_exactly(stream, 8), "little")) < 2000:
                    stream.write((number + 1).to_bytes(8, "little"))
                    if number + 1 == 2000:
                        return

            players = [go(count, near), go(count, far)]
            near.write((1).to_bytes(8, "little"))
            for player in players:
                player.join()

    @in_run
    def test_what_was_written_before_the_close_is_read_before_the_end(self) -> None:
        with self.connected() as (near, far):
            near.write(b"last words")
            near.close()
            assert read_exactly(far, 10) == b"last words"
            assert [far.read(1), far.read(1), far.readinto(bytearray(1))] == [b"", b"", 0]

    # ---- several at once

    @in_run
    def test_reads_that_race_get_each_byte_once(self) -> None:
        # Source: nettest testRacyRead
        alphabet = random.randbytes(1 << 16)
        with self.connected() as (near, far):
            writer = go(pour, far, alphabet)
            received: Counter[int] = Counter()

            def race() -> None:
                for _ in range(20):
                    near.set_read_deadline(monotonic() + 0.001)
                    with suppress(DeadlineExceeded):
                        received.update(near.read(1024))
                    gosched()

            for racer in [go(race) for _ in range(10)]:
                racer.join()
            near.close()
            assert writer.join() >= received.total()
        whole, rest = divmod(received.total(), len(alphabet))
        expected = Counter({byte: whole * n for byte, n in Counter(alphabet).items()})
        expected.update(alphabet[:rest])
        assert received == expected

    @in_run
    def test_writes_that_race_are_each_taken_whole_or_up_to_where_they_say(self) -> None:
        # Source: nettest testRacyWrite
        with self.connected() as (near, far):
            arrived: Counter[int] = Counter()
            taken: Counter[int] = Counter()

            def receive() -> None:
                while data := far.read(1024):
                    arrived.update(data)

            def race(letter: int) -> None:
                for _ in range(20):
                    near.set_write_deadline(monotonic() + 0.001)
                    try:
                        taken[letter] += near.write(bytes([letter]) * 1024)
                    except DeadlineExceeded as error:
                        taken[letter] += error.bytes_written
                    gosched()

            receiver = go(receive)
            for racer in [go(race, letter) for letter in range(10)]:
                racer.join()
            near.close()
            receiver.join()
        assert arrived == taken

    @in_run
    def test_writes_of_several_goroutines_are_not_mixed(self) -> None:
        size = MEGABYTE // 4
        with self.connected() as (near, far):
            writers = [go(near.write, bytes([letter]) * size) for letter in range(4)]
            received = read_exactly(far, 4 * size)
            for writer in writers:
                assert writer.join() == size
        runs = [received[start : start + size] for start in range(0, 4 * size, size)]
        assert sorted(runs) == [bytes([letter]) * size for letter in range(4)]

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
            near.close()
            echo.join()

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
            near.close()
            echo.join()

    @staticmethod
    def call_each_method(stream: Stream) -> None:
        calls: list[Callable[[], object]] = [
            lambda: stream.read(1024),
            lambda: stream.readinto(bytearray(1024)),
            lambda: stream.write(bytes(1024)),
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
                near.read(1024)
            assert near.write(bytes(1024)) == 1024
            near.close()
            sink.join()

    @in_run
    def test_a_write_deadline_leaves_reading_alone(self) -> None:
        # Source: nettest testWriteTimeout
        with self.connected() as (near, far):
            source = go(pour, far, bytes(1024))
            near.set_write_deadline(LONG_AGO)
            with pytest.raises(DeadlineExceeded):
                near.write(bytes(1024))
            assert read_exactly(near, 1024) == bytes(1024)
            near.close()
            source.join()

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
                    near.write(bytes(1024))
                assert caught.value.bytes_written == 0
                with pytest.raises(DeadlineExceeded):
                    near.read(1024)
                with pytest.raises(DeadlineExceeded):
                    near.readinto(bytearray(1024))
                check_round_trip(near)
            assert monotonic() < far_too_late
            near.close()
            echo.join()

    @in_run
    def test_a_deadline_set_to_the_past_wakes_who_is_blocked(self) -> None:
        # Source: nettest testPresentTimeout
        with self.connected() as (near, _):
            reader = parked(go(self.read_in_vain, near))
            writer = parked(go(self.write_in_vain, near))
            near.set_deadline(LONG_AGO)
            assert isinstance(reader.join(), DeadlineExceeded)
            assert isinstance(writer.join(), DeadlineExceeded)

    @in_run
    def test_a_deadline_to_come_fires_and_can_be_lifted(self) -> None:
        # Source: nettest testFutureTimeout
        with self.connected() as (near, far):
            deadline = monotonic() + 0.02
            near.set_deadline(deadline)
            for blocked in (go(self.read_in_vain, near), go(self.write_in_vain, near)):
                assert isinstance(blocked.join(), DeadlineExceeded)
                assert monotonic() >= deadline
            echo = go(send_back, far)
            resynchronise(near)
            check_round_trip(near)
            near.close()
            echo.join()

    # ---- close

    @in_run
    def test_close_wakes_who_is_blocked(self) -> None:
        # Source: nettest testCloseTimeout
        with self.connected() as (near, _):
            near.set_deadline(monotonic() + 3600)
            reader = parked(go(self.read_in_vain, near))
            writer = parked(go(self.write_in_vain, near))
            in_line = [parked(go(self.read_in_vain, near)), parked(go(self.write_in_vain, near))]
            near.close()
            for blocked in (reader, writer, *in_line):
                assert isinstance(blocked.join(), ClosedError)

    @in_run
    def test_the_close_of_the_peer_is_the_end_for_who_is_blocked(self) -> None:
        with self.connected() as (near, far):
            reader = parked(go(near.read, 1))
            far.close()
            assert reader.join() == b""

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

    @staticmethod
    def read_in_vain(stream: Stream) -> OSError:
        """Read until that fails, from a peer that sends nothing; return the error."""
        with pytest.raises(OSError, match=r".") as caught:
            stream.read(1024)
        return caught.value

    @staticmethod
    def write_in_vain(stream: Stream) -> OSError:
        """Write until that fails, to a peer that does not read; return the error."""
        with pytest.raises(OSError, match=r".") as caught:
            while True:
                stream.write(bytes(1 << 16))
        return caught.value

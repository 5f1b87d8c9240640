"""What every kind of stream does with data: a subclass says how two connected ends are made.

Source: golang.org/x/net/nettest TestConn
"""

import random
from collections import Counter
from contextlib import suppress
from time import monotonic

from netpoll import DeadlineExceeded, go, gosched
from tests.net.limits_conformance import LimitsConformance, Stream, pour, read_exactly, send_back
from tests.running import in_run, parked

MEGABYTE = 1 << 20


class StreamConformance(LimitsConformance):
    """The tests, those of limits included; a subclass whose name begins with Test runs them."""

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

    @in_run
    def test_the_close_of_the_peer_is_the_end_for_who_is_blocked(self) -> None:
        with self.connected() as (near, far):
            reader = parked(go(near.read, 1))
            far.close()
            assert reader.join() == b""

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

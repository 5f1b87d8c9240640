"""Writing through a buffer, and both ways over connections."""

import array
from time import monotonic
from typing import Any

import pytest

from netpoll import Cancelled, DeadlineExceeded, GoroutineCancelled, OpError, go
from netpoll.bufio import Reader, ReadWriter, Writer
from netpoll.errors import LimitExceededError
from netpoll.net import Conn
from tests.net.ends import MORE_THAN_FITS, connected, events_come_in, small_buffers
from tests.running import in_run, parked
from tests.streams import GatheringSink, Sink, Source

SINKS = pytest.mark.parametrize("kind", [Sink, GatheringSink])


def finish(writer: Writer, conn: Conn) -> None:
    writer.flush()
    conn.close()


def failing(written: int) -> DeadlineExceeded:
    return DeadlineExceeded("write", bytes_written=written)


# ---- when it goes out


def test_small_writes_go_out_together_when_flushed() -> None:
    sink = Sink()
    writer = Writer(sink)
    assert [writer.write(b"ab"), writer.write(bytearray(b"c")), writer.writev([b"d", b"ef"])] == [
        2,
        1,
        3,
    ]
    assert (sink.writes, writer.pending) == ([], 6)
    writer.flush()
    assert (sink.writes, writer.pending) == ([b"abcdef"], 0)
    writer.flush()
    assert sink.writes == [b"abcdef"]


@SINKS
def test_what_does_not_fit_goes_out_with_what_was_held(kind: type[Sink]) -> None:
    sink = kind()
    writer = Writer(sink, 4)
    writer.write(b"abcd")
    assert sink.writes == []
    writer.write(b"e")
    assert (sink.writes, writer.pending) == ([b"abcde"], 0)
    writer.write(b"fghij")
    assert sink.writes == [b"abcde", b"fghij"]
    writer.write(b"k")
    writer.writev([b"lm", b"no"])
    assert sink.writes == [b"abcde", b"fghij", b"klmno"]


def test_a_stream_that_gathers_gets_large_data_uncopied() -> None:
    sink = GatheringSink()
    writer = Writer(sink, 4)
    writer.write(b"ab")
    writer.write(b"large")
    writer.writev([b"larger", b"still"])
    assert sink.gathered == [2, 2]
    writer.write(b"alone")
    assert sink.gathered == [2, 2]


def test_whatever_lies_in_memory_can_be_written() -> None:
    sink = Sink()
    writer = Writer(sink)
    numbers = array.array("i", [1, 2, 3])
    assert writer.write(numbers) == numbers.itemsize * 3
    assert writer.write(memoryview(numbers)) == numbers.itemsize * 3
    assert writer.writev([memoryview(numbers), numbers]) == numbers.itemsize * 6
    assert writer.pending == numbers.itemsize * 12
    writer.flush()
    assert sink.taken == numbers.tobytes() * 4


@pytest.mark.parametrize("wrong", ["text", None, 5, [1]])
def test_what_is_no_data_is_refused_and_changes_nothing(wrong: Any) -> None:
    sink = Sink()
    writer = Writer(sink, 4)
    writer.write(b"ab")
    for write in (writer.write, lambda data: writer.writev([b"cdefg", data])):
        with pytest.raises(TypeError):
            write(wrong)
    writer.flush()
    assert sink.writes == [b"ab"]


def test_a_with_block_flushes_at_its_end() -> None:
    sink = Sink()
    with Writer(sink) as writer:
        writer.write(b"ab")
        assert sink.writes == []
    assert sink.writes == [b"ab"]


def test_a_with_block_that_an_exception_leaves_does_not() -> None:
    sink = Sink()
    with pytest.raises(KeyError):
        with Writer(sink) as writer:
            writer.write(b"half a fra")
            raise KeyError
    assert sink.writes == []
    assert writer.pending == 10


@pytest.mark.parametrize("size", [0, -1])
def test_a_buffer_has_a_size(size: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Writer(Sink(), size)


# ---- when it fails


@SINKS
@pytest.mark.parametrize("written", range(6))
def test_a_flush_that_fails_goes_on_where_it_stopped(kind: type[Sink], written: int) -> None:
    sink = kind()
    writer = Writer(sink)
    writer.write(b"abcdef")
    sink.failures.append(failing(written))
    with pytest.raises(DeadlineExceeded) as caught:
        writer.flush()
    assert caught.value.bytes_written == 0
    assert writer.pending == 6 - written
    writer.write(b"gh")
    writer.flush()
    assert sink.taken == b"abcdefgh"


@SINKS
@pytest.mark.parametrize("written", range(9))
def test_a_write_that_fails_tells_how_much_of_its_own_data_was_taken(
    kind: type[Sink], written: int
) -> None:
    sink = kind()
    writer = Writer(sink, 4)
    writer.write(b"abcd")
    sink.failures.append(failing(written))
    with pytest.raises(DeadlineExceeded) as caught:
        writer.write(b"efghi")
    assert caught.value.bytes_written == max(0, written - 4)
    writer.write(b"efghi"[caught.value.bytes_written :])
    writer.flush()
    assert sink.taken == b"abcdefghi"


def test_what_is_held_does_not_grow_however_often_a_write_fails() -> None:
    sink = Sink()
    writer = Writer(sink, 4)
    writer.write(b"abcd")
    for _ in range(10):
        sink.failures.append(failing(0))
        with pytest.raises(DeadlineExceeded):
            writer.write(b"e")
        assert writer.pending == 4


def test_nothing_more_is_sent_when_nobody_knows_how_much_was() -> None:
    sink = Sink()
    writer = Writer(sink)
    writer.write(b"ab")
    cause = RuntimeError()
    sink.failures.append(cause)
    with pytest.raises(RuntimeError):
        writer.flush()
    for write in (writer.flush, lambda: writer.write(b"c"), lambda: writer.writev([b"d"])):
        with pytest.raises(OpError, match=r"^write: an earlier write was cut short") as caught:
            write()
        assert caught.value.__cause__ is cause
    assert sink.taken == b""


# ---- both ways, over connections


@in_run
def test_questions_and_answers_go_both_ways() -> None:
    def answer() -> None:
        with ReadWriter(far) as peer:
            for line in peer:
                size, _, body = line.partition(b" ")
                peer.write(body * int(size) + b"\r\n")
                if not peer.buffered:
                    peer.flush()
        far.close_write()

    with connected() as (near, far):
        server = go(answer)
        client = ReadWriter(near, read_size=16, write_size=16)
        for number in range(300):
            client.writev([b"%d " % number, b"x", b"\n"])
        client.flush()
        near.close_write()
        assert [len(line) for line in client] == list(range(300))
        server.join()


def test_a_reader_and_a_writer_in_one_keep_their_numbers_apart() -> None:
    class Both(Source, Sink):
        def __init__(self) -> None:
            Source.__init__(self, b"abc")
            Sink.__init__(self)

    both = ReadWriter(Both())
    both.write(b"xy")
    assert both.read(1) == b"a"
    assert (both.buffered, both.pending) == (2, 2)


@in_run
def test_a_frame_that_a_deadline_cuts_in_two_is_read_whole_later() -> None:
    with connected() as (near, far):
        reader = Reader(near)
        near.set_read_deadline(monotonic() + 0.005)
        far.write(b"half ")
        with pytest.raises(DeadlineExceeded):
            reader.read_exactly(10)
        near.set_read_deadline(None)
        far.write(b"frame")
        assert reader.read_exactly(10) == b"half frame"


@in_run
def test_a_cancelled_read_leaves_what_had_arrived() -> None:
    with connected() as (near, far):
        reader = Reader(near)
        reading = parked(go(reader.read_line))
        far.write(b"half ")
        events_come_in()
        assert reader.buffered == 5
        reading.cancel()
        with pytest.raises(GoroutineCancelled):
            reading.join()
        far.write(b"line\n")
        assert reader.read_line() == b"half line"


@in_run
def test_a_peer_that_sends_no_end_of_a_line_costs_no_more_than_the_limit() -> None:
    with connected() as (near, far):
        pouring = parked(go(far.write, MORE_THAN_FITS))
        reader = Reader(near)
        with pytest.raises(LimitExceededError):
            reader.read_line(limit=10_000)
        assert reader.buffered < 10_000 + 8192
        pouring.cancel()
        with pytest.raises(GoroutineCancelled):
            pouring.join()


@in_run
def test_a_write_cut_short_by_a_deadline_is_finished_by_a_flush() -> None:
    size = 200_000
    with connected() as (near, far):
        small_buffers(near, far)
        near.settimeout(0)
        writer = Writer(near, size)
        written = 0
        with pytest.raises(DeadlineExceeded):
            while True:
                written += writer.write(b"%09d\n" % (written // 10))
        near.settimeout(None)
        go(finish, writer, near)
        lines = list(Reader(far))
    assert lines == [b"%09d" % number for number in range(written // 10)]


@in_run
def test_a_cancelled_flush_leaves_what_was_not_sent() -> None:
    def flush() -> None:
        try:
            writer.flush()
        except Cancelled as error:
            left.append(writer.pending)
            assert error.bytes_written == 0  # type: ignore[attr-defined]
            raise

    left: list[int] = []
    data = bytes(range(256)) * 40_000
    with connected() as (near, far):
        small_buffers(near, far)
        writer = Writer(near, len(data))
        writer.write(data)
        flushing = parked(go(flush))
        flushing.cancel()
        with pytest.raises(GoroutineCancelled):
            flushing.join()
        assert 0 < left[0] < len(data)
        rest = go(finish, writer, near)
        reader = Reader(far)
        assert reader.read_exactly(len(data)) == data
        rest.join()


@pytest.mark.parametrize("kind", [Sink, GatheringSink])
def test_what_does_not_lie_in_one_piece_is_refused_before_anything_is_sent(
    kind: type[Sink],
) -> None:
    sink = kind()
    writer = Writer(sink, 8)
    writer.write(b"abc")
    for write in (writer.write, lambda data: writer.writev([data])):
        with pytest.raises(BufferError):
            write(memoryview(b"0123456789" * 4)[::2])
    writer.write(b"de")
    writer.flush()
    assert b"".join(sink.writes) == b"abcde"

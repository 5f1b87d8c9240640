"""Reading lines and frames through a buffer, over streams that bring what the test says."""

import tracemalloc
from collections.abc import Callable
from typing import Any

import pytest

from netpoll import DeadlineExceeded
from netpoll.bufio import Reader
from netpoll.errors import IncompleteReadError, LimitExceededError
from tests.streams import Source

Read = Callable[[Reader], object]


def one_by_one(data: bytes) -> Source:
    return Source(*(bytes([byte]) for byte in data))


# ---- what is there


def test_a_read_returns_what_one_read_of_the_stream_brought() -> None:
    reader = Reader(Source(b"abc", b"defg"))
    assert [reader.read(100), reader.read(2), reader.read(100), reader.read(1)] == [
        b"abc",
        b"de",
        b"fg",
        b"",
    ]


def test_a_read_of_what_is_buffered_leaves_the_stream_alone() -> None:
    source = Source(b"line\nrest", b"more")
    reader = Reader(source)
    reader.read_line()
    assert reader.buffered == 4
    assert reader.read(reader.buffered) == b"rest"
    assert reader.read(0) == b""
    assert len(source.asked) == 1
    assert reader.read() == b"more"


def test_a_large_read_goes_past_the_buffer() -> None:
    source = Source(bytes(100_000))
    reader = Reader(source, 10)
    assert len(reader.read(70_000)) == 70_000
    assert source.asked == [70_000]
    assert reader.buffered == 0


def test_a_small_read_asks_for_a_whole_buffer() -> None:
    source = Source(b"abc")
    reader = Reader(source, 100)
    assert reader.read(1) == b"a"
    assert source.asked == [100]


def test_after_the_end_the_stream_is_asked_again() -> None:
    source = Source(b"a", b"", b"b")
    reader = Reader(source)
    assert [reader.read(), reader.read(), reader.read()] == [b"a", b"", b"b"]


# ---- a number of bytes


@pytest.mark.parametrize("size", [1, 2, 7, 8192])
def test_so_many_bytes_come_whatever_the_pieces(size: int) -> None:
    for source in (Source(b"abcdefgh"), one_by_one(b"abcdefgh"), Source(b"abc", b"defgh")):
        reader = Reader(source, size)
        assert reader.read_exactly(3) == b"abc"
        assert reader.read_exactly(0) == b""
        assert reader.read_exactly(5) == b"defgh"


def test_more_than_the_limit_is_refused_before_anything_is_read() -> None:
    source = Source(b"abc")
    reader = Reader(source)
    with pytest.raises(LimitExceededError, match=r"limit of 2 bytes$") as caught:
        reader.read_exactly(3, limit=2)
    assert (caught.value.limit, caught.value.partial) == (2, b"")
    assert source.asked == []
    assert reader.read_exactly(3, limit=3) == b"abc"


def test_a_frame_that_claims_two_gigabytes_takes_memory_only_for_what_arrives() -> None:
    reader = Reader(Source(*[bytes(1000)] * 100))
    tracemalloc.start()
    try:
        with pytest.raises(IncompleteReadError) as caught:
            reader.read_exactly(2**31)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (len(caught.value.partial), caught.value.expected) == (100_000, 2**31)
    assert peak < 2_000_000


def test_the_stream_is_asked_for_no_more_than_a_quarter_of_a_megabyte_at_once() -> None:
    source = Source(b"x")
    with pytest.raises(IncompleteReadError):
        Reader(source).read_exactly(2**31)
    assert max(source.asked) <= 1 << 18


# ---- up to a separator


@pytest.mark.parametrize("size", [1, 3, 8192])
@pytest.mark.parametrize("separator", [b"\n", b"\r\n", b"xyxy", b"\0\0\0"])
def test_the_separator_ends_a_read_and_is_returned(separator: bytes, size: int) -> None:
    data = b"ab" + separator + separator + b"-" + separator + b"rest"
    for source in (Source(data), one_by_one(data)):
        reader = Reader(source, size)
        assert reader.read_until(separator) == b"ab" + separator
        assert reader.read_until(separator) == separator
        assert reader.read_until(separator) == b"-" + separator
        assert reader.read_exactly(4) == b"rest"


def test_a_separator_that_begins_twice_is_found() -> None:
    reader = Reader(one_by_one(b"aaab-aab"))
    assert reader.read_until(b"aab") == b"aaab"
    assert reader.read_until(b"aab") == b"-aab"


@pytest.mark.parametrize("data", [b"12345\r\nrest", b"12345\r\n"])
def test_the_limit_counts_the_separator(data: bytes) -> None:
    for source in (Source(data), one_by_one(data)):
        reader = Reader(source)
        with pytest.raises(LimitExceededError):
            reader.read_until(b"\r\n", limit=6)
        assert reader.read_until(b"\r\n", limit=7) == b"12345\r\n"


def test_a_limit_takes_nothing_from_the_buffer() -> None:
    reader = Reader(Source(b"ab", b"cdefgh\n"))
    for _ in range(3):
        with pytest.raises(LimitExceededError, match=r"limit of 4 bytes$") as caught:
            reader.read_line(limit=4)
        assert (caught.value.limit, caught.value.partial) == (4, b"abcd")
    assert reader.read_line(limit=9) == b"abcdefgh"


def test_a_limit_holds_while_the_peer_sends_without_end() -> None:
    source = Source(*[b"x" * 1000] * 1000)
    reader = Reader(source, 1000)
    with pytest.raises(LimitExceededError):
        reader.read_line(limit=10_000)
    assert len(source.asked) == 10
    assert reader.buffered == 10_000


# ---- lines


@pytest.mark.parametrize("size", [1, 2, 8192])
def test_a_line_comes_without_its_end(size: int) -> None:
    data = b"one\ntwo\r\n\n\r\nthr\ree\r\r\n\rfour\n"
    for source in (Source(data), one_by_one(data)):
        reader = Reader(source, size)
        lines = [reader.read_line() for _ in range(6)]
        assert lines == [b"one", b"two", b"", b"", b"thr\ree\r", b"\rfour"]


def test_a_carriage_return_handed_out_before_is_no_part_of_the_next_line() -> None:
    reader = Reader(Source(b"a\r\nb\n"))
    assert reader.read(2) == b"a\r"
    assert [reader.read_line(), reader.read_line()] == [b"", b"b"]


def test_the_limit_of_a_line_counts_its_end() -> None:
    for data in (b"123\r\n", b"1234\n"):
        with pytest.raises(LimitExceededError):
            Reader(Source(data)).read_line(limit=4)
        assert Reader(Source(data)).read_line(limit=5) == data.rstrip()


def test_iterating_yields_the_lines_and_stops_at_the_end() -> None:
    assert list(Reader(one_by_one(b"a\n\nb\r\n"))) == [b"a", b"", b"b"]
    assert list(Reader(Source())) == []


def test_iterating_raises_if_the_end_cuts_a_line_off() -> None:
    reader = Reader(Source(b"a\nb"))
    assert next(reader) == b"a"
    with pytest.raises(IncompleteReadError) as caught:
        next(reader)
    assert caught.value.partial == b"b"


# ---- the end of the stream, and other interruptions


CUT_OFF: list[tuple[Read, int | None]] = [
    (lambda reader: reader.read_exactly(5), 5),
    (lambda reader: reader.read_until(b"\r\n"), None),
    (lambda reader: reader.read_line(), None),
]


@pytest.mark.parametrize(("read", "expected"), CUT_OFF)
@pytest.mark.parametrize("rest", [b"", b"x", b"half"])
def test_the_end_of_the_stream_cuts_off_what_is_not_complete(
    read: Read, expected: int | None, rest: bytes
) -> None:
    reader = Reader(one_by_one(rest))
    for _ in range(2):
        with pytest.raises(IncompleteReadError, match=f"ended after {len(rest)}") as caught:
            read(reader)
        assert (caught.value.partial, caught.value.expected) == (rest, expected)
    assert reader.read() == rest


READS: list[tuple[Read, bytes, bytes]] = [
    (lambda reader: reader.read_exactly(8), b"abcdefgh", b"\n"),
    (lambda reader: reader.read_until(b"gh\n"), b"abcdefgh\n", b""),
    (lambda reader: reader.read_line(), b"abcdefgh", b""),
    (lambda reader: reader.peek(8), b"abcdefgh", b"abcdefgh\n"),
]


@pytest.mark.parametrize(("read", "result", "rest"), READS)
@pytest.mark.parametrize("after", range(8))
def test_nothing_is_lost_when_a_read_fails(
    read: Read, result: bytes, rest: bytes, after: int
) -> None:
    failures = [DeadlineExceeded(), KeyboardInterrupt(), OSError("reset")]
    pieces = [bytes([byte]) for byte in b"abcdefgh\n"]
    reader = Reader(Source(*pieces[:after], *failures, *pieces[after:]))
    for failure in failures:
        with pytest.raises(type(failure)):
            read(reader)
        assert reader.buffered == after
    assert read(reader) == result
    assert reader.read_exactly(len(rest)) == rest
    assert reader.read() == b""


# ---- looking ahead and skipping


def test_peeking_takes_nothing_and_waits_for_all_of_it() -> None:
    reader = Reader(one_by_one(b"abcdef"), 2)
    assert [reader.peek(0), reader.peek(1), reader.peek(4), reader.peek(2)] == [
        b"",
        b"a",
        b"abcd",
        b"ab",
    ]
    assert reader.peek(100) == b"abcdef"
    assert reader.read_exactly(6) == b"abcdef"
    assert reader.peek(1) == b""


@pytest.mark.parametrize("size", [1, 3, 8192])
def test_skipped_bytes_do_not_come(size: int) -> None:
    for source in (Source(b"0123456789"), one_by_one(b"0123456789")):
        reader = Reader(source, size)
        reader.discard(0)
        reader.discard(3)
        assert reader.read_exactly(1) == b"3"
        reader.discard(5)
        assert reader.read_exactly(1) == b"9"


def test_skipping_holds_no_more_than_one_read_brings() -> None:
    source = Source(*[bytes(1 << 18)] * 40, b"end")
    reader = Reader(source)
    tracemalloc.start()
    try:
        reader.discard(40 << 18)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2 << 18
    assert reader.read() == b"end"


def test_skipping_past_the_end_tells_how_much_was_there() -> None:
    reader = Reader(Source(b"abc", b"de"))
    with pytest.raises(IncompleteReadError) as caught:
        reader.discard(7)
    assert (caught.value.partial, caught.value.expected) == (b"", 2)
    assert caught.value.bytes_discarded == 5  # type: ignore[attr-defined]


def test_skipping_that_fails_tells_how_much_is_gone() -> None:
    reader = Reader(Source(b"abc", b"de", DeadlineExceeded(), b"fghi"))
    reader.read(1)
    with pytest.raises(DeadlineExceeded) as caught:
        reader.discard(6)
    gone: int = caught.value.bytes_discarded  # type: ignore[attr-defined]
    assert gone == 4
    reader.discard(6 - gone)
    assert reader.read() == b"hi"


def test_an_exception_that_takes_no_number_is_raised_all_the_same() -> None:
    class Stubborn(BaseException):
        def __setattr__(self, name: str, value: object) -> None:
            raise AttributeError(name)

    with pytest.raises(Stubborn):
        Reader(Source(Stubborn())).discard(1)


# ---- what is held


TAKE_ALL: list[Read] = [
    lambda reader: reader.read_line(),
    lambda reader: reader.read_exactly(9),
    lambda reader: reader.discard(9),
]


@pytest.mark.parametrize("take", TAKE_ALL)
def test_nothing_is_held_once_all_of_it_was_handed_out(take: Read) -> None:
    for source in (Source(b"abcdefgh\n"), one_by_one(b"abcdefgh\n")):
        reader = Reader(source)
        take(reader)
        assert reader._data == b""
        assert isinstance(reader._data, bytes)


def test_what_was_handed_out_is_not_held_while_more_is_gathered() -> None:
    reader = Reader(Source(*[b"x" * 99 + b"\n" + b"y"] * 1000))
    reader.read_line()
    for _ in range(999):
        assert len(reader.read_line()) == 100
    assert len(reader._data) < 300


def test_small_pieces_are_gathered_in_place_not_copied_for_each() -> None:
    reader = Reader(one_by_one(b"abcdefgh"))
    reader.peek(3)
    gathered = reader._data
    assert reader.peek(8) == b"abcdefgh"
    assert reader._data is gathered


def test_pieces_of_lines_are_not_what_later_lines_are_cut_from() -> None:
    reader = Reader(Source(b"a", b"b", b"c", b"de\nfgh\nij"))
    assert reader.read_line() == b"abcde"
    assert isinstance(reader._data, bytes)


# ---- what makes no sense


@pytest.mark.parametrize("size", [0, -1])
def test_a_buffer_has_a_size(size: int) -> None:
    with pytest.raises(ValueError, match="above 0"):
        Reader(Source(), size)


WRONG: list[Read] = [
    lambda reader: reader.read(-1),
    lambda reader: reader.read_exactly(-1),
    lambda reader: reader.peek(-1),
    lambda reader: reader.discard(-1),
    lambda reader: reader.read_until(b""),
    lambda reader: reader.read_until(b"\n", limit=0),
    lambda reader: reader.read_until(b"\n", limit=-1),
    lambda reader: reader.read_line(limit=0),
    lambda reader: reader.read_line(limit=-1),
]


@pytest.mark.parametrize("read", WRONG)
def test_what_makes_no_sense_is_refused_before_the_stream_is_asked(read: Read) -> None:
    source = Source(b"abc\ndef")
    reader = Reader(source)
    with pytest.raises(ValueError, match=r"negative|above 0"):
        read(reader)
    assert source.asked == []
    reader.peek(1)
    with pytest.raises(ValueError, match=r"negative|above 0"):
        read(reader)
    assert reader.read() == b"abc\ndef"


@pytest.mark.parametrize("wrong", ["1", None, b"1"])
def test_a_number_of_bytes_is_a_number(wrong: Any) -> None:
    reader = Reader(Source(b"abc"))
    for method in (reader.read, reader.read_exactly, reader.peek, reader.discard):
        with pytest.raises(TypeError):
            method(wrong)


@pytest.mark.parametrize(
    ("wrong", "error"), [(1.0, TypeError), ("1", TypeError), (None, TypeError), (-1, ValueError)]
)
def test_an_exact_read_that_cannot_be_takes_nothing(wrong: Any, error: type[Exception]) -> None:
    reader = Reader(Source(b"abcd"))
    reader.peek(1)
    reader.read_exactly(1)
    with pytest.raises(error):
        reader.read_exactly(wrong)
    assert (reader.buffered, reader.read_exactly(2)) == (3, b"bc")

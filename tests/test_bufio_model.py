"""A Reader beside the plainest reading there is, of data in hand."""

from collections.abc import Callable
from functools import partial
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll import DeadlineExceeded
from netpoll.bufio import Reader, Writer
from netpoll.errors import IncompleteReadError, LimitExceededError
from tests.streams import GatheringSink, Sink, Source

# Few letters, so that separators occur, and occur in pieces.
DATA = st.binary(max_size=60).map(lambda data: bytes(b"ab\r\n"[byte % 4] for byte in data))
SIZES = st.integers(0, 12)
LIMITS = st.integers(1, 20)
SEPARATORS = st.sampled_from([b"\n", b"\r\n", b"ab", b"aab", b"\n\n"])

OPERATIONS = st.one_of(
    st.tuples(st.just("read_exactly"), SIZES, st.none() | LIMITS),
    st.tuples(st.just("read_until"), SEPARATORS, LIMITS),
    st.tuples(st.just("read_line"), LIMITS),
    st.tuples(st.just("peek"), SIZES),
    st.tuples(st.just("discard"), SIZES),
)


class Model:
    """The same operations on data that is all there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read_exactly(self, n: int, limit: int | None) -> bytes:
        if limit is not None and n > limit:
            raise LimitExceededError(limit, b"")
        if n > len(self.data):
            raise IncompleteReadError(self.data, n)
        taken, self.data = self.data[:n], self.data[n:]
        return taken

    def read_until(self, separator: bytes, limit: int) -> bytes:
        before, found, after = self.data.partition(separator)
        if not found and len(self.data) < limit:
            raise IncompleteReadError(self.data, None)
        if not found or len(before + found) > limit:
            raise LimitExceededError(limit, self.data[:limit])
        self.data = after
        return before + found

    def read_line(self, limit: int) -> bytes:
        line = self.read_until(b"\n", limit)[:-1]
        return line.removesuffix(b"\r")

    def peek(self, n: int) -> bytes:
        return self.data[:n]

    def discard(self, n: int) -> None:
        if n > len(self.data):
            missing = n - len(self.data)
            self.data = b""
            raise IncompleteReadError(b"", missing)
        self.data = self.data[n:]


@st.composite
def pieces(draw: Callable[..., object], data: bytes) -> list[bytes | BaseException]:
    """Cut data into pieces, and put deadlines between some of them."""
    cuts = draw(st.lists(st.integers(0, len(data)), max_size=10).map(sorted))
    assert isinstance(cuts, list)
    bounds = [0, *cuts, len(data)]
    cut = [data[a:b] for a, b in pairwise(bounds) if a < b]
    found: list[bytes | BaseException] = []
    for piece in cut:
        late = draw(st.integers(0, 2))
        assert isinstance(late, int)
        found += [DeadlineExceeded()] * late
        found.append(piece)
    return found


def outcome(call: Callable[[], object]) -> object:
    """Return what a call returns, or what can be told about what it raises."""
    try:
        return call()
    except IncompleteReadError as error:
        return "end", error.partial, error.expected
    except LimitExceededError as error:
        return "limit", error.partial, error.limit


def patiently(reader: Reader, name: str, arguments: list[object]) -> object:
    """Call again after each deadline, without what is gone already."""
    while True:
        before = reader.buffered
        try:
            return outcome(partial(getattr(reader, name), *arguments))
        except DeadlineExceeded as error:
            if name == "discard":
                number = arguments[0]
                assert isinstance(number, int)
                gone: int = error.bytes_discarded  # type: ignore[attr-defined]
                arguments = [number - gone]
            else:
                assert reader.buffered >= before


@given(st.data(), DATA, st.integers(1, 10), st.lists(OPERATIONS, max_size=12))
def test_whatever_the_pieces_and_the_deadlines_the_same_is_read(
    data: st.DataObject, sent: bytes, size: int, operations: list[tuple[object, ...]]
) -> None:
    reader = Reader(Source(*data.draw(pieces(sent))), size)
    model = Model(sent)
    for name, *arguments in operations:
        assert isinstance(name, str)
        expected = outcome(partial(getattr(model, name), *arguments))
        assert patiently(reader, name, arguments) == expected
    rest = b""
    while True:
        try:
            more = reader.read(3)
        except DeadlineExceeded:
            continue
        if not more:
            break
        rest += more
    assert rest == model.data


@pytest.mark.parametrize("kind", [Sink, GatheringSink])
@given(
    writes=st.lists(st.lists(DATA, min_size=1, max_size=3), max_size=10),
    size=st.integers(1, 40),
    failures=st.lists(st.none() | st.integers(0, 200), max_size=10),
)
def test_whatever_fails_in_between_each_byte_is_sent_once(
    kind: type[Sink], writes: list[list[bytes]], size: int, failures: list[int | None]
) -> None:
    class Failing(kind):  # type: ignore[misc, valid-type]
        """Fails as told, having taken some of the data."""

        def write(self, data: bytes) -> int:
            left = failures.pop() if failures else None
            if left is not None:
                left = min(left, len(data) - 1)
                self.failures.append(DeadlineExceeded(bytes_written=left))
            taken: int = super().write(data)
            return taken

    def again(data: bytes) -> None:
        while True:
            try:
                writer.write(data)
            except DeadlineExceeded as error:
                data = data[error.bytes_written :]
            else:
                break

    sink = Failing()
    writer = Writer(sink, size)
    for several in writes:
        data = b"".join(several)
        try:
            writer.writev(several)
        except DeadlineExceeded as error:
            again(data[error.bytes_written :])
        assert writer.pending <= size
    while writer.pending:
        try:
            writer.flush()
        except DeadlineExceeded:
            continue
    assert sink.taken == b"".join(b"".join(several) for several in writes)

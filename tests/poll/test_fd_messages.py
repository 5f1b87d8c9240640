"""A socket that keeps messages apart: each write is one, and each read takes one."""

import errno
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

import netpoll
from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from tests.kernel import answering, one_by_one, recorded
from tests.poll.operations import raised
from tests.running import in_run, pair, parked


@contextmanager
def ends() -> Iterator[tuple[StreamFD, StreamFD]]:
    """Return both ends of a connection that keeps messages apart."""
    both = [
        StreamFD.adopt(end.detach())
        for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ]
    try:
        yield both[0], both[1]
    finally:
        for end in both:
            end.close()


def write_gathered(fd: StreamFD, data: bytes) -> int:
    return fd.writev([data[:1], b"", data[1:]])


def read_into(fd: StreamFD, size: int) -> bytes:
    buffer = bytearray(size)
    return bytes(buffer[: fd.readinto(buffer)])


def read_into_several(fd: StreamFD, size: int) -> bytes:
    parts = [bytearray(1), bytearray(size - 1)]
    got = fd.readv(parts)
    return b"".join(parts)[:got]


Read = Callable[[StreamFD, int], bytes]
Write = Callable[[StreamFD, bytes], int]
each_read = pytest.mark.parametrize("read", [StreamFD.read_bytes, read_into, read_into_several])
each_write = pytest.mark.parametrize("write", [StreamFD.write, write_gathered])


# ---- writing ---------------------------------------------------------------------------------


@each_write
@in_run
def test_a_write_is_one_system_call_and_one_message(write: Write) -> None:
    with ends() as (a, b), recorded("send", "sendmsg") as calls:
        for data in (b"one", b"three", b"x"):
            assert write(a, data) == len(data)
        assert len(calls.made) == 3
        assert [b.read_bytes(100) for _ in range(3)] == [b"one", b"three", b"x"]


@each_write
@in_run
def test_an_empty_write_is_a_message_too(write: Write) -> None:
    with ends() as (a, b):
        assert write(a, b"") == 0
        assert a.writev([]) == 0
        write(a, b"after")
        assert [b.read_bytes(100) for _ in range(3)] == [b"", b"", b"after"]


@in_run
def test_a_stream_still_sends_nothing_for_nothing() -> None:
    with pair() as (a, _), recorded("send", "sendmsg") as calls:
        assert (a.write(b""), a.writev([b"", b""]), a.writev([])) == (0, 0, 0)
        assert calls.made == []


@in_run
def test_a_large_message_is_sent_in_one_piece_or_not_at_all() -> None:
    with ends() as (a, b):
        a.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 22)
        size = a.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF) // 2
        with recorded("send") as calls:
            assert a.write(bytes(size)) == size
            assert [len(data) for _, data in calls.of("send")] == [size]
        assert len(b.read_bytes(1 << 24)) == size
        error = raised(lambda: a.write(bytes(1 << 24)))
        assert isinstance(error, OSError)
        assert (error.errno, error.bytes_written) == (errno.EMSGSIZE, 0)  # type: ignore[attr-defined]


@in_run
def test_what_is_longer_than_the_largest_piece_of_a_stream_is_not_cut() -> None:
    with ends() as (a, _), answering(send=lambda _, data: len(data)):
        with recorded("sendmsg"):
            assert a.write(bytes(3 << 20)) == 3 << 20


@in_run
def test_more_pieces_than_the_kernel_takes_are_still_one_message() -> None:
    pieces = [bytes([n % 251]) for n in range(3000)]
    with ends() as (a, b), recorded("send", "sendmsg") as calls:
        assert a.writev(pieces) == 3000
        assert calls.of("send") == [(a.fileno(), b"".join(pieces))]
        assert b.read_bytes(5000) == b"".join(pieces)


@each_write
@in_run
def test_a_write_is_taken_up_again_after_a_signal_and_after_a_wait(write: Write) -> None:
    with ends() as (a, b):
        a.settimeout(0)
        filled = 0
        while not isinstance(raised_or_none(lambda: a.write(bytes(4096))), TimeoutError):
            filled += 1
        a.settimeout(None)
        writer = parked(netpoll.go(write, a, b"at last"))
        for _ in range(filled):
            assert len(b.read_bytes(10_000)) == 4096
        assert b.read_bytes(10_000) == b"at last"
        assert writer.join(timeout=5) == 7
        with answering(send=one_by_one(-errno.EINTR), sendmsg=one_by_one(-errno.EINTR)):
            assert write(a, b"again") == 5


def raised_or_none(operation: Callable[[], object]) -> BaseException | None:
    try:
        operation()
    except OSError as error:
        return error
    return None


@each_write
@in_run
def test_an_end_says_that_nothing_was_written(write: Write) -> None:
    with ends() as (a, b):
        b.close()
        error = raised(lambda: write(a, b"data"))
        assert isinstance(error, BrokenPipeError)
        assert error.bytes_written == 0  # type: ignore[attr-defined]


# ---- reading ---------------------------------------------------------------------------------


@each_read
@in_run
def test_a_read_takes_one_message_though_more_are_there(read: Read) -> None:
    with ends() as (a, b):
        for data in (b"one", b"two", b"three"):
            a.write(data)
        assert [read(b, 100) for _ in range(3)] == [b"one", b"two", b"three"]


@each_read
@in_run
def test_a_read_after_a_short_one_finds_what_is_there(read: Read) -> None:
    with ends() as (a, b):
        reader = parked(netpoll.go(read, b, 100))
        for data in (b"a", b"b", b"c"):
            a.write(data)
        assert reader.join(timeout=5) == b"a"
        b.settimeout(5)
        assert [read(b, 100) for _ in range(2)] == [b"b", b"c"]


@each_read
@in_run
def test_a_message_that_is_as_large_as_was_asked_for_is_not_cut(read: Read) -> None:
    size = 150_000  # more than a stream is read at once after a small read
    with ends() as (a, b):
        a.write(b"small")
        assert read(b, 10) == b"small"
        for number in range(3):
            a.write(bytes([number]) * size)
            assert read(b, size) == bytes([number]) * size


@each_read
@in_run
def test_what_has_no_room_is_lost_and_the_next_message_is_whole(read: Read) -> None:
    with ends() as (a, b):
        a.write(b"too long")
        a.write(b"next")
        assert [read(b, 4), read(b, 4)] == [b"too ", b"next"]


@in_run
def test_a_message_is_spread_over_more_buffers_than_the_kernel_takes() -> None:
    with ends() as (a, b):
        sent = bytes(n % 251 for n in range(3000))
        parts = [bytearray(1) for _ in range(4000)]
        a.write(sent)
        assert b.readv(parts) == 3000
        assert b"".join(parts) == sent + bytes(1000)
        a.write(sent)
        assert b.readv(parts[:2000]) == 2000  # what has no room is lost here too
        a.write(b"next")
        assert b.read_bytes(10) == b"next"


@in_run
def test_an_accepted_connection_keeps_messages_apart_as_its_listener() -> None:
    listener = ListenFD.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    listener.bind(socket.AF_UNIX.to_bytes(2, "little"))  # a name that the kernel chooses
    listener.listen(1)
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as client:
        client.connect(listener.getsockname()[2:])
        accepted, _ = listener.accept()
        accepted.write(b"")
        accepted.write(b"one")
        assert (client.recv(10), client.recv(10)) == (b"", b"one")
        assert accepted.kind == socket.SOCK_SEQPACKET
        accepted.close()
    listener.close()


@pytest.mark.parametrize("size", [1 << 40, sys.maxsize])
@in_run
def test_more_than_any_message_holds_may_be_asked_for(size: int) -> None:
    with ends() as (a, b):
        a.write(b"one")
        a.write(b"two")
        assert [b.read_bytes(size), b.read_bytes(size)] == [b"one", b"two"]

"""Writing: all of it, or an error that says how much."""

import errno
import itertools
import os
import random
import select
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netpoll
from netpoll._poll.fd import FD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import Answer, answering, on, one_by_one, recorded
from tests.poll.operations import WRITES, Blocked, Operation, name_of, raised
from tests.program import reset
from tests.running import Outcome, in_run, parked

Write = Callable[[StreamFD, bytes], int]


def write_gathered(fd: StreamFD, data: bytes) -> int:
    third = len(data) // 3
    return fd.writev([data[:third], b"", data[third : 2 * third], data[2 * third :]])


each_write = pytest.mark.parametrize(
    "write", [StreamFD.write, write_gathered], ids=["write", "writev"]
)


def takes(fd: StreamFD, *sizes: int) -> dict[str, Answer]:
    """Return answers of a kernel that takes so many bytes a call, then what it likes.

    0: none now, but again as soon as somebody waits.
    """
    number = fd.fileno()
    left = iter(sizes)
    keys: list[int] = []
    owed: list[int] = []

    def some(_: int, data: bytes | list[bytes]) -> int | None:
        flat = b"".join(data) if isinstance(data, list) else data
        size = next(left, None)
        if size is None:
            return None
        if size == 0:
            owed[:] = keys
            return -errno.EAGAIN
        return os.write(number, flat[:size])

    def registers(_: int, operation: int, of: int, _events: int, key: int) -> None:
        if (operation, of) == (1, number):
            keys.append(key)

    def writable(*_: int) -> list[tuple[int, int]] | None:
        return [(select.EPOLLOUT, owed.pop())] if owed else None

    return {
        "send": on(number, some),
        "sendmsg": on(number, some),
        "epoll_ctl": registers,
        "epoll_wait": writable,
    }


def fails_after(sizes: list[int], code: int) -> dict[str, Answer]:
    answers = one_by_one(*sizes, -code)
    return {"send": answers, "sendmsg": answers}


def bytes_written(error: BaseException) -> int:
    return int(error.bytes_written)  # type: ignore[attr-defined]


# ---- all of it -------------------------------------------------------------------------------


@each_write
@in_run
def test_what_the_kernel_takes_in_parts_arrives_whole(write: Write) -> None:
    for sizes in ([1], [3, 1, 1], [1] * 11, [5, 7], [4, 4, 4], [11, 0, 0, 1], [0, 5, 0, 0]):
        with tcp.end() as (fd, peer), answering(**takes(fd, *sizes)):
            assert write(fd, b"hello, world") == 12
            assert tcp.receive_exactly(peer, 12) == b"hello, world"


@each_write
@in_run
def test_a_write_parks_until_the_peer_has_read(write: Write) -> None:
    with tcp.end() as (fd, peer):
        before = tcp.fill(fd, peer)
        writer = parked(netpoll.go(write, fd, b"x" * 100_000))
        data = netpoll.blocking(tcp.receive_exactly, peer, before + 100_000)
        assert writer.join(timeout=5) == 100_000
        assert data[before:] == b"x" * 100_000


@each_write
@in_run
def test_writers_take_turns_and_no_message_is_torn(write: Write) -> None:
    size = 200_000
    with tcp.ends() as (fd, peer):
        writers = [netpoll.go(write, fd, bytes([n]) * size) for n in range(20)]
        got = bytearray()
        while len(got) < 20 * size:
            got += peer.read_bytes(65536)
        assert [writer.join(timeout=5) for writer in writers] == [size] * 20
        runs = [(byte, len(list(group))) for byte, group in itertools.groupby(got)]
        assert runs == [(n, size) for n in range(20)]


@each_write
@in_run
def test_writing_nothing_is_no_system_call(write: Write) -> None:
    with tcp.end() as (fd, _), recorded("send", "sendmsg") as calls:
        assert write(fd, b"") == 0
        assert fd.writev([]) == 0
        assert fd.writev([b"", bytearray(), memoryview(b"")]) == 0
        assert calls.made == []


@in_run
def test_anything_with_a_buffer_can_be_written() -> None:
    word = memoryview(b"de").cast("H")
    things: list[Any] = [b"a", bytearray(b"b"), memoryview(b"_c_")[1:2], word]
    with tcp.end() as (fd, peer):
        assert [fd.write(thing) for thing in things] == [1, 1, 1, 2]
        assert fd.writev(things) == 5
        assert fd.writev(iter(things)) == 5
        assert tcp.receive_exactly(peer, 15) == b"abcde" * 3


@in_run
def test_what_has_no_buffer_is_refused_before_anything_is_written() -> None:
    with tcp.end() as (fd, _), recorded("send", "sendmsg") as calls:
        wrongs: list[Any] = ["text", 5, None, [b"x"], memoryview(b"abcd")[::2]]
        for wrong in wrongs:
            with pytest.raises((TypeError, BufferError)):
                fd.write(wrong)
            with pytest.raises((TypeError, BufferError)):
                fd.writev([b"good", wrong])
        with pytest.raises(TypeError):
            fd.writev(wrongs[2])
        assert calls.made == []


@in_run
def test_a_buffer_is_free_again_after_the_write() -> None:
    with tcp.end() as (fd, peer):
        buffer = bytearray(b"abc")
        fd.write(buffer)
        fd.writev([buffer])
        buffer.append(1)
        with answering(send=one_by_one(-errno.EPIPE), sendmsg=one_by_one(-errno.EPIPE)):
            for write in (fd.write, lambda one: fd.writev([one, one])):
                with pytest.raises(BrokenPipeError):
                    write(buffer)
                buffer.append(1)
        assert tcp.receive_exactly(peer, 6) == b"abcabc"


# ---- gathered --------------------------------------------------------------------------------


@in_run
def test_more_buffers_than_the_kernel_takes_at_once_go_in_several_calls() -> None:
    buffers = [bytes([n % 251]) * (n % 4) for n in range(5000)]
    with tcp.end() as (fd, peer), recorded("sendmsg") as calls:
        size = sum(map(len, buffers))
        assert fd.writev(buffers) == size
        assert tcp.receive_exactly(peer, size) == b"".join(buffers)
        assert all(len(data) <= 1024 for _, data in calls.of("sendmsg"))
        assert 3 <= len(calls.made) <= 5


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.binary(max_size=5), max_size=12),
    st.lists(st.integers(0, 9), max_size=12),
)
def test_any_parts_of_any_buffers_arrive_whole_and_in_order(
    buffers: list[bytes], sizes: list[int]
) -> None:
    whole = b"".join(buffers)

    def main() -> None:
        with tcp.end() as (fd, peer), answering(**takes(fd, *sizes)):
            assert fd.writev(buffers) == len(whole)
            assert tcp.receive_exactly(peer, len(whole)) == whole

    netpoll.run(main)


# ---- ends early ------------------------------------------------------------------------------


@each_write
@pytest.mark.parametrize("code", [errno.EPIPE, errno.ECONNRESET, errno.ENOBUFS, errno.EIO])
@pytest.mark.parametrize("sizes", [[], [1], [5, 2]])
@in_run
def test_an_error_says_how_much_was_written(write: Write, code: int, sizes: list[int]) -> None:
    with tcp.end() as (fd, _), answering(**fails_after(sizes, code)):
        error = raised(lambda: write(fd, b"hello, world"))
        assert isinstance(error, OSError)
        assert type(error) is type(OSError(code, ""))
        assert error.errno == code
        assert bytes_written(error) == sum(sizes)


ENDINGS: dict[str, tuple[Callable[[FD, netpoll.Goroutine], object], type[BaseException]]] = {
    "deadline": (
        lambda fd, _: fd.set_write_deadline(time.monotonic()),
        netpoll.DeadlineExceeded,
    ),
    "deadline-to-come": (
        lambda fd, _: fd.set_deadline(time.monotonic() + 0.001),
        netpoll.DeadlineExceeded,
    ),
    "close": (lambda fd, _: fd.close(), netpoll.ClosedError),
    "cancel": (lambda _, writer: writer.cancel(), netpoll.Cancelled),
}


@each_write
@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("sizes", [[0], [5, 0], [1, 2, 3, 0]])
@in_run
def test_whatever_ends_a_parked_write_says_how_much_was_written(
    write: Write, ending: str, sizes: list[int]
) -> None:
    end, expected = ENDINGS[ending]
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        taken = one_by_one(*(size or -errno.EAGAIN for size in sizes))
        with answering(send=taken, sendmsg=taken):
            writer = parked(netpoll.go(raised, lambda: write(fd, b"hello, world")))
            end(fd, writer)
            error = writer.join(timeout=5)
        assert type(error) is expected
        assert bytes_written(error) == sum(sizes)


@each_write
@in_run
def test_a_timeout_says_how_much_was_written(write: Write) -> None:
    for timeout in (0, 0.001):
        with tcp.end() as (fd, peer):
            tcp.fill(fd, peer)
            fd.settimeout(timeout)
            taken = one_by_one(4, -errno.EAGAIN)
            with answering(send=taken, sendmsg=taken):
                error = raised(lambda: write(fd, b"hello, world"))
            assert type(error) is netpoll.DeadlineExceeded
            assert bytes_written(error) == 4


@each_write
@in_run
def test_the_number_on_the_error_is_what_the_peer_gets(write: Write) -> None:
    sent = random.Random(1).randbytes(8_000_000)
    with tcp.end() as (fd, peer):
        writer = parked(netpoll.go(raised, lambda: write(fd, sent)))
        fd.set_write_deadline(time.monotonic() + 0.02)
        error = writer.join(timeout=5)
        assert isinstance(error, netpoll.DeadlineExceeded)
        written = bytes_written(error)
        assert 0 < written < len(sent)
        fd.shutdown(socket.SHUT_WR)
        assert netpoll.blocking(tcp.receive_exactly, peer, len(sent)) == sent[:written]


ENDINGS_IN_LINE = {key: ENDINGS[key] for key in ("close", "cancel")}


@pytest.mark.parametrize("blocked", WRITES, ids=name_of)
@pytest.mark.parametrize("ending", ENDINGS_IN_LINE)
@in_run
def test_who_ends_in_line_has_written_nothing_and_says_so(blocked: Blocked, ending: str) -> None:
    end, expected = ENDINGS_IN_LINE[ending]
    with blocked() as (fd, operation):
        first = parked(netpoll.go(raised, operation))
        second = parked(netpoll.go(raised, operation))
        end(fd, second)
        error = second.join(timeout=5)
        assert type(error) is expected
        assert bytes_written(error) == 0
        fd.close()
        first.join()


@each_write
@in_run
def test_a_descriptor_that_is_closed_has_written_nothing_and_says_so(write: Write) -> None:
    with tcp.end() as (fd, _):
        fd.set_write_deadline(1)
        error = raised(lambda: write(fd, b"x"))
        assert (type(error), bytes_written(error)) == (netpoll.DeadlineExceeded, 0)
        fd.close()
        error = raised(lambda: write(fd, b"x"))
        assert (type(error), bytes_written(error)) == (netpoll.ClosedError, 0)


@each_write
@in_run
def test_a_peer_that_is_gone_breaks_the_pipe(write: Write) -> None:
    with tcp.end() as (fd, peer):
        reset(peer)
        errors = [raised(lambda: write(fd, b"x")) for _ in range(20)]
        assert isinstance(errors[0], (ConnectionResetError, BrokenPipeError))
        assert all(isinstance(error, BrokenPipeError) for error in errors[1:])
        assert [bytes_written(error) for error in errors] == [0] * 20


@each_write
@in_run
def test_a_peer_that_goes_away_wakes_the_writer(write: Write) -> None:
    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        writer = parked(netpoll.go(raised, lambda: write(fd, b"x")))
        reset(peer)
        assert isinstance(writer.join(timeout=5), (ConnectionResetError, BrokenPipeError))


@each_write
@in_run
def test_an_interrupted_write_is_tried_again(write: Write) -> None:
    answers = one_by_one(-errno.EINTR, 3, -errno.EINTR, -errno.EINTR, 4, -errno.EINTR)
    with tcp.end() as (fd, peer):
        number = fd.fileno()
        with answering(send=on(number, answers), sendmsg=on(number, answers)):
            assert write(fd, b"_______rest") == 11
        assert tcp.receive_exactly(peer, 4) == b"rest"


@each_write
@pytest.mark.parametrize("half_closed", [True, False])
@in_run
def test_a_writer_whose_peer_does_not_read_does_not_spin(write: Write, half_closed: bool) -> None:
    refused = 0

    def sends(fd: int, data: bytes | list[bytes]) -> int:
        nonlocal refused
        try:
            return os.write(fd, b"".join(data) if isinstance(data, list) else data)
        except BlockingIOError:
            refused += 1
            return -errno.EAGAIN

    def endless(fd: StreamFD) -> None:
        while True:
            write(fd, b"x" * 100_000)

    with tcp.end() as (fd, peer):
        number = fd.fileno()
        if half_closed:
            peer.shutdown(socket.SHUT_WR)
        with answering(send=on(number, sends), sendmsg=on(number, sends)):
            writer = netpoll.go(raised, lambda: endless(fd))
            netpoll.sleep(0.1)
            assert refused <= 20
            if half_closed:
                assert fd.read_bytes(1) == b""
            netpoll.sleep(0.02)
            assert refused <= 20
            fd.close()
            assert isinstance(writer.join(), netpoll.ClosedError)


@each_write
@in_run
def test_a_cancelled_writer_leaves_the_turn_to_the_next(write: Write) -> None:
    with tcp.end() as (fd, peer):
        before = tcp.fill(fd, peer)
        first = parked(netpoll.go(raised, lambda: write(fd, b"first")))
        second = parked(netpoll.go(write, fd, b"second"))
        first.cancel()
        assert isinstance(first.join(), netpoll.Cancelled)
        data = netpoll.blocking(tcp.receive_exactly, peer, before + 6)
        assert second.join(timeout=5) == 6
        assert data[before:] == b"second"


def test_writing_needs_no_run() -> None:
    with tcp.end() as (fd, peer):
        operations: list[Operation] = [lambda: fd.write(b"a"), lambda: fd.writev([b"b", b"c"])]
        assert [operation() for operation in operations] == [1, 2]
        assert tcp.receive_exactly(peer, 3) == b"abc"


@dataclass(frozen=True)
class Frozen(Exception):
    """An exception that takes no attribute."""

    code: int


@each_write
@in_run
def test_an_exception_that_takes_no_attribute_comes_out_as_it_is(write: Write) -> None:
    main = netpoll.current()

    def handler(*_: object) -> None:
        raise Frozen(7)

    def kill() -> None:
        while not main.state.startswith("waiting"):
            time.sleep(0.0001)
        os.kill(os.getpid(), signal.SIGUSR1)

    before = signal.signal(signal.SIGUSR1, handler)
    try:
        with tcp.end() as (fd, peer):
            tcp.fill(fd, peer)
            killer = Outcome(kill)
            killer.start()
            error = raised(lambda: write(fd, b"more"))
            killer.result()
            assert isinstance(error, Frozen), repr(error)
            assert error.code == 7
    finally:
        signal.signal(signal.SIGUSR1, before)

"""Reading: turns, ends of the stream, sizes."""

import errno
import random
import socket
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import Answer, answering, on, one_by_one, recorded
from tests.poll.operations import Operation, raised
from tests.program import reset
from tests.running import in_run, parked

Read = Callable[[StreamFD, int], bytes]


def read_into(fd: StreamFD, size: int) -> bytes:
    buffer = bytearray(size)
    got = fd.readinto(buffer)
    return bytes(buffer[:got])


def read_into_several(fd: StreamFD, size: int) -> bytes:
    parts = [bytearray(size // 3), bytearray(), bytearray(size - size // 3)]
    got = fd.readv(parts)
    return b"".join(parts)[:got]


READS: list[Read] = [StreamFD.read_bytes, read_into, read_into_several]
each_read = pytest.mark.parametrize("read", READS, ids=["read", "readinto", "readv"])


def receives(fd: StreamFD, *answers: int) -> dict[str, Answer]:
    """Return the answers, one a call, to whatever this descriptor receives with."""
    answer = on(fd.fileno(), one_by_one(*answers))
    return {"recv": answer, "recvmsg": answer}


def read_all(fd: StreamFD, size: int = 65536) -> bytes:
    data = bytearray()
    while more := fd.read_bytes(size):
        data += more
    return bytes(data)


# ---- turns -----------------------------------------------------------------------------------


@each_read
@in_run
def test_readers_get_each_byte_once_in_the_order_in_which_they_came(read: Read) -> None:
    with tcp.end() as (fd, peer):
        readers = [parked(netpoll.go(read, fd, 1)) for _ in range(50)]
        peer.sendall(bytes(range(50)))
        assert [reader.join(timeout=5) for reader in readers] == [bytes([n]) for n in range(50)]


@in_run
def test_readers_take_turns_however_the_bytes_arrive() -> None:
    with tcp.end() as (fd, peer):
        readers = [netpoll.go(fd.read_bytes, 1) for _ in range(50)]
        for n in range(50):
            peer.sendall(bytes([n]))
            if n % 3 == 0:
                netpoll.sleep(0)
            if n % 7 == 0:
                netpoll.sleep(0.0001)
        assert [reader.join(timeout=5) for reader in readers] == [bytes([n]) for n in range(50)]


@in_run
def test_each_byte_goes_to_one_reader_while_deadlines_expire_around_them() -> None:
    seen = bytearray()

    def reads(fd: StreamFD) -> None:
        while True:
            fd.set_read_deadline(time.monotonic() + 0.0002)
            try:
                data = fd.read_bytes(7)
            except netpoll.DeadlineExceeded:
                continue
            if not data:
                return
            seen.extend(data)

    with tcp.ends() as (fd, peer):
        readers = [netpoll.go(reads, fd) for _ in range(10)]
        sent = random.Random(1).randbytes(5000)
        for start in range(0, 5000, 50):
            peer.write(sent[start : start + 50])
            netpoll.sleep(0.00005)
        peer.shutdown(1)
        fd.set_read_deadline(None)
        for reader in readers:
            reader.join(timeout=10)
        assert sorted(seen) == sorted(sent)


@in_run
def test_both_directions_work_at_once() -> None:
    mebibyte = random.Random(2).randbytes(1 << 20)

    def echoes(fd: StreamFD) -> None:
        while data := fd.read_bytes(65536):
            fd.write(data)
        fd.shutdown(1)

    with tcp.ends() as (a, b):
        echo = netpoll.go(echoes, b)
        reader = netpoll.go(read_all, a)
        assert a.write(mebibyte) == 1 << 20
        a.shutdown(1)
        assert reader.join(timeout=10) == mebibyte
        echo.join(timeout=5)


# ---- ends of the stream ----------------------------------------------------------------------


@each_read
@in_run
def test_the_end_of_the_stream_is_no_bytes_again_and_again(read: Read) -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"last")
        peer.shutdown(socket.SHUT_WR)
        assert read(fd, 100) == b"last"
        assert [read(fd, 100) for _ in range(3)] == [b""] * 3


@each_read
@in_run
def test_an_end_that_comes_later_wakes_the_reader(read: Read) -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"last")
        assert read(fd, 100) == b"last"
        reader = parked(netpoll.go(read, fd, 100))
        peer.shutdown(socket.SHUT_WR)
        assert reader.join(timeout=5) == b""


@each_read
@in_run
def test_data_and_end_that_come_together_are_both_seen(read: Read) -> None:
    with tcp.end() as (fd, peer):
        for _ in range(2):  # so that the descriptor is registered, and drained
            reader = parked(netpoll.go(read, fd, 100))
            peer.sendall(b"x")
            reader.join()
        reader = parked(netpoll.go(read, fd, 100))
        peer.sendall(b"last")
        peer.shutdown(socket.SHUT_WR)
        assert reader.join(timeout=5) == b"last"
        assert netpoll.go(read, fd, 100).join(timeout=5) == b""


@in_run
def test_one_can_go_on_writing_after_the_peers_end() -> None:
    with tcp.end() as (fd, peer):
        peer.shutdown(socket.SHUT_WR)
        assert fd.read_bytes(1) == b""
        for n in range(10):
            fd.write(bytes([n]))
        assert peer.recv(100) == bytes(range(10))
        assert fd.read_bytes(1) == b""


@in_run
def test_after_ones_own_end_one_can_read_but_not_write() -> None:
    with tcp.end() as (fd, peer):
        fd.shutdown(socket.SHUT_WR)
        assert peer.recv(1) == b""
        with pytest.raises(BrokenPipeError):
            fd.write(b"x")
        peer.sendall(b"still")
        assert fd.read_bytes(100) == b"still"


@in_run
def test_closing_ones_own_reading_side_wakes_the_reader_with_the_end() -> None:
    with tcp.end() as (fd, _):
        reader = parked(netpoll.go(fd.read_bytes, 1))
        fd.shutdown(socket.SHUT_RD)
        assert reader.join(timeout=5) == b""


@each_read
@in_run
def test_a_reset_wakes_the_reader_with_an_error(read: Read) -> None:
    with tcp.end() as (fd, peer):
        reader = parked(netpoll.go(raised, lambda: read(fd, 100)))
        reset(peer)
        assert isinstance(reader.join(timeout=5), ConnectionResetError)


@each_read
@in_run
def test_data_before_a_reset_is_read_and_then_the_error(read: Read) -> None:
    with tcp.end() as (fd, peer):
        parked_once = parked(netpoll.go(read, fd, 100))
        peer.sendall(b"x")
        parked_once.join()
        reader = parked(netpoll.go(read, fd, 100))
        peer.sendall(b"last")
        assert reader.join(timeout=5) == b"last"
        reset(peer)
        assert isinstance(
            netpoll.go(raised, lambda: read(fd, 100)).join(timeout=5), ConnectionResetError
        )


@in_run
def test_a_reset_wakes_reader_and_writer() -> None:
    seen: list[object] = []

    def notes(operation: Operation) -> None:
        try:
            seen.append(operation())
        except OSError as error:
            seen.append(type(error))

    with tcp.end() as (fd, peer):
        tcp.fill(fd, peer)
        both = [
            parked(netpoll.go(notes, operation))
            for operation in (lambda: fd.read_bytes(1), lambda: fd.write(b"x"))
        ]
        reset(peer)
        for goroutine in both:
            goroutine.join(timeout=5)
        # The kernel tells one of them why; for the other the connection is just over.
        assert ConnectionResetError in seen
        assert set(seen) <= {ConnectionResetError, BrokenPipeError, b""}


# ---- sizes -----------------------------------------------------------------------------------


@each_read
@in_run
def test_reading_nothing_returns_at_once(read: Read) -> None:
    with tcp.end() as (fd, peer), recorded("recv", "recvmsg") as calls:
        assert read(fd, 0) == b""
        peer.sendall(b"x")
        assert read(fd, 0) == b""
        assert calls.made == []
        assert read(fd, 1) == b"x"
        fd.settimeout(0)
        assert read(fd, 0) == b""


@in_run
def test_a_negative_size_is_refused() -> None:
    with tcp.end() as (fd, _), pytest.raises(ValueError, match="negative"):
        fd.read_bytes(-1)


@in_run
def test_what_cannot_be_written_to_cannot_be_read_into() -> None:
    with tcp.end() as (fd, peer):
        wrongs: list[Any] = [b"bytes", "text", memoryview(b"x"), None]
        for wrong in wrongs:
            with pytest.raises((BufferError, TypeError)):
                fd.readinto(wrong)
        peer.sendall(b"abc")
        buffer = bytearray(5)
        assert fd.readinto(memoryview(buffer)[1:3]) == 2
        assert buffer == b"\0ab\0\0"
        buffer.append(0)  # the buffer is not held


@in_run
def test_a_big_read_that_gets_little_holds_little() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"abc")
        data = fd.read_bytes(1 << 24)
        assert data == b"abc"
        assert sys.getsizeof(data) == sys.getsizeof(b"abc")


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.integers(1, 200_000), min_size=1, max_size=8),
    st.lists(st.sampled_from([1, 7, 4096, 8191, 8192, 65535, 65536, 65537, 1 << 20]), min_size=1),
)
def test_any_sizes_of_writes_and_reads_give_the_same_stream(
    writes: list[int], reads: list[int]
) -> None:
    sent = random.Random(3).randbytes(sum(writes))

    def writer(fd: StreamFD) -> None:
        at = 0
        for size in writes:
            fd.write(sent[at : at + size])
            at += size
        fd.shutdown(1)

    def main() -> None:
        with tcp.ends() as (a, b):
            writing = netpoll.go(writer, a)
            got = bytearray()
            turn = 0
            while more := b.read_bytes(max(reads[turn % len(reads)], len(sent) // 500)):
                got += more
                turn += 1
            assert got == sent
            writing.join()

    netpoll.run(main)


# ---- interruptions ---------------------------------------------------------------------------


@each_read
@in_run
def test_an_interrupted_read_is_tried_again(read: Read) -> None:
    with tcp.end() as (fd, peer):
        with answering(**receives(fd, *[-errno.EINTR] * 5)):
            peer.sendall(b"x")
            assert read(fd, 10) == b"x"
        reader = parked(netpoll.go(read, fd, 10))
        with answering(**receives(fd, *[-errno.EINTR] * 5)):
            peer.sendall(b"y")
            assert reader.join(timeout=5) == b"y"


@each_read
@pytest.mark.parametrize(
    "code", [errno.ECONNRESET, errno.ETIMEDOUT, errno.EHOSTUNREACH, errno.ENOMEM, errno.EIO]
)
@in_run
def test_an_error_of_a_read_is_raised_and_leaves_the_descriptor_usable(
    read: Read, code: int
) -> None:
    with tcp.end() as (fd, peer):
        with answering(**receives(fd, -code)):
            error = raised(lambda: read(fd, 10))
        assert isinstance(error, OSError)
        assert error.errno == code
        assert type(error) is type(OSError(code, ""))
        peer.sendall(b"x")
        assert read(fd, 10) == b"x"


@in_run
def test_a_cancelled_reader_leaves_the_data_to_the_next() -> None:
    with tcp.end() as (fd, peer):
        for _ in range(20):
            reader = parked(netpoll.go(raised, lambda: fd.read_bytes(10)))
            peer.sendall(b"x")
            reader.cancel()
            assert isinstance(reader.join(), netpoll.Cancelled)
            assert fd.read_bytes(10) == b"x"


@in_run
def test_a_reader_cancelled_at_any_step_takes_a_whole_message_or_none() -> None:
    """The data arrives before, at and after each step at which the cancellation may hit."""
    for before in range(4):
        for after in range(4):
            with tcp.end() as (fd, peer):
                seen: list[bytes] = []

                def reads(fd: StreamFD = fd, seen: list[bytes] = seen) -> None:
                    seen.append(fd.read_bytes(10))

                reader = netpoll.go(reads)
                for _ in range(before):
                    netpoll.sleep(0)
                peer.sendall(b"message")
                for _ in range(after):
                    netpoll.sleep(0)
                reader.cancel()
                while not reader.done:
                    netpoll.gosched()
                if not seen:
                    with pytest.raises(netpoll.GoroutineCancelled):
                        reader.join()
                    seen.append(fd.read_bytes(10))
                assert seen == [b"message"]


# ---- with a peer on a thread of its own ------------------------------------------------------


@in_run
def test_a_thread_that_sends_while_we_read_loses_nothing() -> None:
    sent = random.Random(4).randbytes(300_000)

    def sends(peer: socket.socket) -> None:
        at, sizes = 0, random.Random(5)
        while at < len(sent):
            size = sizes.choice([1, 2, 3, 1000, 5000])
            peer.sendall(sent[at : at + size])
            at += size
        peer.shutdown(socket.SHUT_WR)

    with tcp.end() as (fd, peer):
        thread = threading.Thread(target=sends, args=(peer,))
        thread.start()
        sizes = random.Random(6)
        got = bytearray()
        while more := fd.read_bytes(sizes.choice([1, 3, 100, 3000, 100_000])):
            got += more
        thread.join()
        assert got == sent

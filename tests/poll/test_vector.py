"""readv and writev: several buffers, one system call."""

import errno
import random
from array import array
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import netpoll
from netpoll._poll.stream_fd import StreamFD
from netpoll._poll.vector import readv, writev
from tests import tcp
from tests.kernel import answering, one_by_one, recorded
from tests.running import in_run, parked

if TYPE_CHECKING:
    from typing_extensions import Buffer


def filled(sizes: list[int]) -> list[bytearray]:
    return [bytearray(size) for size in sizes]


# ---- reading ---------------------------------------------------------------------------------


@in_run
def test_buffers_are_filled_one_after_the_other_by_one_call() -> None:
    with tcp.end() as (fd, peer), recorded("recvmsg", "recv") as calls:
        peer.sendall(b"one three")
        parts = filled([3, 0, 1, 20])
        assert readv(fd, parts) == 9
        assert b"".join(parts)[:9] == b"one three"
        assert calls.made == [("recvmsg", (fd.fileno(), 24, 0))]


@settings(max_examples=100, deadline=None)
@given(
    st.lists(st.integers(0, 9), max_size=12).filter(any),
    st.lists(st.integers(1, 40), min_size=1, max_size=5),
)
def test_whatever_the_sizes_all_bytes_come_once_and_in_order(
    sizes: list[int], messages: list[int]
) -> None:
    whole = random.Random(1).randbytes(sum(messages))

    def main() -> None:
        with tcp.end() as (fd, peer):
            peer.sendall(whole)
            got = bytearray()
            while len(got) < len(whole):
                parts = filled(sizes)
                size = readv(fd, parts)
                assert size > 0
                got += b"".join(parts)[:size]
            assert got == whole

    netpoll.run(main)


@in_run
def test_any_writable_buffer_can_be_read_into() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"abcdefg")
        numbers = array("H", [0, 0])
        middle = bytearray(4)
        parts: list[Buffer] = [numbers, memoryview(middle)[1:3], bytearray(9)]
        assert readv(fd, iter(parts)) == 7
        assert numbers.tobytes() == b"abcd"
        assert middle == b"\0ef\0"
        del parts
        middle.append(0)  # no buffer is held


@in_run
def test_what_cannot_be_read_into_is_refused_before_anything_is_read() -> None:
    with tcp.end() as (fd, peer), recorded("recvmsg") as calls:
        peer.sendall(b"data")
        good = bytearray(1)
        wrongs: list[Any] = [b"bytes", "text", 5, None, memoryview(bytearray(9))[::2]]
        for wrong in wrongs:
            with pytest.raises((BufferError, TypeError)):
                readv(fd, [good, wrong])
            good.append(0)
        for no_list in (5, None):
            with pytest.raises(TypeError):
                readv(fd, no_list)  # type: ignore[arg-type]
        assert calls.made == []


@in_run
def test_more_buffers_than_the_kernel_takes_leave_the_rest_for_the_next_read() -> None:
    with tcp.end() as (fd, peer):
        sent = random.Random(2).randbytes(2500)
        peer.sendall(sent)
        parts = filled([1] * 2000)
        with recorded("recvmsg") as calls:
            assert readv(fd, parts) == 1024
            assert calls.made == [("recvmsg", (fd.fileno(), 1024, 0))]
        # A read that was short, but only of buffers, has not emptied the queue: so this finds more.
        assert b"".join(parts[:1024]) == sent[:1024]
        assert netpoll.go(fd.read_bytes, 5000).join(timeout=5) == sent[1024:]


@in_run
def test_empty_buffers_are_none_of_those_that_the_kernel_takes() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"data")
        parts = filled([0] * 5000 + [2, 0, 2])
        assert readv(fd, parts) == 4
        assert b"".join(parts) == b"data"


@in_run
def test_a_short_read_is_followed_by_a_wait_and_a_full_one_by_a_try() -> None:
    with tcp.end() as (fd, peer), recorded("recvmsg") as calls:
        peer.sendall(b"abc")
        assert readv(fd, filled([1, 1])) == 2
        assert readv(fd, filled([1, 1])) == 1
        assert len(calls.made) == 2
        reader = parked(netpoll.go(readv, fd, filled([1, 1])))
        assert len(calls.made) == 2
        peer.sendall(b"d")
        assert reader.join(timeout=5) == 1


@pytest.mark.parametrize("code", [errno.ECONNRESET, errno.EIO])
@in_run
def test_an_error_frees_lock_and_buffers(code: int) -> None:
    with tcp.end() as (fd, peer):
        buffer = bytearray(4)
        with answering(recvmsg=one_by_one(-errno.EINTR, -code)):
            with pytest.raises(OSError) as caught:
                readv(fd, [buffer])
        assert caught.value.errno == code
        buffer.append(0)
        peer.sendall(b"data")
        assert readv(fd, [buffer]) == 4


@in_run
def test_a_reader_that_is_cancelled_frees_lock_and_buffers() -> None:
    with tcp.end() as (fd, peer):
        buffer = bytearray(4)
        reader = parked(netpoll.go(readv, fd, [buffer]))
        with pytest.raises(BufferError):
            buffer.append(0)
        reader.cancel()
        with pytest.raises(netpoll.GoroutineCancelled):
            reader.join()
        buffer.append(0)
        peer.sendall(b"data")
        assert readv(fd, [buffer]) == 4


# ---- writing ---------------------------------------------------------------------------------


@in_run
def test_the_function_and_the_method_are_one() -> None:
    with tcp.end() as (fd, peer):
        assert writev(fd, [b"a", bytearray(b"b"), array("H", [0x6363])]) == 4
        assert fd.writev([b"d"]) == 1
        assert tcp.receive_exactly(peer, 5) == b"abccd"
        peer.sendall(b"xyz")
        part = bytearray(1)
        assert (readv(fd, [part]), fd.readv([part, bytearray(9)])) == (1, 2)


@in_run
def test_a_writer_that_is_cancelled_frees_lock_and_buffers() -> None:
    with tcp.end() as (fd, peer):
        taken = tcp.fill(fd, peer)
        buffer = bytearray(4)
        writer = parked(netpoll.go(writev, fd, [buffer, b"x"]))
        with pytest.raises(BufferError):
            buffer.append(0)
        writer.cancel()
        with pytest.raises(netpoll.GoroutineCancelled):
            writer.join()
        buffer.append(0)
        netpoll.blocking(tcp.receive_exactly, peer, taken)
        assert writev(fd, [buffer]) == 5


@in_run
def test_vectors_cross_in_both_directions() -> None:
    sent = random.Random(3).randbytes(300_000)

    def writes(fd: StreamFD) -> None:
        chance = random.Random(4)
        at = 0
        while at < len(sent):
            sizes = [chance.randrange(3000) for _ in range(chance.randrange(1, 30))]
            pieces = []
            for size in sizes:
                pieces.append(sent[at : at + size])
                at += size
            writev(fd, pieces)

    with tcp.ends() as (a, b):
        writers = [netpoll.go(writes, end) for end in (a, b)]
        chance = random.Random(5)
        for end in (a, b):
            got = bytearray()
            while len(got) < len(sent):
                parts = filled([chance.randrange(5000) for _ in range(chance.randrange(1, 9))])
                size = readv(end, parts)
                got += b"".join(parts)[:size]
            assert got == sent
        for writer in writers:
            writer.join(timeout=5)

"""Network "unixpacket": a connection that keeps messages apart, and in order."""

import errno
import random

import pytest

from netpoll import DeadlineExceeded, OpError, go
from tests.kernel import recorded
from tests.net.unix_ends import connected
from tests.running import in_run, parked

NETWORK = "unixpacket"


@in_run
def test_a_write_is_one_message_and_a_read_takes_one() -> None:
    with connected(NETWORK) as (near, far), recorded("send", "sendmsg") as calls:
        near.write(b"one")
        near.write(b"")
        assert near.writev([b"th", b"", b"ree"]) == 5
        assert len(calls.made) == 3
        buffer = bytearray(10)
        assert (far.read(), far.read()) == (b"one", b"")
        assert bytes(buffer[: far.readinto(buffer)]) == b"three"


@in_run
def test_a_message_may_be_of_more_buffers_than_the_kernel_takes() -> None:
    with connected(NETWORK) as (near, far):
        assert near.sendmsg([b"ab"] * 1500) == 3000
        assert far.read() == b"ab" * 1500


@in_run
def test_what_has_no_room_is_lost() -> None:
    with connected(NETWORK) as (near, far):
        near.write(b"too long")
        near.write(b"next")
        assert (far.read(3), far.read(100)) == (b"too", b"next")
        near.write(b"dropped unseen")
        near.write(b"next")
        assert far.read(0) == b""
        assert far.read(1) == b"d"
        assert far.read() == b"next"


@pytest.mark.parametrize("size", [1, 4096, 65_536, 100_000])
@in_run
def test_messages_of_any_size_are_whole(size: int) -> None:
    with connected(NETWORK) as (near, far):
        data = random.randbytes(size)
        for _ in range(3):
            writer = go(near.write, data)
            assert far.read(size) == data
            assert writer.join() == size


@in_run
def test_a_message_larger_than_the_buffer_is_refused() -> None:
    with connected(NETWORK) as (near, far):
        with pytest.raises(OpError, match=r"^write unixpacket .*message too long$") as caught:
            near.write(bytes(16 << 20))
        assert (caught.value.errno, caught.value.bytes_written) == (errno.EMSGSIZE, 0)
        near.write(b"still there")
        assert far.read() == b"still there"


@in_run
def test_who_writes_waits_for_who_reads() -> None:
    with connected(NETWORK) as (near, far):
        near.settimeout(0)
        sent = 0
        with pytest.raises(DeadlineExceeded):
            while True:
                near.write(sent.to_bytes(4, "little") * 250)
                sent += 1
        near.settimeout(None)
        writer = parked(go(near.write, b"at last"))
        for number in range(sent):
            assert far.read() == number.to_bytes(4, "little") * 250
        assert far.read() == b"at last"
        assert writer.join(timeout=5) == 7


@in_run
def test_the_end_is_that_of_a_stream() -> None:
    with connected(NETWORK) as (near, far):
        near.write(b"last words")
        near.close()
        assert [far.read(), far.read(), far.read()] == [b"last words", b"", b""]
        with pytest.raises(BrokenPipeError) as caught:
            far.write(b"nobody there")
        assert caught.value.bytes_written == 0  # type: ignore[attr-defined]

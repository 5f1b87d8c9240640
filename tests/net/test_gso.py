"""Many datagrams as one: cut on their way out, glued on their way in."""

import errno

import pytest

from netpoll import OpError
from tests import udp
from tests.poll.test_segments import needs_gro, needs_gso
from tests.running import in_run


@in_run
def test_segments_are_datagrams_to_who_receives_them() -> None:
    with udp.listen() as here, udp.listen() as there:
        data = bytes(range(250)) * 5
        assert here.write_segments(data, 500, there.local_addr) == 1250
        assert here.write_segments(memoryview(data)[:7], 500, str(there.local_addr)) == 7
        received = [there.read_from() for _ in range(4)]
        assert received == [
            (part, here.local_addr) for part in (data[:500], data[500:1000], data[1000:], data[:7])
        ]
    with udp.connected() as (near, far):
        assert near.write_segments(b"aab", 2) == 3
        assert [far.read(), far.read()] == [b"aa", b"b"]


@in_run
def test_segments_over_a_path_of_small_packets_arrive_all_the_same() -> None:
    # The loopback takes packets of 64 KiB; with this option of the socket it is as if it did not.
    ip_mtu_discover, probe = 10, 3
    with udp.connected() as (near, far):
        near.setsockopt(0, ip_mtu_discover, probe)
        far.set_read_buffer(1 << 20)
        assert near.write_segments(bytes(180_000), 60_000) == 180_000
        assert [len(far.read()) for _ in range(3)] == [60_000] * 3


@needs_gso
@needs_gro
@in_run
def test_what_is_glued_comes_by_batches_or_as_a_message_that_tells() -> None:
    with udp.connected() as (near, far):
        far.set_gro(True)
        near.write_segments(b"aaaabbbbcc", 4)
        for read in (far.read, far.read_from, lambda: far.readinto(bytearray(10))):
            with pytest.raises(OpError) as caught:
                read()
            assert caught.value.errno == errno.EINVAL
        sender = near.local_addr
        assert far.read_batch() == [(b"aaaa", sender), (b"bbbb", sender), (b"cc", sender)]
        near.write_segments(b"aaaabbbbcc", 4)
        message = far.recvmsg(100, 100)
        assert message.data == b"aaaabbbbcc"
        ((level, kind, size),) = message.control
        assert (level, kind, int.from_bytes(size, "little")) == (17, 104, 4)
        far.set_gro(False)
        near.write_segments(b"aab", 2)
        assert [far.read(), far.read()] == [b"aa", b"b"]

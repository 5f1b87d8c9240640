"""Many datagrams as one: cut on their way out, glued on their way in."""

import errno
import socket
from collections.abc import Callable
from contextlib import suppress

import pytest

from netpoll import OpError, go, net
from tests import tcp, udp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.test_segments import needs_gro, needs_gso
from tests.running import in_run, parked

UDP, UDP_GRO = 17, 104


def taken_over(conn: net.UDPConn) -> net.UDPConn:
    """Turn merging on unseen; return the same socket as others get it."""
    with socket.socket(fileno=conn.dup()) as copy:
        copy.setsockopt(UDP, UDP_GRO, 1)
        return net.UDPConn.from_fd(copy.detach())


WAYS: dict[str, Callable[[net.UDPConn], net.UDPConn | None]] = {
    "set_gro": lambda conn: conn.set_gro(True),
    "set_option": lambda conn: conn.set_option("udp_gro", True),
    "setsockopt": lambda conn: conn.setsockopt(UDP, UDP_GRO, 1),
    "setsockopt of bytes": lambda conn: conn.setsockopt(UDP, UDP_GRO, b"\1\0\0\0"),
    "from_fd": taken_over,
}


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


@needs_gso
@in_run
def test_a_target_that_cannot_be_reached_leaves_the_others_their_segments() -> None:
    with udp.listen() as here, udp.listen() as there:
        with pytest.raises(OpError, match="invalid argument"):
            here.write_segments(b"aabbcc", 2, "127.0.0.1:0")
        with recorded("sendmsg") as calls:
            here.write_segments(b"aabbcc", 2, there.local_addr)
        assert len(calls.made) == 1
        assert [there.read_from()[0] for _ in range(3)] == [b"aa", b"bb", b"cc"]


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


@pytest.mark.parametrize("way", WAYS)
@needs_gso
@needs_gro
@in_run
def test_however_gluing_was_turned_on_no_boundary_is_lost(way: str) -> None:
    with udp.connected() as (near, far), WAYS[way](far) or far as end:
        near.write_segments(b"aaaabbbbcc", 4)
        with pytest.raises(OpError) as caught:
            end.read()
        assert caught.value.errno == errno.EINVAL
        assert [data for data, _ in end.read_batch()] == [b"aaaa", b"bbbb", b"cc"]
        end.setsockopt(UDP, UDP_GRO, 0)
        near.write_segments(b"aab", 2)
        assert [end.read(), end.read()] == [b"aa", b"b"]


@needs_gso
@needs_gro
@in_run
def test_who_waits_while_gluing_is_turned_on_gets_nothing_glued() -> None:
    with udp.connected() as (near, far):
        for read in (far.read, lambda: far.readinto(bytearray(20))):
            far.set_gro(False)
            reader = parked(go(read))
            far.set_gro(True)
            near.write_segments(b"aaaabbbbcc", 4)
            with pytest.raises(OpError) as caught:
                reader.join(timeout=5)
            assert caught.value.errno == errno.EINVAL
            assert [data for data, _ in far.read_batch()] == [b"aaaa", b"bbbb", b"cc"]


@needs_gso
@needs_gro
@in_run
def test_what_else_the_kernel_tells_leaves_room_for_the_boundaries() -> None:
    timestamp_ns, timestamping, overflow, mark, priority = 35, 37, 40, 75, 82
    with udp.connected() as (near, far):
        for option, value in ((timestamp_ns, 1), (timestamping, 0x58), (overflow, 1)):
            far.setsockopt(socket.SOL_SOCKET, option, value)
        for option in (mark, priority):
            with suppress(OpError):  # Linux 5.19, 6.14
                far.setsockopt(socket.SOL_SOCKET, option, 1)
        far.set_gro(True)
        near.write_segments(b"aaaabbbbcc", 4)
        assert [data for data, _ in far.read_batch()] == [b"aaaa", b"bbbb", b"cc"]


@needs_gro
@in_run
def test_boundaries_that_were_cut_off_are_missed() -> None:
    with udp.connected() as (near, far):
        far.set_gro(True)
        sender = tcp.raw((near.local_addr.ip, near.local_addr.port))
        cut = [(b"aaaabb", b"", socket.MSG_CTRUNC, sender), (b"cc", b"", 0, sender)]
        with answering(recvmmsg=on(far.fileno(), one_by_one(cut))):
            messages = far.read_batch(messages=True)
        assert [(message.data, message.flags) for message in messages] == [
            (b"aaaabb", socket.MSG_CTRUNC),
            (b"cc", 0),
        ]


@in_run
def test_an_option_that_is_refused_changes_nothing() -> None:
    with udp.connected() as (near, far):
        with pytest.raises(OpError):
            far.setsockopt(UDP, UDP_GRO, b"\1")  # shorter than an int
        near.write(b"data")
        assert far.read() == b"data"

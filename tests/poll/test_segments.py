"""Datagrams of one size that the kernel cuts, and glues; or that are sent one by one."""

import errno
import socket

import pytest

from netpoll._poll.batch import receive_batch
from netpoll._poll.segments import send_segments
from tests import tcp, udp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operation import raised
from tests.running import in_run

UDP_SEGMENT, UDP_GRO = 103, 104


def can(option: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.setsockopt(socket.IPPROTO_UDP, option, 1)
        except OSError:
            return False
    return True


needs_gso = pytest.mark.skipif(not can(UDP_SEGMENT), reason="this kernel cuts no datagrams")
needs_gro = pytest.mark.skipif(not can(UDP_GRO), reason="this kernel glues no datagrams")


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 2000, 2500])
@in_run
def test_data_is_sent_in_datagrams_of_one_size_and_the_rest(size: int) -> None:
    data = bytes(range(256)) * 10
    with udp.end() as (fd, peer):
        assert send_segments(fd, data[:size], 1000) == size
        expected = [data[start : min(start + 1000, size)] for start in range(0, size, 1000)]
        assert [peer.recv(5000) for _ in expected] == expected
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(10)


@needs_gso
@in_run
def test_the_kernel_gets_as_many_at_once_as_it_cuts() -> None:
    with udp.end() as (fd, peer), recorded("sendmsg") as calls:
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        send_segments(fd, bytes(100 * 10), 10)  # no more than 64
        send_segments(fd, bytes(100_000), 1400)  # no more than one datagram has room for
        sizes = [len(b"".join(data)) for _, data in calls.of("sendmsg")]
        assert sizes == [640, 360, 46 * 1400, 100_000 - 46 * 1400]


@pytest.mark.parametrize("code", [errno.EIO, errno.EOPNOTSUPP])
@needs_gso
@in_run
def test_where_the_kernel_does_not_cut_they_are_sent_one_by_one_from_then_on(code: int) -> None:
    with udp.end() as (fd, peer):
        with answering(sendmsg=on(fd.fileno(), one_by_one(-code))):
            assert send_segments(fd, b"aaabbbc", 3) == 7
        assert [peer.recv(10) for _ in range(3)] == [b"aaa", b"bbb", b"c"]
        with recorded("sendmsg") as calls:
            send_segments(fd, b"dde", 2)
        assert [data for _, data in calls.of("sendmsg")] == [[b"dd"], [b"e"]]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.EMSGSIZE])
@needs_gso
@in_run
def test_what_may_be_wrong_with_one_target_concerns_one_call_alone(code: int) -> None:
    with udp.end() as (fd, peer):
        with answering(sendmsg=on(fd.fileno(), one_by_one(-code))):
            assert send_segments(fd, b"aaabbbc", 3) == 7
        assert [peer.recv(10) for _ in range(3)] == [b"aaa", b"bbb", b"c"]
        with recorded("sendmsg") as calls:
            send_segments(fd, b"dde", 2)
        assert [data for _, data in calls.of("sendmsg")] == [[b"dde"]]
        assert [peer.recv(10) for _ in range(2)] == [b"dd", b"e"]


@in_run
def test_a_kernel_that_does_not_know_how_to_cut_is_not_asked_to() -> None:
    # It would take no notice of the wish, and send all as one.
    with udp.end() as (fd, peer):
        with recorded("sendmsg") as calls:
            with answering(getsockopt=on(fd.fileno(), lambda *_: -errno.ENOPROTOOPT)):
                send_segments(fd, b"aab", 2)
        assert [data for _, data in calls.of("sendmsg")] == [[b"aa"], [b"b"]]
        assert [peer.recv(10) for _ in range(2)] == [b"aa", b"b"]


@in_run
def test_an_error_in_the_midst_says_how_much_was_sent_before_it() -> None:
    with udp.end() as (fd, _):
        with answering(sendmsg=on(fd.fileno(), one_by_one(640, -errno.EINTR, -errno.ENOBUFS))):
            error = raised(lambda: send_segments(fd, bytes(1000), 10))
        assert isinstance(error, OSError)
        assert error.errno == errno.ENOBUFS
        assert error.bytes_written > 0  # type: ignore[attr-defined]
        assert error.bytes_written % 10 == 0  # type: ignore[attr-defined]


@in_run
def test_a_datagram_that_is_too_large_for_any_is_refused() -> None:
    with udp.end() as (fd, _):
        error = raised(lambda: send_segments(fd, bytes(140_000), 70_000))
        assert isinstance(error, OSError)
        assert error.errno == errno.EMSGSIZE
        for size in (0, -1):
            with pytest.raises(ValueError, match="at least one byte"):
                send_segments(fd, b"x", size)


@needs_gso
@needs_gro
@in_run
def test_what_was_glued_is_given_back_cut() -> None:
    with udp.end() as (fd, peer):
        fd.setsockopt(socket.IPPROTO_UDP, UDP_GRO, 1)
        fd.merges = True
        peer.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 4)
        peer.send(b"aaaabbbbcc")
        peer.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 0)
        peer.send(b"alone")
        peer.send(b"")
        with recorded("recvmmsg") as calls:
            batch = receive_batch(fd, 8, 100)
        sender = tcp.raw(peer.getsockname())
        parts = [b"aaaa", b"bbbb", b"cc", b"alone", b""]
        assert batch == [(data, sender, 0) for data in parts]
        assert len(calls.made) == 1
        peer.setsockopt(socket.IPPROTO_UDP, UDP_SEGMENT, 4)
        peer.send(b"aaaabbbbcc")
        cut = socket.MSG_TRUNC
        batch = receive_batch(fd, 8, 3)
        assert [(data, flags) for data, _, flags in batch] == [
            (b"aaa", cut),
            (b"bbb", cut),
            (b"cc", 0),
        ]

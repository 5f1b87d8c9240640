"""Many datagrams with one call."""

import errno
import socket
from typing import TYPE_CHECKING, TypeAlias

import pytest

import netpoll
from netpoll import DeadlineExceeded, go
from netpoll._poll.batch import receive_batch, send_batch
from netpoll._poll.packet_fd import PacketFD
from tests import tcp, udp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operation import raised
from tests.running import in_run, parked

if TYPE_CHECKING:
    from typing_extensions import Buffer

Letter: TypeAlias = "tuple[Buffer, bytes | None]"


@in_run
def test_a_batch_is_what_is_there_up_to_a_number() -> None:
    with udp.end() as (fd, peer):
        sender = tcp.raw(peer.getsockname())
        for number in range(10):
            peer.send(bytes([number]) * number)
        first = receive_batch(fd, 4, 100)
        assert first == [(bytes([n]) * n, sender, 0) for n in range(4)]
        assert [data for data, _, _ in receive_batch(fd, 100, 100)] == [
            bytes([n]) * n for n in range(4, 10)
        ]


@in_run
def test_the_first_datagram_is_waited_for_and_the_others_are_not() -> None:
    with udp.end() as (fd, peer):
        reader = parked(go(receive_batch, fd, 8, 100))
        peer.send(b"alone")
        assert [data for data, _, _ in reader.join(timeout=5)] == [b"alone"]
        fd.settimeout(0)
        with pytest.raises(DeadlineExceeded):
            receive_batch(fd, 8, 100)


@in_run
def test_a_datagram_that_was_cut_says_so() -> None:
    with udp.end() as (fd, peer):
        for data in (b"12345", b"123", b"", b"123456"):
            peer.send(data)
        cut = socket.MSG_TRUNC
        batch = [(data, flags) for data, _, flags in receive_batch(fd, 8, 4)]
        assert batch == [(b"1234", cut), (b"123", 0), (b"", 0), (b"1234", cut)]


@in_run
def test_a_batch_may_have_room_for_no_bytes_and_for_more_than_there_can_be() -> None:
    with udp.end() as (fd, peer):
        for size in (0, 1 << 40):
            peer.send(b"data")
            assert len(receive_batch(fd, 2, size)) == 1
    for count, size in ((0, 1), (-1, 1), (1, -1)):
        with udp.end() as (fd, _), pytest.raises(ValueError, match="batch"):
            receive_batch(fd, count, size)


@pytest.mark.parametrize("size", [2**53, 2**54, 2**54 + 1, 2**63 - 1])
@in_run
def test_room_that_no_machine_has_is_refused_and_not_counted_round(size: int) -> None:
    # A Unix socket bounds its datagrams by its buffers alone; 1,024 times 2**54 is 0 in 64 bits.
    with udp.unix_end() as (fd, peer):
        peer.send(b"data")
        assert isinstance(raised(lambda: receive_batch(fd, 1024, size)), MemoryError)
        assert [data for data, _, _ in receive_batch(fd, 8, 100)] == [b"data"]


@in_run
def test_the_room_of_one_batch_is_the_next_ones_and_keeps_nothing_of_it() -> None:
    # Large, then small, then of other sizes, and none sees what another has left behind.
    with udp.end() as (fd, peer), udp.unix_end() as (other, friend):
        for size in (65_000, 3, 0, 900):
            peer.send(b"x" * size)
            friend.send(b"y" * min(size, 1000))
            for count, most in ((64, 65_536), (3, 65_536), (64, 100)):
                peer.send(b"z" * 99)
                got = receive_batch(fd, count, most)
                assert {data.strip(b"xz") for data, _, _ in got} == {b""}
            assert receive_batch(other, 64, 65_536)[0][0] == b"y" * min(size, 1000)


@in_run
def test_who_reads_a_batch_while_another_is_made_has_room_of_his_own() -> None:
    # What is freed meanwhile may run a user's code, and that may read as well.
    with udp.end() as (fd, peer), udp.end() as (other, friend):
        inner: list[bytes] = []

        class Reading(tuple[bytes, bytes, int, bytes]):
            __slots__ = ()

            def __del__(self) -> None:
                friend.send(b"inner")
                inner.extend(data for data, _, _ in receive_batch(other, 8, 100))

        def answer(*_: object) -> list[Reading]:
            return [Reading((b"outer", b"", 0, tcp.raw(peer.getsockname())))]

        for _ in range(2):
            with answering(recvmmsg=on(fd.fileno(), answer)):
                assert [data for data, _, _ in receive_batch(fd, 8, 100)] == [b"outer"]
        assert inner == [b"inner"] * 2


@in_run
def test_a_batch_is_sent_to_several_addresses() -> None:
    with udp.bound() as here, udp.bound() as one, udp.bound() as two:
        fd = PacketFD.adopt(here.detach())
        addresses = [tcp.raw(end.getsockname()) for end in (one, two)]
        letters: list[Letter] = [
            (b"a", addresses[0]),
            (bytearray(b"b"), addresses[1]),
            (b"", addresses[0]),
        ]
        assert send_batch(fd, letters) == 3
        assert [one.recv(10), one.recv(10), two.recv(10)] == [b"a", b"", b"b"]
        assert send_batch(fd, []) == 0
        fd.close()


@in_run
def test_more_than_the_kernel_takes_at_once_are_sent_all_the_same() -> None:
    with udp.end() as (fd, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 22)
        with recorded("sendmmsg") as calls:
            assert send_batch(fd, [(b"%d" % number, None) for number in range(2500)]) == 2500
        assert [len(data) for _, data in calls.of("sendmmsg")][:3] == [1024, 1024, 452]
        peer.settimeout(0.5)
        assert peer.recv(10) == b"0"


@pytest.mark.parametrize("hindrance", [1, 2, -errno.EAGAIN, -errno.EINTR])
@in_run
def test_a_batch_goes_on_after_a_part_of_it(hindrance: int) -> None:
    with udp.end() as (fd, peer):
        with answering(sendmmsg=on(fd.fileno(), one_by_one(hindrance))):
            assert send_batch(fd, [(b"%d" % number, None) for number in range(5)]) == 5
        skipped = max(hindrance, 0)  # what the answer says was sent, and was not
        expected = [b"%d" % number for number in range(skipped, 5)]
        assert [peer.recv(10) for _ in expected] == expected


@pytest.mark.parametrize("call", [-errno.EINTR, -errno.EAGAIN])
@in_run
def test_a_batch_is_received_at_the_second_try(call: int) -> None:
    with udp.end() as (fd, peer):
        peer.send(b"x")
        with answering(recvmmsg=on(fd.fileno(), one_by_one(call))):
            assert receive_batch(fd, 8, 100)[0][0] == b"x"
        with answering(recvmmsg=on(fd.fileno(), one_by_one(-errno.ECONNREFUSED))):
            assert isinstance(raised(lambda: receive_batch(fd, 8, 1)), ConnectionRefusedError)


@in_run
def test_an_error_in_the_midst_says_what_was_sent_before_it() -> None:
    with udp.end() as (fd, peer):
        error = raised(lambda: send_batch(fd, [(b"12", None), (bytes(70_000), None), (b"3", None)]))
        assert isinstance(error, OSError)
        assert error.errno == errno.EMSGSIZE
        assert (error.messages_written, error.bytes_written) == (1, 2)  # type: ignore[attr-defined]
        assert peer.recv(10) == b"12"


@in_run
def test_who_runs_out_of_time_says_what_was_sent_before() -> None:
    with udp.unix_end() as (fd, peer):
        letters: list[Letter] = [(b"abc", None)] * 5000
        writer = parked(go(raised, lambda: send_batch(fd, letters)))
        fd.set_write_deadline(1e-9)
        error = writer.join()
        assert isinstance(error, netpoll.DeadlineExceeded)
        number = error.messages_written
        assert error.bytes_written == 3 * number > 0
        assert [peer.recv(10) for _ in range(number)] == [b"abc"] * number
        peer.setblocking(False)
        with pytest.raises(BlockingIOError):
            peer.recv(10)

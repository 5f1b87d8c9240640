"""Messages with control data: what is told beside the data, and descriptors that come along."""

import array
import errno
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

import netpoll
from netpoll import DeadlineExceeded, go, gosched
from netpoll._poll.message import receive_message, receive_message_into, send_message
from netpoll._poll.packet_fd import PacketFD
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from tests import tcp, udp
from tests.kernel import answering, on, one_by_one
from tests.poll.operation import raised
from tests.running import begin, in_run, parked

ROOM = socket.CMSG_SPACE(8 * 4)
IP_PKTINFO, IP_RECVTTL = 8, 12
"""Of <linux/in.h>; not every version of the socket module has them."""

Part = tuple[int, int, bytes]


def rights(*descriptors: int) -> tuple[int, int, "array.array[int]"]:
    return socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", descriptors)


def descriptors_in(control: list[Part]) -> list[int]:
    found = array.array("i")
    for level, kind, data in control:
        assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
        found.frombytes(data)
    return list(found)


@contextmanager
def stream_ends() -> Iterator[tuple[StreamFD, StreamFD]]:
    near, far = (StreamFD.adopt(end.detach()) for end in socket.socketpair())
    try:
        yield near, far
    finally:
        near.close()
        far.close()


@contextmanager
def a_pipe() -> Iterator[tuple[int, int]]:
    read_end, write_end = os.pipe()
    try:
        yield read_end, write_end
    finally:
        os.close(read_end)
        os.close(write_end)


def nothing_is_there(fd: SocketFD) -> None:
    """Take what is there, and wait in vain: then the thread has its poller, too."""
    fd.settimeout(0)
    with suppress(DeadlineExceeded):
        while True:
            receive_message(fd, 10)
    fd.settimeout(None)


def open_count() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


# ---- data ------------------------------------------------------------------------------------


@in_run
def test_a_message_is_told_with_its_sender_and_what_was_asked_to_be_told() -> None:
    with udp.end() as (fd, peer):
        fd.setsockopt(socket.IPPROTO_IP, IP_RECVTTL, 1)
        peer.setsockopt(socket.IPPROTO_IP, socket.IP_TTL, 42)
        peer.send(b"hello")
        data, control, flags, sender = receive_message(fd, 100, ROOM)
        assert (data, flags, sender) == (b"hello", 0, tcp.raw(peer.getsockname()))
        assert control == [(socket.IPPROTO_IP, socket.IP_TTL, (42).to_bytes(4, "little"))]


@pytest.mark.parametrize("size", [0, 3, 100_000])
@in_run
def test_a_message_that_was_cut_says_so(size: int) -> None:
    with udp.unix_end() as (fd, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for flags in (0, socket.MSG_TRUNC):  # that flag asks for the length of the whole
            peer.send(bytes(120_000))
            data, control, told, _ = receive_message(fd, size, flags=flags)
            assert (data, control) == (bytes(size), [])
            assert told & socket.MSG_TRUNC


@in_run
def test_a_message_may_be_looked_at_and_left() -> None:
    with udp.end() as (fd, peer):
        peer.send(b"")
        assert receive_message(fd, 100, flags=socket.MSG_PEEK)[0] == b""
        assert receive_message(fd, 100)[0] == b""


@in_run
def test_a_message_is_spread_over_several_buffers() -> None:
    with udp.end() as (fd, peer):
        parts = [bytearray(2), bytearray(), bytearray(3)]
        for sent, size, flags in ((b"abcd", 4, 0), (b"abcdefg", 5, socket.MSG_TRUNC)):
            peer.send(sent)
            got = receive_message_into(fd, parts)
            assert got == (size, [], flags, tcp.raw(peer.getsockname()))
            assert b"".join(parts)[:size] == sent[:size]


@in_run
def test_what_cannot_be_is_refused_before_a_system_call() -> None:
    with udp.end() as (fd, _):
        for operation, kind in (
            (lambda: receive_message(fd, -1), ValueError),
            (lambda: receive_message(fd, 1, -1), ValueError),
            (lambda: receive_message_into(fd, [], -1), ValueError),
            (lambda: receive_message_into(fd, [b"read-only"]), TypeError),
            (lambda: receive_message_into(fd, [3]), TypeError),  # type: ignore[list-item]
            (lambda: send_message(fd, ["text"]), TypeError),  # type: ignore[list-item]
            (lambda: send_message(fd, [b""], [(1, 2, "text")]), TypeError),  # type: ignore[list-item]
            (lambda: send_message(fd, [b""], [(1, 2)]), ValueError),  # type: ignore[list-item]
        ):
            assert type(raised(operation)) is kind


@pytest.mark.parametrize("call", ["recvmsg", "sendmsg"])
@in_run
def test_an_interrupted_call_is_made_again(call: str) -> None:
    with udp.end() as (fd, peer):
        peer.send(b"x")
        with answering(**{call: on(fd.fileno(), one_by_one(-errno.EINTR))}):
            assert send_message(fd, [b"y"]) == 1
            assert receive_message(fd, 10)[0] == b"x"
        with answering(**{call: on(fd.fileno(), one_by_one(-errno.ENOBUFS))}):
            error = raised(lambda: (send_message(fd, [b"y"]), receive_message(fd, 10)))
        assert isinstance(error, OSError)
        assert error.errno == errno.ENOBUFS


@in_run
def test_pieces_are_one_datagram_however_many_there_are() -> None:
    with udp.end() as (fd, peer):
        assert send_message(fd, [b"ab", b"", bytearray(b"cd")]) == 4
        assert peer.recv(10) == b"abcd"
        assert send_message(fd, []) == 0
        assert peer.recv(10) == b""
        parts = [b"%d," % number for number in range(1025)]
        whole = b"".join(parts)
        assert send_message(fd, parts) == len(whole)
        assert peer.recv(10_000) == whole
    with tcp.end() as (fd, peer):
        assert send_message(fd, [b"x"] * 3000) == 3000
        assert tcp.receive_exactly(peer, 3000) == b"x" * 3000


@in_run
def test_a_message_is_spread_over_more_buffers_than_the_kernel_takes() -> None:
    data = bytes(range(256)) * 6
    with udp.end() as (fd, peer):
        peer.send(data)
        parts = [bytearray(1) for _ in range(1500)]
        got = receive_message_into(fd, parts)
        assert got == (1500, [], socket.MSG_TRUNC, tcp.raw(peer.getsockname()))
        assert b"".join(parts) == data[:1500]
        peer.send(b"short")
        parts = [bytearray(b"??") for _ in range(1500)]
        assert receive_message_into(fd, parts)[0] == 5
        assert b"".join(parts) == b"short" + b"?" * 2995
    with tcp.end() as (fd, peer):
        peer.sendall(data)
        parts = [bytearray(1) for _ in range(1500)]
        first = receive_message_into(fd, parts)[0]
        assert 0 < first <= 1024
        assert b"".join(parts)[:first] == data[:first]


@in_run
def test_who_sends_a_message_may_say_by_which_address() -> None:
    with udp.bound() as here:
        fd = PacketFD.adopt(here.detach())
        with udp.bound() as other:
            assert send_message(fd, [b"x"], (), 0, tcp.raw(other.getsockname())) == 1
            assert other.recv(10) == b"x"
        fd.close()
    with udp.bound() as peer:
        fd = PacketFD.socket(socket.AF_INET, socket.SOCK_DGRAM)
        source = bytes(4) + socket.inet_aton(tcp.HOST) + bytes(4)  # struct in_pktinfo
        control = [(socket.IPPROTO_IP, IP_PKTINFO, source)]
        assert send_message(fd, [b"y"], control, 0, tcp.raw(peer.getsockname())) == 1
        data, (host, _) = peer.recvfrom(10)
        assert (data, host) == (b"y", tcp.HOST)
        fd.close()


@in_run
def test_data_that_an_edge_has_announced_is_not_lost_on_the_read_after_a_message() -> None:
    with tcp.end() as (fd, peer):
        reader = parked(go(fd.read_bytes, 100))
        peer.sendall(b"x")
        assert reader.join() == b"x"
        peer.sendall(b"abcdef")
        netpoll.sleep(0.0001)  # who has nothing else to do looks at the network: the edge is noted
        assert receive_message(fd, 2)[0] == b"ab"
        reader = begin(fd.read_bytes, 100)
        assert reader.done  # and has not waited for another edge
        assert reader.join() == b"cdef"


# ---- descriptors -----------------------------------------------------------------------------


@in_run
def test_descriptors_arrive_and_are_close_on_exec() -> None:
    with stream_ends() as (near, far), a_pipe() as (read_end, write_end):
        send_message(near, [b"two"], [rights(read_end), rights(write_end)])
        data, control, flags, _ = receive_message(far, 10, 2 * socket.CMSG_SPACE(4))
        got = descriptors_in(control)
        assert (data, flags, len(got)) == (b"two", 0, 2)
        assert not any(os.get_inheritable(number) for number in got)
        os.write(got[1], b"through")
        assert os.read(read_end, 10) == b"through"
        for number in got:
            os.close(number)


@pytest.mark.parametrize("room", [1, 15, 16, 17, 20, 24, 27, 28])
@in_run
def test_of_control_data_that_was_cut_no_descriptor_is_left_and_none_handed_out(room: int) -> None:
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        send_message(near, [b"data"], [rights(*[read_end] * 5)])
        before = open_count()
        data, control, flags, _ = receive_message(far, 10, room)
        assert (data, control) == (b"data", [])
        assert flags & socket.MSG_CTRUNC
        assert open_count() == before


@in_run
def test_of_control_data_that_was_cut_what_is_no_descriptor_is_told() -> None:
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        far.setsockopt(socket.SOL_SOCKET, socket.SO_PASSCRED, 1)
        send_message(near, [b"data"], [rights(*[read_end] * 5)])
        before = open_count()
        _, control, flags, _ = receive_message(far, 10, socket.CMSG_SPACE(12) + socket.CMSG_LEN(8))
        assert flags & socket.MSG_CTRUNC
        assert [(level, kind) for level, kind, _ in control] == [(1, socket.SCM_CREDENTIALS)]
        assert open_count() == before


@in_run
def test_whatever_memory_is_missing_for_no_descriptor_is_lost() -> None:
    testcapi = pytest.importorskip("_testcapi", reason="this Python is built without _testcapi")
    outcomes = set()
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        nothing_is_there(far)
        before = open_count()
        for failing in range(40):
            send_message(near, [b"data"], [rights(*[read_end] * 3)])
            got: list[int] = []
            testcapi.set_nomemory(failing, failing + 1)
            try:
                result = receive_message(far, 10, ROOM)
                testcapi.remove_mem_hooks()
                got = descriptors_in(result[1])
            except MemoryError:
                testcapi.remove_mem_hooks()
            outcomes.add(len(got))
            for number in got:
                os.close(number)
            if not got:
                nothing_is_there(far)
            assert open_count() == before
    assert outcomes == {0, 3}


@in_run
def test_who_is_cancelled_at_any_moment_loses_no_descriptor() -> None:
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        nothing_is_there(far)
        before = open_count()
        for moment in range(0, 130, 3):
            receiver = go(receive_message, far, 10, ROOM)
            for _ in range(moment % 7):
                gosched()
            send_message(near, [b"data"], [rights(read_end)])
            for _ in range(moment):
                gosched()
            receiver.cancel()
            try:
                control = receiver.join()[1]
            except netpoll.GoroutineCancelled:
                control = receive_message(far, 10, ROOM)[1]
            for number in descriptors_in(control):
                os.close(number)
            assert open_count() == before


@in_run
def test_who_is_cancelled_when_its_turn_is_over_has_what_it_received() -> None:
    got: list[int] = []
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        for _ in range(200):
            send_message(near, [b"x"], [rights(read_end)])

        def receive_all() -> None:
            while True:
                got.extend(descriptors_in(receive_message(far, 10, ROOM)[1]))

        receiver = go(receive_all)
        gosched()
        assert 0 < len(got) < 200  # others have their turn, although there is more
        receiver.cancel()
        with pytest.raises(netpoll.GoroutineCancelled):
            receiver.join()
        while len(got) < 200 and (found := descriptors_in(receive_message(far, 10, ROOM)[1])):
            got += found
            far.settimeout(0)
        assert len(got) == 200
        for number in got:
            os.close(number)


@in_run
def test_on_a_stream_the_descriptors_go_with_the_first_part_alone() -> None:
    size = 4 << 20
    with stream_ends() as (near, far), a_pipe() as (read_end, _):
        sender = parked(go(send_message, near, [bytes(size // 2)] * 2, [rights(read_end)]))
        left = size
        got: list[int] = []
        while left:
            data, control, flags, _ = receive_message(far, 1 << 17, ROOM)
            assert not flags & socket.MSG_CTRUNC
            got += descriptors_in(control)
            left -= len(data)
        assert sender.join() == size
        assert len(got) == 1
        os.close(got[0])


@in_run
def test_who_cannot_send_all_of_a_stream_says_how_much_was_sent() -> None:
    with stream_ends() as (near, far):
        sender = parked(go(raised, lambda: send_message(near, [bytes(3 << 20)])))
        near.set_write_deadline(1e-9)
        error = sender.join()
        assert isinstance(error, DeadlineExceeded)
        written = 0
        far.settimeout(0)
        while isinstance(got := read_or_error(far), bytes):
            written += len(got)
        assert error.bytes_written == written > 0


def read_or_error(fd: StreamFD) -> bytes | OSError:
    try:
        return bytes(fd.read_bytes(1 << 20))
    except OSError as error:
        return error

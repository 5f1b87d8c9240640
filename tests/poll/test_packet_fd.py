"""Datagrams: kept apart, cut, empty; what is reported of earlier ones; room on the way out."""

import errno
import select
import socket
import time
from pathlib import Path

import pytest

import netpoll
from netpoll import DeadlineExceeded, go, gosched
from netpoll._poll.packet_fd import PacketFD
from tests import tcp, udp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operation import raised
from tests.running import in_run, parked

SIZES = [0, 1, 1500, 65507]
FULL = 65536


# ---- what is received ------------------------------------------------------------------------


@in_run
def test_each_datagram_is_read_by_itself_an_empty_one_too() -> None:
    with udp.end() as (fd, peer):
        for size in SIZES:
            peer.send(bytes(size))
        assert [len(fd.read_bytes(FULL)) for _ in SIZES] == SIZES
        for size in SIZES:
            peer.send(bytes(size))
        buffer = bytearray(FULL)
        assert [fd.readinto(buffer) for _ in SIZES] == SIZES


@in_run
def test_what_has_no_room_is_lost_and_no_error() -> None:
    with udp.end() as (fd, peer):
        for _ in range(4):
            peer.send(b"0123456789")
        buffer = bytearray(3)
        assert fd.read_bytes(3) == b"012"
        assert fd.read_from(3) == (b"012", tcp.raw(peer.getsockname()))
        assert fd.readinto(buffer) == 3
        assert buffer == b"012"
        assert fd.readinto_from(buffer) == (3, tcp.raw(peer.getsockname()))


@in_run
def test_a_read_of_nothing_takes_nothing_but_to_learn_the_sender_a_datagram_is_taken() -> None:
    with udp.end() as (fd, peer):
        peer.send(b"first")
        peer.send(b"second")
        assert fd.read_bytes(0) == b""
        assert fd.readinto(bytearray()) == 0
        assert fd.read_from(0) == (b"", tcp.raw(peer.getsockname()))
        assert fd.read_bytes(100) == b"second"


@in_run
def test_a_negative_size_is_refused() -> None:
    with udp.end() as (fd, _):
        for read in (fd.read_bytes, fd.read_from):
            with pytest.raises(ValueError, match="negative"):
                read(-1)


@in_run
def test_a_datagram_larger_than_any_of_udp_comes_whole() -> None:
    with udp.unix_end() as (fd, peer):
        peer.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for read in (fd.read_bytes, lambda size: fd.read_from(size)[0]):
            peer.send(bytes(100_000) + b"!")
            assert read(1 << 20) == bytes(100_000) + b"!"
        peer.send(bytes(100_000))
        assert len(fd.read_bytes(70_000)) == 70_000


@in_run
def test_the_address_of_the_same_sender_is_the_same_object() -> None:
    with udp.bound() as here, udp.bound() as one, udp.bound() as two:
        fd = PacketFD.adopt(here.detach())
        for sender in (one, one, two, one):
            sender.sendto(b"x", fd_address(fd))
        senders = [fd.read_from(1)[1] for _ in range(4)]
        assert [tcp.port_of(raw) for raw in senders] == [
            end.getsockname()[1] for end in (one, one, two, one)
        ]
        assert senders[0] is senders[1]
        fd.close()


def fd_address(fd: PacketFD) -> tuple[str, int]:
    return tcp.HOST, tcp.port_of(fd.getsockname())


@in_run
def test_datagrams_go_to_one_reader_each() -> None:
    with udp.end() as (fd, peer):
        readers = [parked(go(fd.read_bytes, 100)) for _ in range(10)]
        for number in range(10):
            peer.send(bytes([number]))
        assert sorted(reader.join() for reader in readers) == [bytes([n]) for n in range(10)]


@pytest.mark.parametrize("call", ["recv", "recvfrom", "send", "sendto"])
@in_run
def test_an_interrupted_call_is_made_again(call: str) -> None:
    with udp.bound() as here, udp.bound() as peer:
        fd = PacketFD.adopt(here.detach())
        with answering(**{call: on(fd.fileno(), one_by_one(*[-errno.EINTR] * 2))}):
            fd.write_to(b"x", tcp.raw(peer.getsockname()))
            peer.sendto(b"y", fd_address(fd))
            assert fd.read_bytes(1) == b"y"
            peer.sendto(b"z", fd_address(fd))
            assert fd.read_from(1)[0] == b"z"
            fd.connect(tcp.raw(peer.getsockname()))
            assert fd.write(b"w") == 1
        assert [peer.recv(1), peer.recv(1)] == [b"x", b"w"]
        fd.close()


@in_run
def test_where_datagrams_may_come_merged_a_plain_read_is_refused_before_it_takes_one() -> None:
    with udp.end() as (fd, peer):
        fd.merges = True
        peer.send(b"x")
        with recorded("recv", "recvfrom") as calls:
            for operation in (
                lambda: fd.read_bytes(1),
                lambda: fd.read_from(1),
                lambda: fd.readinto(bytearray(1)),
                lambda: fd.readinto_from(bytearray(1)),
            ):
                error = raised(operation)
                assert isinstance(error, OSError)
                assert error.errno == errno.EINVAL
        assert not calls.made
        fd.merges = False
        assert fd.read_bytes(1) == b"x"


@in_run
def test_an_edge_of_data_that_was_read_makes_nobody_ask_again() -> None:
    with udp.end() as (fd, peer):
        first = parked(go(fd.read_bytes, 10))
        peer.send(b"1")
        assert first.join() == b"1"
        peer.send(b"2")
        netpoll.sleep(0.0001)  # who has nothing else to do looks at the network: the edge is noted
        assert fd.read_bytes(10) == b"2"
        with recorded("recv") as calls:
            second = parked(go(fd.read_bytes, 10))
            gosched()
            assert len(calls.made) == 1
        peer.send(b"3")
        assert second.join() == b"3"


# ---- what the network reports ----------------------------------------------------------------


@in_run
def test_a_refusal_is_raised_once_to_who_waits_and_the_socket_is_fine_after_it() -> None:
    with udp.end() as (fd, peer):
        address = peer.getsockname()
        peer.close()
        reader = parked(go(raised, lambda: fd.read_bytes(100)))
        fd.write(b"nobody is there")
        assert isinstance(reader.join(timeout=5), ConnectionRefusedError)
        with recorded("recv") as calls:
            fd.settimeout(0.02)
            with pytest.raises(DeadlineExceeded):
                fd.read_bytes(100)
            assert len(calls.made) <= 3  # it waits, and does not ask on and on
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as again:
            again.bind(address)
            fd.settimeout(5)
            fd.write(b"hello")
            assert again.recv(100) == b"hello"
            again.sendto(b"back", fd_address(fd))
            assert fd.read_bytes(100) == b"back"


@in_run
def test_an_event_of_an_error_alone_does_not_forbid_to_wait() -> None:
    # What an ICMP error gives while the send buffer is full: EPOLLERR, and nothing else.
    with udp.end() as (fd, peer):
        with recorded("epoll_ctl") as calls:
            reader = parked(go(fd.read_bytes, 100))
        key = next(details[4] for details in calls.of("epoll_ctl") if details[2] == fd.fileno())
        told: list[int] = []

        def error_alone(*_: object) -> list[tuple[int, int]] | None:
            told.append(1)
            return [(select.EPOLLERR, key)] if len(told) == 1 else None

        with answering(epoll_wait=error_alone):
            while not told:
                gosched()
            gosched()
        parked(reader)
        peer.send(b"here it is")
        assert reader.join(timeout=5) == b"here it is"


@in_run
def test_an_error_of_an_earlier_datagram_may_come_up_when_sending() -> None:
    with udp.end() as (fd, _):
        with answering(send=on(fd.fileno(), one_by_one(-errno.ECONNREFUSED))):
            with pytest.raises(ConnectionRefusedError) as caught:
                fd.write(b"x")
        assert caught.value.bytes_written == 0  # type: ignore[attr-defined]
        assert fd.write(b"x") == 1


@pytest.mark.parametrize("code", [errno.ENOBUFS, errno.EPERM, errno.EMSGSIZE])
@in_run
def test_an_error_that_no_wait_can_mend_is_raised(code: int) -> None:
    with udp.end() as (fd, peer):
        with answering(send=on(fd.fileno(), one_by_one(-code))):
            with pytest.raises(OSError) as caught:
                fd.write(b"x")
        assert caught.value.errno == code
        assert fd.write(b"y") == 1
        assert peer.recv(10) == b"y"


# ---- room on the way out ---------------------------------------------------------------------


@in_run
def test_a_full_send_buffer_is_waited_for() -> None:
    with udp.end() as (fd, peer):
        with answering(send=on(fd.fileno(), one_by_one(*[-errno.EAGAIN] * 2))):
            # The first wait finds the edge of the registration, so that the second waits for one.
            writer = go(fd.write, b"x")
            parked(writer)
            fd.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 17)
            for event in range(100):
                fd_again = socket.socket(fileno=socket.dup(fd.fileno()))
                with fd_again:
                    fd_again.send(b"noise")  # what leaves makes room, which is an edge
                if writer.done:
                    break
                netpoll.sleep(0.001 * (event > 10))
            assert writer.join(timeout=5) == 1
        peer.setblocking(True)
        assert b"x" in {peer.recv(10) for _ in range(event + 2)}


@in_run
def test_a_connected_unix_socket_is_told_when_there_is_room() -> None:
    with udp.unix_end() as (fd, peer):
        before = udp.fill(fd)
        writer = parked(go(fd.write, b"more"))
        for _ in range(before):
            peer.recv(10)
        assert writer.join(timeout=5) == 4
        assert peer.recv(10) == b"more"


@in_run
def test_who_is_not_connected_to_a_full_unix_socket_tries_again(tmp_path: Path) -> None:
    # epoll says that it is writable, and nothing more when the receiver has room again.
    with udp.full_unix_receiver(str(tmp_path)) as (address, receiver, before):
        fd = PacketFD.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        with recorded("sendto") as calls:
            writer = parked(go(fd.write_to, b"more", address))
            begin = time.monotonic()
            while time.monotonic() - begin < 0.03:
                netpoll.sleep(0.005)
            assert 2 <= len(calls.made) <= 8  # after 0, 1, 3, 7, 15 ... ms
            for _ in range(before):
                receiver.recv(10)
            assert writer.join(timeout=5) == 4
        assert receiver.recv(10) == b"more"
        fd.close()


@pytest.mark.parametrize("timeout", [0, 0.0005, 0.01])
@in_run
def test_who_tries_again_does_so_until_its_time_is_up(tmp_path: Path, timeout: float) -> None:
    with udp.full_unix_receiver(str(tmp_path)) as (address, _, _):
        fd = PacketFD.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        fd.settimeout(timeout)
        begin = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            fd.write_to(b"more", address)
        assert timeout <= time.monotonic() - begin < timeout + 1
        fd.close()


@in_run
def test_what_can_be_sent_is_anything_that_has_bytes() -> None:
    with udp.end() as (fd, peer):
        for data in (b"abc", bytearray(b"abc"), memoryview(b"_abc_")[1:4]):
            assert fd.write(data) == 3
            assert peer.recv(10) == b"abc"
        for wrong in ("abc", 3, None):
            with pytest.raises(TypeError):
                fd.write(wrong)  # type: ignore[arg-type]

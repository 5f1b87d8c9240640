"""Network "unixgram": datagrams that are not lost."""

import errno
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from time import monotonic

import pytest

from netpoll import (
    AddrError,
    ClosedError,
    DeadlineExceeded,
    OpError,
    UnknownNetworkError,
    go,
    net,
)
from netpoll.net import Control, UnixAddr, UnixDatagramConn
from netpoll.net.control import RawSocket
from tests.kernel import recorded
from tests.net.unix_ends import datagrams
from tests.running import in_run, parked


def listen(address: str | net.Addr = "", control: Control | None = None) -> UnixDatagramConn:
    return net.listen_packet("unixgram", address, control=control)


def dial(
    address: str | net.Addr, local: str | net.Addr | None = None, control: Control | None = None
) -> UnixDatagramConn:
    return net.dial("unixgram", address, local_addr=local, control=control)


def addr(name: str) -> UnixAddr:
    return UnixAddr(name, "unixgram")


@contextmanager
def full(*, peer: bool) -> Iterator[tuple[UnixDatagramConn, UnixDatagramConn, int]]:
    """Return who sends, who receives, and how many datagrams are in the queue that is full."""
    with ExitStack() as stack:
        far = stack.enter_context(listen())
        near = stack.enter_context(dial(far.local_addr) if peer else listen())
        near.settimeout(0)
        sent = 0
        with pytest.raises(DeadlineExceeded):
            while True:
                send(near, far, b"%d" % sent)
                sent += 1
        near.settimeout(None)
        yield near, far, sent


def send(near: UnixDatagramConn, far: UnixDatagramConn, data: bytes) -> int:
    return near.write_to(data, far.local_addr) if near.remote_addr is None else near.write(data)


# ---- names


@in_run
def test_each_knows_the_names_of_both(tmp_path: Path) -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixgramConnLocalAndRemoteNames
    theirs, mine = f"{tmp_path}/theirs", f"{tmp_path}/mine"
    with listen(theirs) as far:
        assert (far.local_addr, far.remote_addr) == (addr(theirs), None)
        with dial(theirs) as near:
            assert (near.local_addr, near.remote_addr) == (addr(""), addr(theirs))
            assert str(near.local_addr) == "@"
        with dial(theirs, mine) as near:
            assert (near.local_addr, near.remote_addr) == (addr(mine), addr(theirs))
            assert near.network == "unixgram"


@in_run
def test_no_name_is_one_that_the_kernel_chooses() -> None:
    # Source: go1.27 net/unixsock_linux_test.go TestUnixgramAutobind
    with listen() as far:
        assert far.local_addr.name.startswith("@")
        assert len(far.local_addr.name) == 6
        with dial(far.local_addr, "") as near:
            assert near.remote_addr == far.local_addr
            assert near.local_addr.name.startswith("@")
            assert near.local_addr != far.local_addr


@in_run
def test_a_name_may_be_abstract() -> None:
    name = f"@netpoll/{os.getpid()}/gram"
    with listen(name) as far, dial("\0" + name[1:]) as near:
        near.write(b"x")
        assert far.read() == b"x"


@in_run
def test_the_file_goes_with_the_socket(tmp_path: Path) -> None:
    path, mine = tmp_path / "socket", tmp_path / "mine"
    with listen(str(path)):
        with dial(str(path), str(mine)):
            assert mine.is_socket()
        assert not mine.exists()
        assert path.is_socket()
    assert not path.exists()
    with listen(str(path)) as far:
        far.set_unlink_on_close(False)
    assert path.is_socket()
    far.set_unlink_on_close(True)
    far.close()
    assert path.is_socket()
    with pytest.raises(OpError, match=rf"^listen unixgram {path}: address already in use$"):
        listen(str(path))


@in_run
def test_a_dial_that_fails_leaves_no_file(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"^dial unixgram "):
        dial(f"{tmp_path}/nobody", f"{tmp_path}/mine")
    assert list(tmp_path.iterdir()) == []


@in_run
def test_what_is_no_address_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AddrError, match=r"name too long$"):
        listen("/" + "x" * 107)
    with pytest.raises(AddrError, match=r"^dial unixgram: missing address$"):
        dial("")
    with pytest.raises(AddrError, match=r"unexpected address type$"):
        listen(net.UDPAddr("127.0.0.1", 1))
    for network in ("unix", "unixpacket", "tcp", ""):
        with pytest.raises(
            UnknownNetworkError, match=rf"^listen {network}: unknown network {network}(:|$)"
        ):
            net.listen_packet(network, f"{tmp_path}/x")
    with listen() as conn:
        for wrong in ("", UnixAddr("")):
            with pytest.raises(AddrError, match=r"^write unixgram: missing address$"):
                conn.write_to(b"x", wrong)
        with pytest.raises(AddrError, match=r"^write unixgram: .*name too long$"):
            conn.write_to(b"x", "@" + "x" * 108)
        for other in (net.UDPAddr("127.0.0.1", 1), b"@x", None):
            with pytest.raises(TypeError, match=r"is a UnixAddr or its text"):
                conn.write_to(b"x", other)  # type: ignore[arg-type]


@in_run
def test_a_control_sees_the_socket_before_it_has_a_name(tmp_path: Path) -> None:
    seen = []

    def note(network: str, address: str, raw: RawSocket) -> None:
        kind = raw.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE)
        seen.append((network, address, kind, Path(address).exists()))

    name = f"{tmp_path}/socket"
    with listen(name, control=note), dial(name, None, note):
        assert seen == [("unixgram", name, socket.SOCK_DGRAM, there) for there in (False, True)]


@in_run
def test_a_control_that_fails_ends_it(tmp_path: Path) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        listen(f"{tmp_path}/socket", control=fail)
    assert list(tmp_path.iterdir()) == []


# ---- data


@in_run
def test_an_answer_goes_to_who_asked(tmp_path: Path) -> None:
    with listen(f"{tmp_path}/server") as server:
        with dial(server.local_addr, f"{tmp_path}/client") as client:
            client.write(b"question")
            data, sender = server.read_from()
            assert (data, sender) == (b"question", client.local_addr)
            for to in (sender, sender.name):
                assert server.write_to(b"answer", to) == 6
                assert client.read() == b"answer"
            with listen() as stranger:
                # A peer that is connected hears no other.
                with pytest.raises(PermissionError, match=r"^write unixgram @"):
                    stranger.write_to(b"x", client.local_addr)


@in_run
def test_a_sender_without_a_name_has_none() -> None:
    # Source: go1.27 net/unixsock_test.go TestReadUnixgramWithUnnamedSocket
    with listen() as far, dial(far.local_addr) as near:
        near.write(b"x")
        assert far.read_from() == (b"x", addr(""))
        near.write(b"x")
        assert far.readinto_from(bytearray(1)) == (1, addr(""))
        near.write(b"x")
        assert far.recvmsg().addr is None


@in_run
def test_no_bytes_are_a_datagram_too() -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixgramZeroBytePayload
    with listen() as far, dial(far.local_addr) as near:
        for _ in range(3):
            assert near.write(b"") == 0
        near.write(b"next")
        assert (far.read(), far.read_from()[0], far.recvmsg().data) == (b"", b"", b"")
        assert far.read() == b"next"


@in_run
def test_no_room_at_all_takes_a_datagram() -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixgramZeroByteBuffer
    with listen() as far, dial(far.local_addr) as near:
        near.write(b"cut off")
        near.write(b"next")
        assert far.read_from(0) == (b"", addr(""))
        assert far.read_from() == (b"next", addr(""))


@in_run
def test_what_has_no_room_is_lost_and_told_by_recvmsg() -> None:
    with listen() as far, dial(far.local_addr) as near:
        for _ in range(3):
            near.write(b"too long")
        assert far.read(3) == b"too"
        message = far.recvmsg(3)
        assert (message.data, message.flags & socket.MSG_TRUNC) == (b"too", socket.MSG_TRUNC)
        assert far.recvmsg(100).flags == 0


@pytest.mark.parametrize("size", [1, 65_536, 65_537, 150_000])
@in_run
def test_datagrams_of_any_size_are_whole(size: int) -> None:
    data = random.randbytes(size)
    with datagrams() as (near, far):
        for _ in range(2):
            assert near.write(data) == size
            assert far.read(size) == data
        near.sendmsg([data[:1], data[1:]])
        buffer = bytearray(size + 1)
        assert bytes(buffer[: far.readinto(buffer)]) == data
        with pytest.raises(OpError, match=r"message too long$"):
            near.write(bytes(16 << 20))


@in_run
def test_one_with_a_peer_writes_to_no_other(tmp_path: Path) -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixgramWrite
    with listen(f"{tmp_path}/far") as far, dial(far.local_addr) as near:
        with recorded("sendto", "sendmsg") as calls:
            calls_to: list[Callable[[], object]] = [
                lambda: near.write_to(b"x", far.local_addr),
                lambda: near.sendmsg([b"x"], (), 0, far.local_addr),
                lambda: near.send_fds(b"x", [0], far.local_addr),
            ]
            for call in calls_to:
                with pytest.raises(OpError) as caught:
                    call()
                assert caught.value.errno == errno.EISCONN
            assert calls.made == []
        assert near.write(b"to the peer") == 11


@in_run
def test_one_without_a_peer_needs_an_address() -> None:
    with listen() as far, listen() as near:
        with pytest.raises(OpError, match=r"^write unixgram @.* is not connected$"):
            near.write(b"x")
        assert near.write_to(b"one", far.local_addr) == 3
        assert near.sendmsg([b"t", b"wo"], (), 0, far.local_addr) == 3
        assert near.send_fds(b"three", [0], far.local_addr) == 5
        assert [far.read_from() for _ in range(3)] == [
            (data, near.local_addr) for data in (b"one", b"two", b"three")
        ]


@in_run
def test_who_writes_to_one_that_is_gone_is_told_and_goes_on(tmp_path: Path) -> None:
    with listen(f"{tmp_path}/mine") as near:
        with listen(f"{tmp_path}/far") as far:
            pass
        with pytest.raises(FileNotFoundError, match=rf"->{tmp_path}/far: "):
            near.write_to(b"x", far.local_addr)
        with listen(f"{tmp_path}/far") as far:
            near.write_to(b"x", far.local_addr)
            assert far.read() == b"x"
            peer = dial(far.local_addr)
        with peer, pytest.raises(ConnectionRefusedError):
            peer.write(b"x")


# ---- a queue that is full


@pytest.mark.parametrize("peer", [True, False])
@in_run
def test_who_writes_waits_for_room(peer: bool) -> None:
    with full(peer=peer) as (near, far, sent):
        writer = parked(go(send, near, far, b"at last"))
        for number in range(sent):
            assert far.read() == b"%d" % number
        assert far.read() == b"at last"
        assert writer.join(timeout=5) == 7


@pytest.mark.parametrize("peer", [True, False])
@in_run
def test_room_that_others_had_taken_is_found(peer: bool) -> None:
    with ExitStack() as stack:
        far = stack.enter_context(listen())
        near = stack.enter_context(dial(far.local_addr) if peer else listen())
        other = stack.enter_context(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM))
        other.setblocking(False)
        with pytest.raises(BlockingIOError):
            while True:
                other.sendto(b"other", "\0" + far.local_addr.name[1:])
        writer = parked(go(send, near, far, b"at last"))
        while (data := far.read()) == b"other":
            pass
        assert data == b"at last"
        writer.join(timeout=5)


@pytest.mark.parametrize("peer", [True, False])
@in_run
def test_waiting_for_room_has_a_limit_and_an_end(peer: bool) -> None:
    with full(peer=peer) as (near, far, _):
        began = monotonic()
        near.settimeout(0.05)
        with pytest.raises(DeadlineExceeded, match=r"^write unixgram "):
            send(near, far, b"x")
        assert monotonic() >= began + 0.05
        near.settimeout(None)
        writer = parked(go(send, near, far, b"x"))
        near.set_write_deadline(1e-9)
        with pytest.raises(DeadlineExceeded):
            writer.join(timeout=5)
        near.set_write_deadline(None)
        writer = parked(go(send, near, far, b"x"))
        near.close()
        with pytest.raises(ClosedError):
            writer.join(timeout=5)


@pytest.mark.parametrize("peer", [True, False])
@in_run
def test_who_waits_for_room_learns_that_the_receiver_is_gone(peer: bool) -> None:
    with full(peer=peer) as (near, far, _):
        writer = parked(go(send, near, far, b"x"))
        far.close()
        with pytest.raises(ConnectionRefusedError):
            writer.join(timeout=5)

"""Taking over sockets of others: what they become, what is left as it was, and what is refused."""

import errno
import gc
import os
import random
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from netpoll import ClosedError, OpError, go, net
from netpoll.net import TCPAddr, UDPAddr, UnixAddr
from tests.kernel import answering
from tests.net.ends import connected, needs_ipv6, read_all
from tests.running import in_run, on_thread, parked
from tests.tcp import HOST

SEQPACKET = socket.SOCK_SEQPACKET
Pair = tuple[int, socket.socket]
"""A descriptor to be taken over, and its peer."""


def tcp_pair(family: int = socket.AF_INET, host: str = HOST) -> Pair:
    with socket.create_server((host, 0), family=family) as listener:
        near = socket.create_connection(listener.getsockname()[:2])
        far, _ = listener.accept()
    return near.detach(), far


def unix_pair(kind: int) -> Pair:
    near, far = socket.socketpair(socket.AF_UNIX, kind)
    return near.detach(), far


def udp_pair() -> Pair:
    near, far = (socket.socket(socket.AF_INET, socket.SOCK_DGRAM) for _ in range(2))
    near.bind((HOST, 0))
    far.bind((HOST, 0))
    near.connect(far.getsockname())
    far.connect(near.getsockname())
    return near.detach(), far


CONNECTED: dict[str, tuple[Callable[[], Pair], type[Any], str]] = {
    "tcp": (tcp_pair, net.TCPConn, "tcp"),
    "tcp6": (lambda: tcp_pair(socket.AF_INET6, "::1"), net.TCPConn, "tcp"),
    "udp": (udp_pair, net.UDPConn, "udp"),
    "unix": (lambda: unix_pair(socket.SOCK_STREAM), net.UnixConn, "unix"),
    "unixgram": (lambda: unix_pair(socket.SOCK_DGRAM), net.UnixDatagramConn, "unixgram"),
    "unixpacket": (lambda: unix_pair(SEQPACKET), net.UnixConn, "unixpacket"),
}
each_kind = pytest.mark.parametrize(
    "kind", [pytest.param(k, marks=needs_ipv6) if k == "tcp6" else k for k in CONNECTED]
)


@contextmanager
def taken_over(kind: str) -> Iterator[tuple[Any, socket.socket]]:
    number, far = CONNECTED[kind][0]()
    far.settimeout(5)
    with far, net.from_fd(number) as conn:
        yield conn, far


# ---- what they become


@each_kind
@in_run
def test_a_connected_socket_is_a_connection_of_its_network(kind: str) -> None:
    # Source: go1.27 net/file_test.go TestFileConn, TestFilePacketConn
    make, cls, network = CONNECTED[kind]
    number, far = make()
    with far:
        far.settimeout(5)
        conn: Any = net.from_fd(number)
        with conn:
            assert type(conn) is cls
            assert (conn.network, conn.fileno()) == (network, number)
            if kind in {"tcp", "tcp6", "udp"}:
                assert (conn.local_addr.ip, conn.local_addr.port) == far.getpeername()[:2]
                assert (conn.remote_addr.ip, conn.remote_addr.port) == far.getsockname()[:2]
            else:
                assert conn.local_addr == UnixAddr("", network)
            far.send(b"there")
            assert conn.read() == b"there"
            conn.write(b"and back")
            assert far.recv(100) == b"and back"
            reader = parked(go(conn.read))  # it does not block its thread
            far.send(b"late")
            assert reader.join(5) == b"late"
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


@in_run
def test_messages_stay_apart_on_a_socket_that_keeps_them_so() -> None:
    with taken_over("unixpacket") as (conn, far):
        far.send(b"one")
        far.send(b"two")
        assert [conn.read(), conn.read()] == [b"one", b"two"]


@pytest.mark.parametrize("host", [HOST, "0.0.0.0", pytest.param("::1", marks=needs_ipv6)])
@in_run
def test_a_socket_that_listens_is_a_listener(host: str) -> None:
    # Source: go1.27 net/file_test.go TestFileListener
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.create_server((host, 0), family=family) as server:
        port = server.getsockname()[1]
        listener = net.from_fd(server.detach())
    assert isinstance(listener, net.TCPListener)
    with listener:
        assert listener.local_addr == TCPAddr(host, port)
        with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            assert far.local_addr == near.remote_addr
            assert far.remote_addr == near.local_addr


@pytest.mark.parametrize("kind", [socket.SOCK_STREAM, SEQPACKET])
@in_run
def test_a_unix_socket_that_listens_is_one_and_keeps_its_file(kind: int, tmp_path: Path) -> None:
    # Source: go1.27 net/unixsock_test.go TestUnixUnlink (FileListener)
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, kind) as server:
        server.bind(str(path))
        server.listen()
        listener = net.from_fd(server.detach())
    assert isinstance(listener, net.UnixListener)
    with listener:
        assert listener.network == ("unix" if kind == socket.SOCK_STREAM else "unixpacket")
        with net.dial(listener.network, str(path)) as near, listener.accept() as far:
            near.write(b"x")
            assert far.read() == b"x"
    assert path.is_socket()


@in_run
def test_a_socket_for_datagrams_that_is_open_to_all_is_a_packet_connection(tmp_path: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind((HOST, 0))
        address = UDPAddr(*server.getsockname())
        conn = net.from_fd(server.detach())
    assert isinstance(conn, net.UDPConn)
    with conn, net.dial("udp", address) as near:
        assert (conn.local_addr, conn.remote_addr) == (address, None)
        near.write(b"there")
        assert conn.read_from() == (b"there", near.local_addr)
        conn.write_to(b"and back", near.local_addr)
        assert near.read() == b"and back"
    path = tmp_path / "socket"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(path))
        gram = net.from_fd(server.detach())
    assert isinstance(gram, net.UnixDatagramConn)
    with gram, net.dial("unixgram", str(path)) as sender:
        sender.write(b"there")
        assert gram.read_from()[0] == b"there"
    assert path.is_socket()


@in_run
def test_a_raw_socket_is_a_packet_connection() -> None:
    """An echo request to oneself, and the answer."""
    try:
        raw = socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP)
    except PermissionError:
        pytest.skip("a raw socket takes privileges")
    raw.bind((HOST, 0))
    raw.connect((HOST, 0))
    with net.from_fd(raw.detach()) as conn:
        assert type(conn) is net.PacketConn
        identity = random.randbytes(8)
        request = bytearray(b"\x08\0\0\0" + identity)
        total = sum(int.from_bytes(request[i : i + 2], "big") for i in range(0, 12, 2))
        total = (total & 0xFFFF) + (total >> 16)
        request[2:4] = (~((total & 0xFFFF) + (total >> 16)) & 0xFFFF).to_bytes(2, "big")
        conn.settimeout(5)
        conn.write(request)
        while True:
            packet = conn.read()
            if packet.endswith(identity) and packet[20] == 0:  # after the IP header: echo reply
                return


# ---- what is left as it was


@each_kind
@in_run
def test_options_stay_as_they_are(kind: str) -> None:
    number, far = CONNECTED[kind][0]()
    with far:
        with socket.socket(fileno=number) as near:
            near.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 0)
            near.detach()
        with net.from_fd(number) as conn:
            assert isinstance(conn, net.Conn | net.PacketConn)
            assert not conn.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE)
            if kind == "tcp":
                assert not conn.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)


@in_run
def test_a_class_takes_only_what_is_of_it() -> None:
    for kind, (make, cls, _) in CONNECTED.items():
        if kind == "tcp6":
            continue
        number, far = make()
        with far:
            others: set[Any] = {
                net.TCPConn,
                net.TCPListener,
                net.UDPConn,
                net.UnixConn,
                net.UnixListener,
            }
            for other in (others | {net.UnixDatagramConn}) - {cls}:
                with pytest.raises(TypeError, match=f"is a {cls.__name__}, no {other.__name__}$"):
                    other.from_fd(number)
            with cls.from_fd(number) as conn:
                assert type(conn) is cls

            own = type("Own", (cls,), {"__slots__": ()})
            with own.from_fd(conn_again(far)) as conn:  # type: ignore[attr-defined]
                assert type(conn) is own


def conn_again(far: socket.socket) -> int:
    """Return another descriptor of the class of far."""
    return far.dup().detach()


@in_run
def test_listeners_have_it_too() -> None:
    with socket.create_server((HOST, 0)) as server:
        with net.TCPListener.from_fd(server.detach()) as listener:
            assert type(listener) is net.TCPListener
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("")
        server.listen()
        with net.UnixListener.from_fd(server.detach()) as one:
            assert type(one) is net.UnixListener


@in_run
def test_who_had_the_number_before_has_lost_it() -> None:
    with connected() as (near, far):
        number = near.fileno()
        reader = parked(go(near.read))
        with net.from_fd(number) as conn:
            assert isinstance(conn, net.TCPConn)
            with pytest.raises(OpError, match="bad file descriptor") as caught:
                reader.join(5)
            assert not isinstance(caught.value, ClosedError)
            near.close()  # which closes nothing
            conn.write(b"mine")
            assert far.read() == b"mine"


@in_run
def test_a_copy_goes_on_when_the_first_is_closed() -> None:
    # Source: go1.27 net/file_test.go, internal/poll/fd_posix.go (Dup)
    with connected() as (near, far):
        with net.from_fd(near.dup()) as copy:
            assert isinstance(copy, net.TCPConn)
            assert (copy.local_addr, copy.remote_addr) == (near.local_addr, near.remote_addr)
            reader = parked(go(copy.read))
            near.close()
            far.write(b"for the copy")
            assert reader.join(5) == b"for the copy"
        assert read_all(far) == b""


@in_run
def test_dup_and_close_may_come_together() -> None:
    # Source: go1.27 net/file_test.go TestFileCloseRace
    for _ in range(100):
        with connected() as (near, _):

            def copy(near: net.TCPConn = near) -> None:
                try:
                    number = near.dup()
                except ClosedError:
                    return
                net.from_fd(number).close()

            copying = go(copy)
            on_thread(near.close)
            copying.join()


# ---- what is refused


def refused() -> Iterator[tuple[str, Callable[[], int], int]]:
    def netlink() -> int:
        return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0).detach()

    yield "regular", lambda: os.open(__file__, os.O_RDONLY), errno.ENOTSOCK
    yield "pipe", lambda: closing_other(os.pipe()), errno.ENOTSOCK
    yield "netlink", netlink, errno.EAFNOSUPPORT
    yield "stream", lambda: socket.socket().detach(), errno.ENOTCONN
    yield "unix", lambda: socket.socket(socket.AF_UNIX).detach(), errno.ENOTCONN


def closing_other(both: tuple[int, int]) -> int:
    os.close(both[1])
    return both[0]


@pytest.mark.parametrize(
    ("make", "code"), [row[1:] for row in refused()], ids=[r[0] for r in refused()]
)
@pytest.mark.parametrize("limit", [None, 5.0])
@in_run
def test_what_is_no_connection_stays_the_callers_as_it_was(
    make: Callable[[], int], code: int, limit: float | None
) -> None:
    number = make()
    socket.setdefaulttimeout(limit)
    try:
        with pytest.raises(OpError, match=r"^from_fd: ") as caught:
            net.from_fd(number)
        assert caught.value.errno == code
        assert os.get_blocking(number)
        os.fstat(number)
    finally:
        socket.setdefaulttimeout(None)
        os.close(number)


@in_run
def test_what_is_no_descriptor_is_refused() -> None:
    for number in (-1, 987654):
        with pytest.raises(OpError, match=r"^from_fd: bad file descriptor$"):
            net.from_fd(number)
    wrong: Any = "3"
    with pytest.raises(TypeError):
        net.from_fd(wrong)
    for take in (net.from_fd, net.TCPConn.from_fd, net.UDPConn.from_fd, net.TCPListener.from_fd):
        for number in (2**40, -(2**40)):
            with pytest.raises(ValueError, match="C int"):
                take(number)


class Picky(net.TCPConn):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.settimeout(5)
        self.set_deadline(1e9)
        raise LookupError("not this one")


class PickyListener(net.TCPListener):
    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        raise LookupError("not this one")


class PickySocket(net.UDPConn):
    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        raise LookupError("not this one")


@pytest.mark.parametrize("blocking", [True, False])
@pytest.mark.parametrize("kind", [Picky, PickyListener, PickySocket])
@in_run
def test_what_a_class_does_not_want_stays_the_callers(kind: Any, blocking: bool) -> None:
    if kind is PickyListener:
        with socket.create_server((HOST, 0)) as listener:
            number = listener.detach()
        far = None
    else:
        number, far = tcp_pair() if kind is Picky else udp_pair()
    with socket.socket(fileno=number) as near, far or ExitStack():
        near.setblocking(blocking)
        with pytest.raises(LookupError, match="not this one") as caught:
            kind.from_fd(number)
        del caught
        gc.collect()
        assert os.get_blocking(number) == blocking
        os.fstat(number)
        if far is not None:
            near.send(b"still there")
            assert far.recv(100) == b"still there"
        with net.from_fd(os.dup(number)) as taken:
            assert str(taken.local_addr) == "{}:{}".format(*near.getsockname())


@pytest.mark.parametrize("call", ["getsockopt", "getsockname", "getpeername", "set_nonblocking"])
@in_run
def test_whichever_call_fails_the_descriptor_stays_the_callers(call: str) -> None:
    number, far = tcp_pair()
    with far, socket.socket(fileno=number) as near:
        near.setblocking(True)
        with answering(**{call: lambda *_: -errno.ENOBUFS}), pytest.raises(OpError):
            net.from_fd(number)
        assert near.getblocking()
        assert os.get_blocking(number)
        far.sendall(b"still there")
        assert near.recv(100) == b"still there"


@in_run
def test_a_protocol_that_there_is_not_is_refused() -> None:
    try:
        sctp = socket.socket(socket.AF_INET, socket.SOCK_STREAM, 132)
    except OSError:
        sctp = None

    def answer(_fd: int, _level: int, name: int, *_: object) -> int | None:
        return -errno.EPROTONOSUPPORT if name == socket.SO_PROTOCOL else None

    with ExitStack() as stack:
        if sctp is None:
            number, far = tcp_pair()
            stack.enter_context(far)
            stack.callback(os.close, number)
            stack.enter_context(answering(getsockopt=answer))
        else:
            stack.enter_context(sctp)
            number = sctp.fileno()
        with pytest.raises(OpError, match="protocol not supported"):
            net.from_fd(number)

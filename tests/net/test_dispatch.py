"""Dial, listen and listen_packet: which network gives what, with what is common to all."""

import errno
import socket
from pathlib import Path
from typing import Any

import pytest

from netpoll import AddrError, DeadlineExceeded, OpError, net
from netpoll.net import TCPAddr, UDPAddr, UnixAddr
from netpoll.net.udp import UDPConn
from netpoll.net.unix import UnixConn, UnixListener
from netpoll.net.unixgram import UnixDatagramConn
from tests.kernel import answering, recorded
from tests.net.ends import needs_ipv6
from tests.running import in_run


def resolver(*addresses: str) -> net.Resolver:
    """Return a resolver to which each name has these addresses."""

    def answer(*_: Any) -> list[Any]:
        return [(socket.AF_INET, 2, 17, "", (address, 0)) for address in addresses]

    return net.Resolver(answer)


def address_on(network: str, tmp_path: Path) -> str:
    if network.startswith("unix"):
        return f"{tmp_path}/socket"
    return "[::1]:0" if network.endswith("6") else "127.0.0.1:0"


STREAMS = ["tcp", "tcp4", pytest.param("tcp6", marks=needs_ipv6), "unix", "unixpacket"]
PACKETS = ["udp", "udp4", pytest.param("udp6", marks=needs_ipv6), "unixgram"]


@pytest.mark.parametrize("network", STREAMS)
@in_run
def test_who_listens_is_dialled(network: str, tmp_path: Path) -> None:
    with net.listen(network, address_on(network, tmp_path)) as listener:
        with net.dial(network, str(listener.local_addr)) as near, listener.accept() as far:
            expected = UnixConn if network.startswith("unix") else net.TCPConn
            assert type(near) is type(far) is expected
            assert near.network == far.network == listener.network == network
            assert near.remote_addr == listener.local_addr
            near.write(b"there")
            assert far.read() == b"there"
        # An Addr will do where text does.
        with net.dial(network, listener.local_addr) as near, listener.accept():
            assert near.remote_addr == listener.local_addr
    assert isinstance(listener, UnixListener if network.startswith("unix") else net.TCPListener)


@pytest.mark.parametrize("network", PACKETS)
@in_run
def test_who_receives_datagrams_is_dialled(network: str, tmp_path: Path) -> None:
    with net.listen_packet(network, address_on(network, tmp_path)) as conn:
        expected = UnixDatagramConn if network == "unixgram" else UDPConn
        assert type(conn) is expected
        assert conn.network == network
        for address in (str(conn.local_addr), conn.local_addr):
            with net.dial(network, address) as near:
                assert type(near) is expected
                assert near.remote_addr == conn.local_addr
                near.write(b"there")
                assert conn.read_from()[0] == b"there"


@pytest.mark.parametrize("network", ["unix", "unixpacket", "unixgram"])
@in_run
def test_the_local_name_of_a_unix_socket_can_be_chosen(network: str, tmp_path: Path) -> None:
    far = f"{tmp_path}/far"
    listen = net.listen_packet if network == "unixgram" else net.listen
    with listen(network, far):
        for local in (f"{tmp_path}/near", UnixAddr(f"{tmp_path}/near", network)):
            with net.dial(network, far, local_addr=local) as near:
                assert near.local_addr == UnixAddr(f"{tmp_path}/near", network)


@in_run
def test_the_local_address_of_a_udp_socket_can_be_chosen() -> None:
    with net.listen_packet("udp", "127.0.0.1:0") as far:
        for local in ("127.0.0.2:0", UDPAddr("127.0.0.2", 0), "0.0.0.0:0", "[::]:0"):
            with net.dial("udp", str(far.local_addr), local_addr=local) as near:
                near.write(b"x")
                assert far.read_from() == (b"x", near.local_addr)


@pytest.mark.parametrize(
    ("network", "local"),
    [
        ("tcp", UDPAddr("127.0.0.1", 0)),
        ("udp", TCPAddr("127.0.0.1", 0)),
        ("tcp", UnixAddr("/nowhere")),
        ("unix", TCPAddr("127.0.0.1", 0)),
    ],
)
@in_run
def test_a_local_address_of_another_network_is_refused(network: str, local: net.Addr) -> None:
    # Source: go1.27 net/dial_test.go TestDialerLocalAddr, net/error_test.go TestDialAddrError
    address = "/nowhere" if network == "unix" else "127.0.0.1:9"
    with recorded("socket") as calls, pytest.raises(AddrError, match=r"address type$") as caught:
        net.dial(network, address, local_addr=local)
    assert caught.value.addr == str(local)
    assert not calls.made


@in_run
def test_a_name_dialled_by_udp_is_the_first_address_with_a_route() -> None:
    def without_a_route(_fd: int, address: bytes) -> int | None:
        return -errno.ENETUNREACH if b"\x7f\x00\x00\x01" in address else None

    two = resolver("127.0.0.1", "127.0.0.2")
    with answering(connect=without_a_route):
        with net.dial("udp", "two.example:9", resolver=two) as conn:
            assert conn.remote_addr == UDPAddr("127.0.0.2", 9)
    with (
        answering(connect=lambda *_: -errno.ENETUNREACH),
        pytest.raises(OpError, match=r"^dial udp 127.0.0.1:9: network is unreachable$") as caught,
    ):
        net.dial("udp", "two.example:9", resolver=two)
    assert caught.value.addr == UDPAddr("127.0.0.1", 9)


@pytest.mark.parametrize(
    ("network", "address"), [("udp", "127.0.0.1:9"), ("unix", "/nowhere"), ("tcp", "127.0.0.1:9")]
)
@in_run
def test_a_limit_that_has_passed_holds_on_each_network(network: str, address: str) -> None:
    for options in ({"timeout": 0.0}, {"timeout": -1.0}, {"deadline": 1.0}):
        wanted: dict[str, Any] = options
        with recorded("connect") as calls, pytest.raises(DeadlineExceeded) as caught:
            net.dial(network, address, **wanted)
        assert str(caught.value) == f"dial {network} {address}: i/o timeout"
        assert not calls.made


@in_run
def test_control_sees_the_sockets_of_each_network(tmp_path: Path) -> None:
    # Source: go1.27 net/dial_test.go TestDialerControl, net/listen_test.go TestListenConfigControl
    seen: list[tuple[str, str]] = []

    def control(network: str, address: str, fd: net.RawSocket) -> None:
        assert fd.getsockopt(socket.SOL_SOCKET, socket.SO_TYPE) in {1, 2, 5}
        seen.append((network, address))

    config = net.ListenConfig(control=control)
    dialer = net.Dialer(control=control)
    for network, name in (("udp", "udp4"), ("tcp", "tcp4"), ("unix", "unix"), ("unixgram",) * 2):
        seen.clear()
        listen = config.listen if network in {"tcp", "unix"} else config.listen_packet
        asked = address_on(network, tmp_path) + (network if network.startswith("unix") else "")
        with listen(network, asked) as listener:
            dialer.dial(network, str(listener.local_addr)).close()
            assert seen == [(name, asked), (name, str(listener.local_addr))]

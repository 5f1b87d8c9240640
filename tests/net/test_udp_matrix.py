"""Which socket hears what: by network, address and family.

Source: go1.27 net/udpsock_test.go, listen_test.go
"""

import errno

import pytest

from netpoll import AddrError, net
from netpoll.net import UDPAddr, udp_socket
from netpoll.net.ipstack import maps_ipv4
from netpoll.net.udp import raw_target
from tests import udp
from tests.net.ends import needs_ipv6
from tests.running import in_run

needs_both = pytest.mark.skipif(not maps_ipv4(), reason="no socket serves both families here")


def hears(listener: net.UDPConn, host: str) -> bool:
    """Tell whether a datagram to that host, at the listener's port, comes to it."""
    with udp_socket.connect("udp", UDPAddr(host, listener.local_addr.port)) as sender:
        sender.write(b"x")
        listener.settimeout(0.05)
        try:
            return listener.read_from() == (b"x", sender.local_addr)
        except TimeoutError:
            return False


@needs_ipv6
@pytest.mark.parametrize(
    ("host", "only_ipv6", "hosts"),
    [
        ("127.0.0.1", False, {"127.0.0.1"}),
        ("0.0.0.0", False, {"127.0.0.1", udp.HOST}),
        ("::1", False, {"::1"}),
        ("::", True, {"::1"}),
        ("::", False, {"127.0.0.1", udp.HOST, "::1"}),
    ],
)
@needs_both
@in_run
def test_who_listens_hears_what_its_address_stands_for(
    host: str, only_ipv6: bool, hosts: set[str]
) -> None:
    with udp_socket.listen("udp", UDPAddr(host, 0), only_ipv6=only_ipv6) as listener:
        for one in ("127.0.0.1", udp.HOST, "::1"):
            assert hears(listener, one) == (one in hosts), one


@needs_ipv6
@needs_both
@in_run
def test_a_socket_of_both_families_answers_each_peer_by_its_own_address() -> None:
    # Source: go1.27 net/udpsock_test.go TestWriteMsgUDPAddrPortTargetAddrIPVersion
    with udp_socket.listen("udp", UDPAddr("::", 0)) as server:
        for host, text in (("127.0.0.1", "[::ffff:127.0.0.1]"), ("::1", "[::1]")):
            with udp_socket.listen("udp", UDPAddr(host, 0)) as client:
                client.write_to(b"question", f"{_spelled(host)}:{server.local_addr.port}")
                data, sender = server.read_from()
                assert (data, sender) == (b"question", client.local_addr)
                port = client.local_addr.port
                for where in (sender, f"{_spelled(host)}:{port}", f"{text}:{port}"):
                    server.write_to(b"answer", where)
                    assert client.read() == b"answer"


def _spelled(host: str) -> str:
    return f"[{host}]" if ":" in host else host


@needs_ipv6
@in_run
def test_a_socket_of_ipv6_alone_sends_to_no_ipv4_address() -> None:
    with udp_socket.listen("udp6", UDPAddr("::1", 0), only_ipv6=True) as here:
        with pytest.raises(OSError) as caught:
            here.write_to(b"x", "127.0.0.1:9")
        assert caught.value.errno == errno.ENETUNREACH


@pytest.mark.parametrize(
    ("family", "addr", "expected"),
    [
        (2, UDPAddr("1.2.3.4", 5), "0200000501020304" + "00" * 8),
        (10, UDPAddr("1.2.3.4", 5), "0a00000500000000" + "00" * 10 + "ffff01020304" + "00" * 4),
        (10, UDPAddr("0.0.0.0", 5), "0a00000500000000" + "00" * 16 + "00" * 4),
        (10, UDPAddr("::1", 5, "7"), "0a00000500000000" + "00" * 15 + "01" + "07000000"),
    ],
)
def test_an_address_is_written_as_the_socket_has_it(
    family: int, addr: UDPAddr, expected: str
) -> None:
    assert raw_target(family, addr).hex() == expected


def test_an_ipv6_address_is_none_for_a_socket_of_ipv4() -> None:
    with pytest.raises(AddrError, match="non-IPv4 address"):
        raw_target(2, UDPAddr("::1", 5))


@pytest.mark.parametrize(
    ("remote", "local", "peer"),
    [
        ("0.0.0.0", None, "127.0.0.1"),
        ("127.0.0.1", "0.0.0.0", "127.0.0.1"),
        ("127.0.0.1", "::", "127.0.0.1"),
        ("127.0.0.1", udp.HOST, "127.0.0.1"),
        ("::", None, "::1"),
        ("::1", "0.0.0.0", "::1"),
    ],
)
@needs_ipv6
@in_run
def test_a_wildcard_is_this_machine_or_an_address_of_the_peers_family(
    remote: str, local: str | None, peer: str
) -> None:
    source = None if local is None else UDPAddr(local, 0)
    with udp_socket.connect("udp", UDPAddr(remote, 9), source) as conn:
        assert conn.remote_addr == UDPAddr(peer, 9)
        assert conn.local_addr.port
        assert conn.local_addr.ip == (local if local == udp.HOST else peer)


@in_run
def test_a_local_port_is_the_one_asked_for() -> None:
    with udp.listen() as place:
        port = place.local_addr.port
    with udp_socket.connect("udp", UDPAddr(udp.HOST, 9), UDPAddr("0.0.0.0", port)) as conn:
        assert conn.local_addr.port == port


BROADCAST = "127.255.255.255"
"""Reaches all of this machine, and nobody else."""


@in_run
def test_who_listens_on_a_wildcard_hears_what_is_sent_to_all() -> None:
    with net.listen_packet("udp", "127.0.0.1:0") as sender:
        with net.listen_packet("udp4", "0.0.0.0:0") as listener:
            address = UDPAddr(BROADCAST, listener.local_addr.port)
            listener.settimeout(5)
            assert sender.write_to(b"to all", address) == 6  # without being asked for, as in Go
            assert listener.read_from() == (b"to all", sender.local_addr)
            with net.dial("udp", address) as connected:
                connected.write(b"to all")
                assert listener.read_from() == (b"to all", connected.local_addr)
        sender.set_broadcast(False)
        with pytest.raises(PermissionError) as caught:
            sender.write_to(b"to all", address)
        assert str(caught.value).endswith(f"->{address}: permission denied")
        sender.set_broadcast(True)
        assert sender.write_to(b"to all", address) == 6

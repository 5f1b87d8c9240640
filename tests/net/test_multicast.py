"""Groups: who has joined hears, on the interface where it has, and nobody else."""

import errno
import socket
from contextlib import suppress
from dataclasses import dataclass

import pytest

import netpoll
from netpoll import AddrError, DeadlineExceeded, OpError, UnknownNetworkError, net
from netpoll.net import UDPAddr, ip, multicast, udp_socket
from tests.net.ends import needs_ipv6
from tests.running import in_run

GROUP = "239.195.7.1"
GROUP6 = "ff12::7:1"


def _carries(interface: str, group: str) -> bool:
    """Tell whether what is sent to a group through an interface comes back to this machine."""
    with suppress(OSError), udp_socket.listen("udp", UDPAddr(_any(group), 0)) as probe:
        probe.join_group(group, interface)
        probe.set_multicast_interface(interface)
        probe.set_multicast_ttl(0)  # not to leave the machine
        probe.write_to(b"", UDPAddr(group, probe.local_addr.port))
        probe.settimeout(0.2)
        probe.read_from()
        return True
    return False


def _any(group: str) -> str:
    return "::" if ":" in group else "0.0.0.0"


def _carrier(group: str) -> str:
    names = [name for _, name in socket.if_nameindex()]
    others_first = sorted(names, key=lambda name: name == "lo")
    return next((name for name in others_first if _carries(name, group)), "")


CARRIER, CARRIER6 = netpoll.run(lambda: (_carrier(GROUP), _carrier(GROUP6)))
needs_carrier = pytest.mark.skipif(not CARRIER, reason="no interface carries groups")
needs_carrier6 = pytest.mark.skipif(not CARRIER6, reason="no interface carries IPv6 groups")
each_family = pytest.mark.parametrize(
    ("network", "group", "interface"),
    [
        pytest.param("udp4", GROUP, CARRIER, marks=needs_carrier, id="IPv4"),
        pytest.param("udp6", GROUP6, CARRIER6, marks=needs_carrier6, id="IPv6"),
    ],
)


def spelled(group: str, port: int = 0) -> str:
    return str(UDPAddr(group, port))


def sender(group: str, interface: str) -> net.UDPConn:
    """Return a socket that sends to groups, but not out of this machine."""
    conn = udp_socket.listen("udp", UDPAddr(_any(group), 0))
    conn.set_multicast_interface(interface)
    conn.set_multicast_ttl(0)
    return conn


def hears(conn: net.UDPConn) -> list[bytes]:
    """Return what there is to read."""
    heard = []
    conn.settimeout(0)
    with suppress(DeadlineExceeded):
        while True:
            heard.append(conn.read_from()[0])
    return heard


@each_family
@in_run
def test_each_who_listens_to_a_group_hears_what_is_sent_to_it(
    network: str, group: str, interface: str
) -> None:
    # Source: go1.27 net/listen_test.go TestIPv4MulticastListener
    with net.listen_multicast(network, interface, spelled(group)) as one:
        with net.listen_multicast(network, interface, one.local_addr) as two:
            assert one.local_addr == two.local_addr
            assert one.local_addr.ip == group
            with sender(group, interface) as source:
                source.write_to(b"to all", one.local_addr)
                for member in (one, two):
                    member.settimeout(5)
                    data, addr = member.read_from()
                    assert (data, addr.port) == (b"to all", source.local_addr.port)


@each_family
@in_run
def test_who_listens_to_a_group_hears_of_no_other_group_or_address(
    network: str, group: str, interface: str
) -> None:
    with net.listen_multicast(network, interface, spelled(group)) as member:
        port = member.local_addr.port
        other = group[:-1] + "2"
        with sender(group, interface) as source, sender(group, interface) as joined:
            joined.join_group(other, interface)
            source.write_to(b"to others", spelled(other, port))
            source.write_to(b"to one", spelled(ip.LOOPBACK[source._fd.family], port))
            source.write_to(b"to all", member.local_addr)
            member.settimeout(5)
            assert member.read_from()[0] == b"to all"
            assert hears(member) == []


@each_family
@in_run
def test_a_group_is_joined_once_and_left_once(network: str, group: str, interface: str) -> None:
    with sender(group, interface) as member, sender(group, interface) as source:
        target = spelled(group, member.local_addr.port)
        member.setsockopt(socket.IPPROTO_IP, 49, 0)  # IP_MULTICAST_ALL: others' groups are not ours
        source.write_to(b"too early", target)
        member.join_group(group, interface)
        with pytest.raises(OpError) as caught:
            member.join_group(group, interface)
        assert (caught.value.op, caught.value.errno) == ("set", errno.EADDRINUSE)
        source.write_to(b"in time", target)
        member.settimeout(5)
        assert member.read_from()[0] == b"in time"
        member.leave_group(group, interface)
        with pytest.raises(OpError) as caught:
            member.leave_group(group, interface)
        assert caught.value.errno == errno.EADDRNOTAVAIL
        if ":" not in group:  # one of IPv6 still hears groups that others have joined
            source.write_to(b"too late", target)
            assert hears(member) == []


@each_family
@in_run
def test_an_interface_is_given_by_name_by_number_or_as_one(
    network: str, group: str, interface: str
) -> None:
    @dataclass
    class Interface:
        index: int

    number = socket.if_nametoindex(interface)
    ways: list[tuple[str | UDPAddr, multicast.AnyInterface]] = [
        (group, one) for one in (interface, number, str(number), Interface(number))
    ]
    if ":" in group:  # an IPv4 address has no zone
        ways += [(f"{group}%{interface}", None), (UDPAddr(group, 9, interface), None)]
    for where, one in ways:
        with sender(group, interface) as member:
            if one is not None:
                member.set_multicast_interface(one)
            member.join_group(where, one)
            member.write_to(b"x", spelled(group, member.local_addr.port))
            member.settimeout(5)
            assert member.read_from()[0] == b"x"
            member.leave_group(where, one)
            with pytest.raises(OpError):
                member.leave_group(group, number)


@needs_carrier
@in_run
def test_a_group_may_be_joined_for_one_source_alone() -> None:
    with sender(GROUP, CARRIER) as member:
        member.setsockopt(socket.IPPROTO_IP, 49, 0)
        target = UDPAddr(GROUP, member.local_addr.port)
        member.join_group(GROUP, CARRIER)
        member.write_to(b"who am I", target)
        member.settimeout(5)
        myself = member.read_from()[1].ip
        member.leave_group(GROUP, CARRIER)
        member.join_group(GROUP, CARRIER, "192.0.2.77")
        member.write_to(b"not from there", target)
        assert hears(member) == []
        member.join_group(GROUP, CARRIER, myself)
        member.write_to(b"from here", target)
        member.settimeout(5)
        assert member.read_from()[0] == b"from here"
        member.leave_group(GROUP, CARRIER, myself)
        member.write_to(b"no more", target)
        assert hears(member) == []


@each_family
@in_run
def test_what_is_sent_comes_back_or_not(network: str, group: str, interface: str) -> None:
    if interface == "lo":
        pytest.skip("what is sent through the loopback comes back in any case")
    with net.listen_multicast(network, interface, spelled(group)) as member:
        member.set_multicast_ttl(0)
        member.write_to(b"not to myself", member.local_addr)
        assert hears(member) == []
        member.set_multicast_loop(True)
        member.write_to(b"to myself too", member.local_addr)
        member.settimeout(5)
        assert member.read_from()[0] == b"to myself too"


@needs_ipv6
@in_run
def test_a_socket_of_both_families_has_the_options_of_both() -> None:
    with udp_socket.listen("udp", UDPAddr("::", 0)) as conn:
        conn.set_multicast_ttl(7)
        conn.set_multicast_loop(False)
        for level, ttl, loop in (
            (socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, socket.IP_MULTICAST_LOOP),
            (socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, socket.IPV6_MULTICAST_LOOP),
        ):
            assert (conn.getsockopt(level, ttl), conn.getsockopt(level, loop)) == (7, 0)


@pytest.mark.parametrize("hops", [-1, 256])
@in_run
def test_a_number_of_hops_has_its_limits(hops: int) -> None:
    with udp_socket.listen("udp", UDPAddr("127.0.0.1", 0)) as conn:
        with pytest.raises(ValueError, match="0 to 255"):
            conn.set_multicast_ttl(hops)


@pytest.mark.parametrize(
    ("group", "interface", "source", "reason"),
    [
        ("192.0.2.1", None, None, "not a multicast address"),
        ("fe80::1", None, None, "not a multicast address"),
        ("223.255.255.255", None, None, "not a multicast address"),
        ("240.0.0.1", None, None, "not a multicast address"),
        ("all-hosts", None, None, "invalid IP address"),
        (GROUP, "no-such-interface", None, "no such interface"),
        (GROUP, "", None, "no such interface"),
        (GROUP, "lo\0", None, "no such interface"),
        (f"{GROUP6}%nowhere", None, None, "no such interface"),
        (GROUP6, None, None, "non-IPv4 address"),
        (GROUP, None, "::1", "another family"),
        (GROUP, None, "somebody", "invalid IP address"),
    ],
)
@in_run
def test_what_is_no_group_interface_or_source_is_told(
    group: str, interface: str | None, source: str | None, reason: str
) -> None:
    with udp_socket.listen("udp", UDPAddr("127.0.0.1", 0)) as conn:
        for change in (conn.join_group, conn.leave_group):
            with pytest.raises(AddrError, match=reason) as caught:
                change(group, interface, source)
            assert type(caught.value) is AddrError
            assert str(caught.value).startswith("set udp: ")


@in_run
def test_what_is_no_interface_to_send_through_is_told() -> None:
    with (
        udp_socket.listen("udp", UDPAddr("127.0.0.1", 0)) as conn,
        pytest.raises(AddrError, match=r"^set udp: address nowhere: no such interface$"),
    ):
        conn.set_multicast_interface("nowhere")


@in_run
def test_an_interface_has_a_number_above_zero() -> None:
    with udp_socket.listen("udp", UDPAddr("127.0.0.1", 0)) as conn:
        with pytest.raises(ValueError, match="not -1"):
            conn.set_multicast_interface(-1)
        with pytest.raises(OpError) as caught:
            conn.join_group(GROUP, 1 << 30)
        assert caught.value.errno == errno.ENODEV


@in_run
def test_who_listens_to_what_is_no_group_is_told() -> None:
    with pytest.raises(AddrError, match=r"^listen udp: address 127\.0\.0\.1: not a multicast"):
        net.listen_multicast("udp", None, "127.0.0.1:0")
    with pytest.raises(AddrError, match=r"^listen udp: address nowhere: no such interface$"):
        net.listen_multicast("udp", "nowhere", f"{GROUP}:0")
    with pytest.raises(AddrError, match=r"^listen udp: address group: missing port in address$"):
        net.listen_multicast("udp", None, "group")
    with pytest.raises(UnknownNetworkError, match=r"^listen tcp: unknown network tcp"):
        net.listen_multicast("tcp", None, f"{GROUP}:0")
    with pytest.raises(OpError) as caught:
        net.listen_multicast("udp", 1 << 30, f"{GROUP}:0")
    assert caught.value.op == "listen"
    assert caught.value.errno in {errno.ENODEV, errno.EADDRNOTAVAIL}

"""Interfaces and their addresses, beside what the system says of them in other ways."""

import fcntl
import socket
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Address, IPv6Interface, ip_address, ip_interface
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from netpoll import OpError
from netpoll.net import interface as module
from netpoll.net.interface import (
    Interface,
    InterfaceFlags,
    interface_addrs,
    interface_by_index,
    interface_by_name,
    interfaces,
)
from tests.net.ends import needs_ipv6

UP_LOOPBACK = InterfaceFlags.UP | InterfaceFlags.LOOPBACK
GHOST = (2**31 - 1, "ghost0")


def loopback() -> Interface:
    found = [one for one in interfaces() if UP_LOOPBACK in one.flags]
    assert found, "this machine has no loopback interface that is up"
    return found[0]


def system(name: str, what: str) -> str:
    return Path(f"/sys/class/net/{name}/{what}").read_text(encoding="ascii").strip()


# ---- which there are


def test_they_are_those_that_the_system_counts() -> None:
    # Source: go1.27 net/interface_test.go TestInterfaces
    assert [(one.index, one.name) for one in interfaces()] == socket.if_nameindex()


def test_each_is_as_the_system_describes_it() -> None:
    for one in interfaces():
        assert one.mtu == int(system(one.name, "mtu"))
        address = bytes.fromhex(system(one.name, "address").replace(":", ""))
        assert one.hardware_addr == (address if any(address) else b"")
        told = int(system(one.name, "flags"), 16)
        for flag in InterfaceFlags:
            # Sysfs tells what was configured, which is not whether it is running.
            if flag is not InterfaceFlags.RUNNING:
                assert (flag in one.flags) == bool(told & flag), (one.name, flag)


def test_the_loopback_interface_has_no_hardware_address() -> None:
    assert loopback().hardware_addr == b""
    assert InterfaceFlags.RUNNING in loopback().flags
    assert InterfaceFlags.POINT_TO_POINT not in loopback().flags


def test_flags_read_as_words() -> None:
    assert str(UP_LOOPBACK) == "up|loopback"
    assert str(InterfaceFlags.POINT_TO_POINT) == "pointtopoint"
    assert str(InterfaceFlags(0)) == "0"


def test_flags_that_have_no_name_here_are_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    def ioctl(sock: socket.socket, request: int, given: bytes) -> bytes:
        return answer if request == module._SIOCGIFFLAGS else fcntl.ioctl(sock, request, given)

    answer = module._FLAGS.pack(b"lo", 0xFFFF)
    monkeypatch.setattr(module, "ioctl", ioctl)
    assert {one.flags for one in interfaces()} == {InterfaceFlags(sum(InterfaceFlags))}


def test_one_is_found_by_its_name_and_by_its_number() -> None:
    for one in interfaces():
        assert interface_by_name(one.name) == interface_by_index(one.index) == one


@pytest.mark.parametrize("name", ["nosuch0", "lo\0", "a" * 5000])
def test_a_name_that_none_has_is_an_error(name: str) -> None:
    # Source: go1.27 net/interface_test.go TestInterfaceByName...
    with pytest.raises(OpError, match=r"^route ip\+net: no such network interface$"):
        interface_by_name(name)


def test_what_is_no_name_and_no_number_is_an_error() -> None:
    with pytest.raises(OpError, match=r"^route ip\+net: no such network interface$"):
        interface_by_index(GHOST[0])
    with pytest.raises(OpError, match=r"^route ip\+net: invalid network interface name$"):
        interface_by_name("")
    for index in (0, -1):
        with pytest.raises(OpError, match=r"^route ip\+net: invalid network interface index$"):
            interface_by_index(index)


def test_one_that_goes_while_they_are_listed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    there = interfaces()
    listed = [GHOST, *socket.if_nameindex(), GHOST]
    monkeypatch.setattr(socket, "if_nameindex", lambda: listed)
    assert interfaces() == there


def test_an_error_of_the_system_says_what_was_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise PermissionError(1, "not permitted")

    monkeypatch.setattr(module, "ioctl", fails)
    with pytest.raises(PermissionError, match=r"^route ip\+net: not permitted$"):
        interfaces()


def test_an_address_longer_than_six_bytes_is_asked_for_elsewhere(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    infiniband = bytes(range(20))
    asked: list[str] = []

    def long_address(name: str) -> bytes:
        asked.append(name)
        return infiniband

    def ioctl(sock: socket.socket, request: int, given: bytes) -> bytes:
        return answer if request == module._SIOCGIFHWADDR else fcntl.ioctl(sock, request, given)

    answer = module._HARDWARE.pack(b"ib0", 32, infiniband[:6])
    monkeypatch.setattr(module, "ioctl", ioctl)
    monkeypatch.setattr(module, "_long_address", long_address)
    assert {one.hardware_addr for one in interfaces()} == {infiniband}
    assert asked == [name for _, name in socket.if_nameindex()]


def test_an_address_that_is_none_is_empty() -> None:
    assert module._long_address(loopback().name) == bytes(6)
    assert module._long_address("nosuch0") == b""


# ---- their addresses


def test_the_loopback_interface_has_its_address() -> None:
    pytest.importorskip("psutil")
    assert ip_interface("127.0.0.1/8") in loopback().addrs()
    if socket.has_ipv6 and Path("/proc/net/if_inet6").exists():
        told = Path("/proc/net/if_inet6").read_text(encoding="ascii").splitlines()
        mine = [line.split()[0] for line in told if int(line.split()[1], 16) == loopback().index]
        expected = {IPv6Address(bytes.fromhex(one)) for one in mine}
        six = {one.ip for one in loopback().addrs() if isinstance(one, IPv6Interface)}
        assert six == expected


def test_the_addresses_of_all_are_those_of_each() -> None:
    pytest.importorskip("psutil")
    each = [address for one in interfaces() for address in one.addrs()]
    assert sorted(map(str, each)) == sorted(map(str, interface_addrs()))
    assert ip_interface("127.0.0.1/8") in interface_addrs()


def told_of(monkeypatch: pytest.MonkeyPatch, **table: list[tuple[int, str, str | None]]) -> None:
    """Let psutil tell these rows of family, address and netmask; "__" in a name is a colon."""
    rows = {
        name.replace("__", ":"): [
            SimpleNamespace(family=family, address=address, netmask=netmask)
            for family, address, netmask in several
        ]
        for name, several in table.items()
    }
    monkeypatch.setitem(sys.modules, "psutil", SimpleNamespace(net_if_addrs=lambda: rows))


def test_an_address_comes_with_its_network_and_its_zone(monkeypatch: pytest.MonkeyPatch) -> None:
    told_of(
        monkeypatch,
        a0=[
            (socket.AF_PACKET, "02:00:00:00:00:01", None),
            (socket.AF_INET, "192.0.2.1", "255.255.254.0"),
            (socket.AF_INET6, "fe80::1%a0", "ffff:ffff:ffff:ffff::"),
            (socket.AF_INET6, "2001:db8::1", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ],
        tun0=[(socket.AF_INET, "198.51.100.1", None), (socket.AF_INET6, "2001:db8::2", None)],
    )
    a0 = Interface(7, 1500, "a0", b"", UP_LOOPBACK)
    assert [str(one) for one in a0.addrs()] == [
        "192.0.2.1/23",
        "fe80::1%a0/64",
        "2001:db8::1/128",
    ]
    assert [str(one) for one in interface_addrs()[3:]] == ["198.51.100.1/32", "2001:db8::2/128"]


def test_an_address_with_a_label_is_its_interfaces(monkeypatch: pytest.MonkeyPatch) -> None:
    told_of(
        monkeypatch,
        a0=[(socket.AF_INET, "192.0.2.1", "255.255.255.0")],
        a0__web=[(socket.AF_INET, "192.0.2.2", "255.255.255.0")],
        a01=[(socket.AF_INET, "192.0.2.3", "255.255.255.0")],
    )
    a0 = Interface(7, 1500, "a0", b"", UP_LOOPBACK)
    assert [str(one.ip) for one in a0.addrs()] == ["192.0.2.1", "192.0.2.2"]


def test_without_psutil_it_is_said_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psutil", None)
    for ask in (loopback().addrs, interface_addrs):
        with pytest.raises(ModuleNotFoundError, match="the extra 'interfaces'") as caught:
            ask()
        assert caught.value.name == "psutil"
    assert loopback().multicast_addrs() is not None


# ---- their groups


@contextmanager
def joined(group: str, index: int) -> Iterator[None]:
    address = ip_address(group).packed
    if len(address) == 4:
        request = struct.pack("=4s4si", address, bytes(4), index)  # struct ip_mreqn
        family, level, name = socket.AF_INET, socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP
    else:
        request = struct.pack("=16si", address, index)
        family, level, name = socket.AF_INET6, socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP
    with socket.socket(family, socket.SOCK_DGRAM) as member:
        member.setsockopt(level, name, request)
        yield


@pytest.mark.parametrize("group", ["239.1.2.3", pytest.param("ff02::1234:5678", marks=needs_ipv6)])
def test_a_group_is_listed_while_somebody_is_a_member(group: str) -> None:
    one = loopback()
    others = [other for other in interfaces() if other != one]
    with joined(group, one.index):
        assert ip_address(group) in one.multicast_addrs()
        assert all(ip_address(group) not in other.multicast_addrs() for other in others)
    assert ip_address(group) not in one.multicast_addrs()


IGMP = """\
Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter
1\tlo        :     1      V3
\t\t\t\t{one}     1 0:00000000\t\t0
12\teth0      :     2      V3
\t\t\t\t{two}     1 0:00000000\t\t0
\t\t\t\t{one}     1 0:00000000\t\t0
"""
IGMP6 = """\
1    lo              ff020000000000000000000000000001     1 0000000C 0
12   eth0            ff0200000000000000000001ff000002     1 00000004 0
"""


def test_groups_are_told_apart_by_the_number_of_their_interface(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def word(group: str) -> str:
        return f"{int.from_bytes(ip_address(group).packed, sys.byteorder):08X}"

    tables = {
        "/proc/net/igmp": IGMP.format(one=word("224.0.0.1"), two=word("239.1.2.3")),
        "/proc/net/igmp6": IGMP6,
    }
    monkeypatch.setattr(module, "_lines", lambda path: tables[path].splitlines())
    groups: Any = [
        Interface(index, 0, "", b"", InterfaceFlags(0)).multicast_addrs() for index in (1, 2, 12)
    ]
    assert groups == [
        [IPv4Address("224.0.0.1"), IPv6Address("ff02::1")],
        [],
        [IPv4Address("239.1.2.3"), IPv4Address("224.0.0.1"), IPv6Address("ff02::1:ff00:2")],
    ]


def test_a_machine_without_a_family_has_no_groups_of_it() -> None:
    assert module._lines("/proc/net/no_such_table") == []

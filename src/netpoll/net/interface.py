"""The network interfaces of this machine, and their addresses.

What is told is the state of the moment, of the network namespace that the process is in. Nothing
here parks.
Source: go1.27 net/interface.go; netdevice(7)
"""

from __future__ import annotations

import errno
import os
import socket
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from enum import IntFlag
from fcntl import ioctl
from struct import Struct
from typing import TYPE_CHECKING

from netpoll.errors import OpError
from netpoll.net.operror import wrapping

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv4Interface, IPv6Address, IPv6Interface

# Of <linux/sockios.h>, and the struct ifreq that goes with each.
_SIOCGIFFLAGS, _FLAGS = 0x8913, Struct("=16sH22x")
_SIOCGIFMTU, _MTU = 0x8921, Struct("=16si20x")
_SIOCGIFHWADDR, _HARDWARE = 0x8927, Struct("=16sH6s16x")
_ETHERNET = 1  # ARPHRD_ETHER

_OP, _NETWORK = "route", "ip+net"


class InterfaceFlags(IntFlag):
    """What an interface is and does; the kernel's own bits."""

    UP = 0x1
    BROADCAST = 0x2
    LOOPBACK = 0x8
    POINT_TO_POINT = 0x10
    RUNNING = 0x40
    MULTICAST = 0x1000

    def __str__(self) -> str:
        names = (flag.name or "" for flag in InterfaceFlags if flag in self)
        return "|".join(name.lower().replace("_", "") for name in names) or "0"


@dataclass(frozen=True, slots=True)
class Interface:
    """A network interface, as it was when it was asked for.

    index: the kernel's number for it, from 1 on.
    mtu: the most bytes of a packet.
    hardware_addr: such as the six bytes of an Ethernet address; b"" if it has none.
    """

    index: int
    mtu: int
    name: str
    hardware_addr: bytes
    flags: InterfaceFlags

    def addrs(self) -> list[IPv4Interface | IPv6Interface]:
        """Return its addresses, each with its network; a link-local one with its zone.

        ModuleNotFoundError: psutil, of the extra "interfaces", is not installed.
        """
        return list(_addresses(self.name))

    def multicast_addrs(self) -> list[IPv4Address | IPv6Address]:
        """Return the multicast groups that it is a member of.

        Source: go1.27 net/interface_linux.go interfaceMulticastAddrTable
        """
        return [*_groups(self.index), *_groups6(self.index)]


def interfaces() -> list[Interface]:
    """Return all network interfaces. OpError."""
    found = []
    with wrapping(_OP, _NETWORK, None, None), socket.socket(socket.AF_UNIX) as any_socket:
        for index, name in socket.if_nameindex():
            try:
                found.append(_interface(any_socket, index, name))
            except OSError as error:
                if error.errno != errno.ENODEV:  # it has gone since
                    raise
    return found


def interface_by_name(name: str) -> Interface:
    """Return the interface of that name. OpError: there is none."""
    if not name:
        raise _failure(errno.EINVAL, "invalid network interface name")
    for interface in interfaces():
        if interface.name == name:
            return interface
    raise _failure(errno.ENODEV, "no such network interface")


def interface_by_index(index: int) -> Interface:
    """Return the interface of that number. OpError: there is none."""
    if index < 1:
        raise _failure(errno.EINVAL, "invalid network interface index")
    for interface in interfaces():
        if interface.index == index:
            return interface
    raise _failure(errno.ENODEV, "no such network interface")


def interface_addrs() -> list[IPv4Interface | IPv6Interface]:
    """Return the addresses of all interfaces; as Interface.addrs."""
    return list(_addresses(None))


def _failure(number: int, reason: str) -> OpError:
    return OpError(_OP, _NETWORK, errno=number, reason=reason)


def _interface(any_socket: socket.socket, index: int, name: str) -> Interface:
    def ask(request: int, answer: Struct) -> tuple[int, ...]:
        fields: tuple[int, ...] = answer.unpack(ioctl(any_socket, request, given))[1:]
        return fields

    # Not sysfs, which tells of the namespace in which it was mounted.
    given = os.fsencode(name).ljust(_FLAGS.size, b"\0")
    (flags,) = ask(_SIOCGIFFLAGS, _FLAGS)
    (mtu,) = ask(_SIOCGIFMTU, _MTU)
    known = InterfaceFlags(flags & sum(InterfaceFlags))
    return Interface(index, mtu, name, _hardware_addr(any_socket, name, given), known)


def _hardware_addr(any_socket: socket.socket, name: str, given: bytes) -> bytes:
    _, kind, address = _HARDWARE.unpack(ioctl(any_socket, _SIOCGIFHWADDR, given))
    if kind != _ETHERNET:
        address = _long_address(name)  # an ifreq does not say how long its address is
    return address if any(address) else b""


def _long_address(name: str) -> bytes:
    try:
        with open(f"/sys/class/net/{name}/address", encoding="ascii") as file:  # noqa: PTH123 - no pathlib for this
            return bytes.fromhex(file.read().strip().replace(":", " "))
    except (OSError, ValueError):  # none at all, or one that is no number, as that of a tunnel
        return b""


def _addresses(only: str | None) -> Iterator[IPv4Interface | IPv6Interface]:
    """Yield the addresses of one interface, or of all."""
    try:
        import psutil  # noqa: PLC0415 - optional
    except ModuleNotFoundError as error:
        text = "the addresses of interfaces need psutil (the extra 'interfaces' brings it)"
        raise ModuleNotFoundError(text, name=error.name) from error
    with wrapping(_OP, _NETWORK, None, None):
        table = psutil.net_if_addrs()
    for label, rows in table.items():
        name = label.partition(":")[0]  # the rest is what somebody has called the address
        for row in rows:
            if only in {None, name} and row.family in {socket.AF_INET, socket.AF_INET6}:
                yield _with_network(row.address, row.netmask)


def _with_network(address: str, netmask: str | None) -> IPv4Interface | IPv6Interface:
    from ipaddress import ip_address, ip_interface  # noqa: PLC0415 - imported by few programs

    ip = ip_address(address)
    ones = int(ip_address(netmask)).bit_count() if netmask else ip.max_prefixlen
    return ip_interface(f"{address}/{ones}")


def _groups(index: int) -> Iterator[IPv4Address]:
    """Read the groups below the line of an interface, which begins with its number."""
    from ipaddress import IPv4Address  # noqa: PLC0415 - imported by few programs

    current = 0
    for line in _lines("/proc/net/igmp")[1:]:
        first = line.split()[0]
        if not line[0].isspace():
            current = int(first)
        elif current == index:
            # As the word lies in memory: in the order of this machine.
            yield IPv4Address(int(first, 16).to_bytes(4, sys.byteorder))


def _groups6(index: int) -> Iterator[IPv6Address]:
    from ipaddress import IPv6Address  # noqa: PLC0415 - imported by few programs

    for line in _lines("/proc/net/igmp6"):
        number, _, group, *_ = line.split()
        if int(number) == index:
            yield IPv6Address(bytes.fromhex(group))


def _lines(path: str) -> list[str]:
    """Return the lines of a table of the kernel, none if it does without that family."""
    try:
        with open(path, encoding="ascii") as file:  # noqa: PTH123 - as above
            return file.read().splitlines()
    except FileNotFoundError:
        return []

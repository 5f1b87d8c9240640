"""Multicast: sockets that receive what is sent to a group, and options of those who send to one.

Groups are joined by MCAST_JOIN_GROUP and its like, which take addresses of either family and an
interface by its number (RFC 3678).

Source: go1.27 net/udpsock.go ListenMulticastUDP, net/sockoptip_linux.go; ip(7); ipv6(7)
"""

import socket
from collections.abc import Callable
from socket import AF_INET, AF_INET6, IPPROTO_IP, IPPROTO_IPV6
from struct import Struct
from typing import TYPE_CHECKING, Protocol, TypeAlias

from netpoll._poll.socket_fd import SocketFD
from netpoll.errors import AddrError
from netpoll.net import ip, networks, sockaddr, udp_socket, zone
from netpoll.net.addr import Addr, InternetAddr, UDPAddr
from netpoll.net.operror import name_operation, wrapping
from netpoll.net.resolve import resolve
from netpoll.net.udp import UDPConn

if TYPE_CHECKING:
    from netpoll.net.resolver import Resolver

# Of <linux/in.h> and <linux/in6.h>; the socket module has no names for them.
_JOIN, _LEAVE, _JOIN_SOURCE, _LEAVE_SOURCE = 42, 45, 46, 47
_IP_MULTICAST_ALL = 49
_IPV6_MULTICAST_ALL = 29

_GROUP = Struct("@I0L128s")  # struct group_req: interface, group
_GROUP_SOURCE = Struct("@I0L128s128s")  # struct group_source_req: and source
_INTERFACE = Struct("@4s4si")  # struct ip_mreqn: group, address, interface

_FIRST, _LAST = 224, 239  # what the first byte of an IPv4 group is
_MAX_HOPS = 255


class _Numbered(Protocol):
    @property
    def index(self) -> int: ...


AnyInterface: TypeAlias = str | int | _Numbered | None
"""An interface by its name, its number, or as an Interface; None leaves it to the routes."""


def listen_multicast(
    network: str,
    interface: AnyInterface,
    address: str | Addr,
    *,
    resolver: "Resolver | None" = None,
) -> UDPConn:
    """Return a socket that receives what is sent to a group, "group:port", and to no other address.

    interface: by name, number, or an Interface; None: where the route to the group leads. Others
    on this machine may listen to the group and port as well, each gets every datagram. What is sent
    by the socket to a group does not come back to this machine, unless set_multicast_loop says so.
    Looking a name up parks.

    Raises OpError, AddrError (it is no group, there is no such interface), UnknownNetworkError,
    DNSError.
    Source: go1.27 net/udpsock.go ListenMulticastUDP, which binds to any address
    """
    try:
        networks.find(network, "udp")
        found = resolve("listen", resolver, network, address)[0]
        index = number_of(interface) or number_of(found.zone or None)
        group = UDPAddr(found.ip, found.port, _scope(found, index))
        check_group(group)
    except AddrError as error:
        name_operation(error, "listen", network)
        raise
    with wrapping("listen", network, None, group):
        return _listen(network, group, index)


def _listen(network: str, group: UDPAddr, index: int) -> UDPConn:
    conn = udp_socket.listen(network, group, only_ipv6=True, reuse_addr=True)
    try:
        fd = conn._fd  # noqa: SLF001 - of this package
        # Else it gets what comes over the interfaces on which others of this machine have joined.
        if group.family == AF_INET6:
            fd.setsockopt(IPPROTO_IPV6, _IPV6_MULTICAST_ALL, 0)
        else:
            fd.setsockopt(IPPROTO_IP, _IP_MULTICAST_ALL, 0)
        set_loop(fd, enabled=False)
        if index:
            set_interface(fd, index)
        fd.setsockopt(*membership(fd.family, group, index, None, join=True))
    except BaseException:
        conn.close()
        raise
    return conn


def _scope(group: InternetAddr, index: int) -> str:
    # A group of a link or an interface is one on each of them: the address has to say which.
    return zone.from_scope(index) if group.family == AF_INET6 else ""


def as_group(group: str | InternetAddr) -> InternetAddr:
    """Return the address that a group is given as: its text, with a zone or not; AddrError."""
    if not isinstance(group, InternetAddr):
        group = UDPAddr(*_host(group))
    check_group(group)
    return group


def _host(text: str) -> tuple[str, int, str]:
    address, scope = ip.split_zone(text)
    return address, 0, scope


def check_group(addr: InternetAddr) -> None:
    """Raise AddrError if an address is no group's."""
    if addr.family == AF_INET:
        is_group = _FIRST <= int(addr.ip.partition(".")[0]) <= _LAST
    else:
        is_group = addr.ip.startswith("ff")
    if not is_group:
        raise AddrError("not a multicast address", addr.ip)


def number_of(interface: AnyInterface) -> int:
    """Return the number of an interface, 0 for None; AddrError if there is none of that name."""
    if interface is None:
        return 0
    if isinstance(interface, str):
        number = zone.to_scope(interface)
        if not number:
            raise AddrError("no such interface", interface)
        return number
    number = interface if isinstance(interface, int) else interface.index
    if number < 0:
        raise ValueError(f"an interface has a number of 1 or more, not {number}")
    return number


def membership(
    family: int, group: InternetAddr, index: int, source: str | None, *, join: bool
) -> tuple[int, int, bytes]:
    """Return the option by which a socket of that family joins or leaves a group.

    AddrError: the socket cannot reach the group, or the source is none.
    """
    if family == AF_INET and group.family != AF_INET:
        raise AddrError("non-IPv4 address", group.ip)
    level = IPPROTO_IPV6 if group.family == AF_INET6 else IPPROTO_IP
    raw = sockaddr.pack(group.ip, 0, 0)
    if source is None:
        return level, _JOIN if join else _LEAVE, _GROUP.pack(index, raw)
    sender = UDPAddr(*_host(source))
    if sender.family != group.family:
        raise AddrError("a source of another family than its group", source)
    both = _GROUP_SOURCE.pack(index, raw, sockaddr.pack(sender.ip, 0, 0))
    return level, _JOIN_SOURCE if join else _LEAVE_SOURCE, both


def set_interface(fd: SocketFD, index: int) -> None:
    """Send to groups through an interface; 0: where the routes lead. OSError."""
    _for_each_family(
        fd,
        lambda: fd.setsockopt(
            IPPROTO_IP, socket.IP_MULTICAST_IF, _INTERFACE.pack(bytes(4), bytes(4), index)
        ),
        lambda: fd.setsockopt(IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index),
    )


def set_ttl(fd: SocketFD, hops: int) -> None:
    """Let what is sent to groups pass so many networks. OSError, ValueError."""
    if not 0 <= hops <= _MAX_HOPS:
        raise ValueError(f"a datagram passes 0 to {_MAX_HOPS} networks, not {hops}")
    _for_each_family(
        fd,
        lambda: fd.setsockopt(IPPROTO_IP, socket.IP_MULTICAST_TTL, hops),
        lambda: fd.setsockopt(IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, hops),
    )


def set_loop(fd: SocketFD, *, enabled: bool) -> None:
    """Let what is sent to groups come to the members on this machine as well. OSError."""
    _for_each_family(
        fd,
        lambda: fd.setsockopt(IPPROTO_IP, socket.IP_MULTICAST_LOOP, int(enabled)),
        lambda: fd.setsockopt(IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, int(enabled)),
    )


def _for_each_family(
    fd: SocketFD, set_ipv4: Callable[[], None], set_ipv6: Callable[[], None]
) -> None:
    """Set the option of IPv6 and, since such a socket may send over both, that of IPv4 too."""
    if fd.family == AF_INET6:
        set_ipv6()
    set_ipv4()

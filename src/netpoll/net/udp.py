"""UDP: sockets that send and receive datagrams."""

import socket
from contextlib import AbstractContextManager
from socket import AF_INET, AF_INET6, IPPROTO_UDP, SOL_SOCKET
from typing import TYPE_CHECKING, Self

from netpoll.errors import AddrError
from netpoll.net import adopt, ip, sockaddr, sockopt
from netpoll.net.addr import Addr, InternetAddr, UDPAddr, encode
from netpoll.net.endpoint import own_methods
from netpoll.net.operror import wrapping
from netpoll.net.packet_conn import PacketConn

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from netpoll.net.multicast import AnyInterface

_UDP_GRO = 104  # of <linux/udp.h>; the socket module has no name for it
_MAPPED = "::ffff:"  # the prefix of an IPv4 address inside an IPv6 one


@own_methods
class UDPConn(PacketConn):
    """A UDP socket, connected to one peer by dial, or open to all by listen_packet.

    Each of its setters raises OpError, or ClosedError once it is closed.
    Source: go1.27 net/udpsock.go UDPConn; udp(7)
    """

    __slots__ = ()

    if TYPE_CHECKING:  # at run time these are PacketConn's

        @property
        def local_addr(self) -> UDPAddr:
            """This end's address."""

        @property
        def remote_addr(self) -> UDPAddr | None:
            """The peer's address, None if it has no peer."""

        def read_from(self, n: int = 65536) -> tuple[bytes, UDPAddr]:
            """Receive one datagram and its sender."""

        def readinto_from(self, buffer: Buffer) -> tuple[int, UDPAddr]:
            """Receive one datagram into a buffer; return its size and its sender."""

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        return adopt.as_kind(cls, UDPConn, fileno)

    def set_broadcast(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Allow sending to broadcast addresses, which is the default on IPv4, or forbid it."""
        with self._setting():
            self._fd.setsockopt(SOL_SOCKET, socket.SO_BROADCAST, int(enabled))

    def set_read_buffer(self, size: int) -> None:
        """Ask for a receive buffer of so many bytes: the rest is lost (socket(7))."""
        with self._setting():
            sockopt.set_read_buffer(self._fd, size)

    def set_write_buffer(self, size: int) -> None:
        """Ask for a send buffer of so many bytes (socket(7))."""
        with self._setting():
            sockopt.set_write_buffer(self._fd, size)

    # -- groups

    def join_group(
        self,
        group: str | InternetAddr,
        interface: "AnyInterface" = None,
        source: str | None = None,
    ) -> None:
        """Receive what is sent to a group, too, or what one source sends to it.

        group, source: an IP address as text, a group also as a UDPAddr. interface: by name, number,
        or an Interface; None: the zone of the group, or where the route to it leads.
        Raises AddrError: it is no group, there is no such interface; OpError: EADDRINUSE if it is
        joined already, ENODEV if no route leads there, and the like.
        Source: RFC 3678; ip(7) IP_ADD_MEMBERSHIP
        """
        self._change_group(group, interface, source, join=True)

    def leave_group(
        self,
        group: str | InternetAddr,
        interface: "AnyInterface" = None,
        source: str | None = None,
    ) -> None:
        """Undo what join_group has done with the same arguments. Raises the same.

        OpError: EADDRNOTAVAIL if it was not joined.
        """
        self._change_group(group, interface, source, join=False)

    def _change_group(
        self,
        group: str | InternetAddr,
        interface: "AnyInterface",
        source: str | None,
        *,
        join: bool,
    ) -> None:
        from netpoll.net import multicast  # noqa: PLC0415 - few need it

        with self._setting():
            addr = multicast.as_group(group)
            number = multicast.number_of(interface) or multicast.number_of(addr.zone or None)
            option = multicast.membership(self._fd.family, addr, number, source, join=join)
            self._fd.setsockopt(*option)

    def set_multicast_interface(self, interface: "AnyInterface") -> None:
        """Send to groups through this interface; None: where the routes lead."""
        from netpoll.net import multicast  # noqa: PLC0415 - likewise

        with self._setting():
            multicast.set_interface(self._fd, multicast.number_of(interface))

    def set_multicast_ttl(self, hops: int) -> None:
        """Let what is sent to groups pass so many networks, 0 to 255; 1, this one, by default."""
        from netpoll.net import multicast  # noqa: PLC0415 - likewise

        with self._setting():
            multicast.set_ttl(self._fd, hops)

    def set_multicast_loop(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Let what is sent to groups come to their members on this machine as well, or not."""
        from netpoll.net import multicast  # noqa: PLC0415 - likewise

        with self._setting():
            multicast.set_loop(self._fd, enabled=enabled)

    # -- segments

    def set_gro(self, enabled: bool) -> None:  # noqa: FBT001 - likewise
        """Let the kernel glue datagrams of one sender together, or not, which is the default.

        That costs it less when many come; to be chosen before any have. read_batch gives them back
        one by one, recvmsg says in its control data how long each is, and any other read raises
        OpError (EINVAL).
        Source: udp(7) UDP_GRO
        """
        with self._setting():
            self._fd.setsockopt(IPPROTO_UDP, _UDP_GRO, int(enabled))

    def write_segments(self, data: "Buffer", size: int, addr: Addr | str | None = None) -> int:
        """Send data in datagrams of `size` bytes, the last of what is left; return its length.

        The kernel cuts, if it and the interface can: that costs less than to send one by one.
        addr: as of write_to; None: to the peer. Parks. On an error `bytes_written` of the exception
        tells how much was sent before it. ValueError: the size is below 1.
        Source: udp(7) UDP_SEGMENT
        """
        from netpoll._poll.segments import send_segments  # noqa: PLC0415 - few need it

        raw = None if addr is None else self._target(addr)
        with wrapping("write", self.network, self.local_addr, addr or self.remote_addr):
            return send_segments(self._fd, data, size, raw)

    def _setting(self) -> AbstractContextManager[None]:
        return wrapping("set", self.network, self.local_addr, self.remote_addr)

    def _encode(self, addr: Addr | str) -> bytes:
        if isinstance(addr, str):
            addr = UDPAddr.parse(addr)
        elif not isinstance(addr, UDPAddr):
            raise TypeError(f"the address to send to is a UDPAddr or its text, not {addr!r}")
        return raw_target(self._fd.family, addr)


def raw_target(family: int, addr: InternetAddr) -> bytes:
    """Return an address as a socket of that family has it; AddrError if that cannot reach it.

    On IPv6 the kernel knows an IPv4 address as a mapped one; whether the socket serves both
    families is for the kernel to say.
    Source: go1.27 net/ipsock_posix.go ipToSockaddr
    """
    if family == AF_INET and addr.family != AF_INET:
        raise AddrError("non-IPv4 address", str(addr))
    if family == AF_INET6 and addr.family == AF_INET:
        text = ip.ANY[AF_INET6] if addr.is_wildcard else _MAPPED + addr.ip
        return sockaddr.pack(text, addr.port, 0)
    return encode(addr)

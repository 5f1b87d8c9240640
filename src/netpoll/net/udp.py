"""UDP: sockets that send and receive datagrams."""

import socket
from contextlib import AbstractContextManager
from socket import AF_INET, AF_INET6, SOL_SOCKET
from typing import TYPE_CHECKING, Self

from netpoll.errors import AddrError
from netpoll.net import adopt, ip, sockaddr, sockopt
from netpoll.net.addr import Addr, InternetAddr, UDPAddr, encode
from netpoll.net.operror import wrapping
from netpoll.net.packet_conn import PacketConn

if TYPE_CHECKING:
    from typing_extensions import Buffer

_MAPPED = "::ffff:"  # the prefix of an IPv4 address inside an IPv6 one


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

        def read_from(self, n: int = 65536) -> tuple[bytes, UDPAddr]: ...
        def readinto_from(self, buffer: Buffer) -> tuple[int, UDPAddr]: ...

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        return adopt.as_kind(cls, UDPConn, fileno)

    def set_broadcast(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Allow sending to broadcast addresses, which is the default on IPv4, or forbid it."""
        with self._setting():
            self._fd.setsockopt(SOL_SOCKET, socket.SO_BROADCAST, int(enabled))

    def set_read_buffer(self, size: int) -> None:
        """Ask for a receive buffer of so many bytes: what it has no room for is lost (socket(7))."""
        with self._setting():
            sockopt.set_read_buffer(self._fd, size)

    def set_write_buffer(self, size: int) -> None:
        """Ask for a send buffer of so many bytes (socket(7))."""
        with self._setting():
            sockopt.set_write_buffer(self._fd, size)

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

"""Listening: which socket an address asks for, and with which options.

Source: go1.27 net/dial.go ListenConfig, net/sock_posix.go; listen(2); tcp(7); ipv6(7)
"""

from collections.abc import Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP
from typing import TYPE_CHECKING, overload

from netpoll._poll.listen_fd import ListenFD
from netpoll.errors import AddrError
from netpoll.net import backlog as queue
from netpoll.net import ipstack, networks, sockopt
from netpoll.net.addr import Addr, InternetAddr, encode
from netpoll.net.control import Control, control_network
from netpoll.net.networks import (
    Network,
    TCPNetwork,
    UDPNetwork,
    UnixgramNetwork,
    UnixNetwork,
)
from netpoll.net.operror import name_operation, wrapping
from netpoll.net.resolve import resolve
from netpoll.net.sockopt import DEFAULT_KEEP_ALIVE, KeepAlive, as_keep_alive
from netpoll.net.tcp import TCPListener

if TYPE_CHECKING:
    from netpoll.context import Context
    from netpoll.net.resolver import Resolver
    from netpoll.net.udp import UDPConn
    from netpoll.net.unix import UnixListener
    from netpoll.net.unixgram import UnixDatagramConn


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenConfig:
    """The options of a listener or a packet connection; what a network lacks is ignored on it.

    backlog: how many peers may wait to be accepted; by default as many as the system allows.
    reuse_port: share the port with other sockets of this user that say so too.
    reuse_addr: have the port although connections of an earlier listener still hold it; on UDP,
        although other sockets have it that say so too. None: as is usual, which is yes for
        listeners and no for UDP.
    only_ipv6: whether a socket of IPv6 leaves IPv4 alone. None: unless it listens on an empty host
        or "[::]" on "tcp" or "udp".
    keep_alive: of the connections accepted; True is the default one, False and None are none.
    no_delay: whether the connections accepted send small writes at once.
    fast_open: how many peers at a time may send data along with the request to connect, before it
        is known that they are where they say (TCP Fast Open); 0 is none.
    mptcp: let peers use Multipath TCP, if the kernel can.
    control: called as control(network, address, socket) before the socket is bound: "tcp4", "udp6",
        "unix", ..., the address to listen on, and a RawSocket to set options on. What it raises
        ends the listen.
    resolver: who knows the names; by default the system.
    Source: go1.27 net/dial.go ListenConfig; RFC 7413; socket(7)
    """

    backlog: int | None = None
    reuse_port: bool = False
    reuse_addr: bool | None = None
    only_ipv6: bool | None = None
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE
    no_delay: bool = True
    fast_open: int = 0
    mptcp: bool = False
    control: Control | None = None
    resolver: "Resolver | None" = None

    @overload
    def listen(
        self, network: TCPNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> TCPListener: ...
    @overload
    def listen(
        self, network: UnixNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UnixListener": ...
    @overload
    def listen(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "TCPListener | UnixListener": ...
    def listen(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "TCPListener | UnixListener":
        """Listen as the function listen does, with these options."""
        try:
            return self._listen(network, address, context)
        except AddrError as error:
            name_operation(error, "listen", network)
            raise

    def _listen(
        self, network: str, address: str | Addr, context: "Context | None"
    ) -> "TCPListener | UnixListener":
        row = networks.find(network, "tcp", "unix", hint=networks.OF_DATAGRAMS)
        if row.transport == "unix":
            from netpoll.net import unix_socket  # noqa: PLC0415 - who needs TCP alone pays nothing

            return unix_socket.listen(network, address, self)
        addr, only_ipv6 = self._internet(row, address, context)
        raw = encode(addr)
        with wrapping("listen", network, None, addr):
            return self._listen_tcp(row, addr, raw, only_ipv6=only_ipv6)

    @overload
    def listen_packet(
        self, network: UDPNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UDPConn": ...
    @overload
    def listen_packet(
        self, network: UnixgramNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UnixDatagramConn": ...
    @overload
    def listen_packet(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "UDPConn | UnixDatagramConn": ...
    def listen_packet(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "UDPConn | UnixDatagramConn":
        """Open a socket for datagrams as the function listen_packet does, with these options."""
        try:
            return self._listen_packet(network, address, context)
        except AddrError as error:
            name_operation(error, "listen", network)
            raise

    def _listen_packet(
        self, network: str, address: str | Addr, context: "Context | None"
    ) -> "UDPConn | UnixDatagramConn":
        row = networks.find(network, "udp", "unix", hint=networks.OF_CONNECTIONS)
        if row.transport == "unix":
            from netpoll.net import unix_socket  # noqa: PLC0415 - as above

            return unix_socket.listen_packet(network, address, self.control)
        from netpoll.net import udp_socket  # noqa: PLC0415 - as above

        addr, only_ipv6 = self._internet(row, address, context)
        with wrapping("listen", network, None, addr):
            return udp_socket.listen(
                network,
                addr,
                only_ipv6=only_ipv6,
                reuse_addr=bool(self.reuse_addr),
                reuse_port=self.reuse_port,
                control=self.control,
            )

    def _internet(
        self, row: Network, address: str | Addr, context: "Context | None"
    ) -> tuple[InternetAddr, bool]:
        """Return the address to listen on, and whether its socket is to be IPv6 alone."""
        if context is None:
            addrs = resolve("listen", self.resolver, row.name, address)
        else:
            from netpoll.net.within import within  # noqa: PLC0415 - seldom wanted

            with within(context, "listen", row.name, address):
                addrs = resolve("listen", self.resolver, row.name, address)
        with wrapping("listen", row.name, None, address):
            return _choose(row.family, addrs, only_ipv6=self.only_ipv6)

    def _listen_tcp(
        self, row: Network, addr: InternetAddr, raw: bytes, *, only_ipv6: bool
    ) -> TCPListener:
        fd = self._socket(row, addr.family)
        try:
            if addr.family == AF_INET6:
                # Always, since the machine chooses the default (net.ipv6.bindv6only).
                sockopt.set_only_ipv6(fd, only_ipv6)
            self._set_options(fd)
            if self.control is not None:
                self.control(control_network(row.name, addr.family), str(addr), fd)
            fd.bind(raw)
            fd.listen(queue.chosen(self.backlog))
            # A control may have made the socket transparent (ip(7)): its connections then have
            # the address that each peer dialled.
            return TCPListener(fd, row.name, shared=self.control is None)
        except BaseException:
            fd.close()
            raise

    def _socket(self, row: Network, family: int) -> ListenFD:
        """Return a socket, one of plain TCP where MPTCP cannot be had."""
        if self.mptcp:
            try:
                return ListenFD.socket(family, row.kind, sockopt.IPPROTO_MPTCP)
            except OSError as error:
                if error.errno in sockopt.SHORTAGE:
                    raise
        return ListenFD.socket(family, row.kind, IPPROTO_TCP)

    def _set_options(self, fd: ListenFD) -> None:
        if self.reuse_addr is None or self.reuse_addr:
            sockopt.set_reuse_addr(fd)
        if self.reuse_port:
            sockopt.set_reuse_port(fd)
        if self.fast_open:
            sockopt.set_fast_open(fd, self.fast_open)
        # For the connections: a socket from accept(2) inherits these from the listening one, on
        # Linux TCP_NODELAY, SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT. That saves
        # five system calls a connection.
        sockopt.set_no_delay(fd, self.no_delay)
        sockopt.set_keep_alive(fd, as_keep_alive(self.keep_alive))


@overload
def listen(
    network: TCPNetwork,
    address: str | Addr,
    *,
    backlog: int | None = None,
    reuse_port: bool = False,
    reuse_addr: bool = True,
    only_ipv6: bool | None = None,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: int = 0,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> TCPListener: ...
@overload
def listen(
    network: UnixNetwork,
    address: str | Addr,
    *,
    backlog: int | None = None,
    reuse_port: bool = False,
    reuse_addr: bool = True,
    only_ipv6: bool | None = None,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: int = 0,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UnixListener": ...
@overload
def listen(
    network: str,
    address: str | Addr,
    *,
    backlog: int | None = None,
    reuse_port: bool = False,
    reuse_addr: bool = True,
    only_ipv6: bool | None = None,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: int = 0,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "TCPListener | UnixListener": ...
def listen(
    network: str,
    address: str | Addr,
    *,
    backlog: int | None = None,
    reuse_port: bool = False,
    reuse_addr: bool = True,
    only_ipv6: bool | None = None,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: int = 0,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "TCPListener | UnixListener":
    """Listen on an address and return the listener; for the options see ListenConfig.

    network: "tcp", "tcp4", "tcp6", "unix" or "unixpacket". address: "host:port" or an Addr. An
    empty host, or "[::]" on "tcp", stands for both families through one socket where the machine
    can do that; "0.0.0.0" is IPv4 alone. The kernel chooses port 0. Of several addresses of a name
    one is taken, IPv4 if there is one; looking it up parks, until the context is done at most. On
    Unix networks it is a path, "@name" for an abstract name, or "" for one that the kernel chooses.

    Raises OpError (the port is in use, the address is not of this machine, ...),
    UnknownNetworkError, AddrError, DNSError.
    Source: go1.27 net/dial.go Listen, net/sock_posix.go listenStream; listen(2)
    """
    config = ListenConfig(
        backlog=backlog,
        reuse_port=reuse_port,
        reuse_addr=reuse_addr,
        only_ipv6=only_ipv6,
        keep_alive=keep_alive,
        no_delay=no_delay,
        fast_open=fast_open,
        mptcp=mptcp,
        control=control,
        resolver=resolver,
    )
    return config.listen(network, address, context=context)


@overload
def listen_packet(
    network: UDPNetwork,
    address: str | Addr,
    *,
    reuse_port: bool = False,
    reuse_addr: bool = False,
    only_ipv6: bool | None = None,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UDPConn": ...
@overload
def listen_packet(
    network: UnixgramNetwork,
    address: str | Addr,
    *,
    reuse_port: bool = False,
    reuse_addr: bool = False,
    only_ipv6: bool | None = None,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UnixDatagramConn": ...
@overload
def listen_packet(
    network: str,
    address: str | Addr,
    *,
    reuse_port: bool = False,
    reuse_addr: bool = False,
    only_ipv6: bool | None = None,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UDPConn | UnixDatagramConn": ...
def listen_packet(
    network: str,
    address: str | Addr,
    *,
    reuse_port: bool = False,
    reuse_addr: bool = False,
    only_ipv6: bool | None = None,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UDPConn | UnixDatagramConn":
    """Open a socket for datagrams from and to anybody; for the options see ListenConfig.

    network: "udp", "udp4", "udp6" or "unixgram". address: as listen takes it; looking a name up
    parks.

    Raises OpError, UnknownNetworkError, AddrError, DNSError, as listen does.
    Source: go1.27 net/dial.go ListenPacket, net/sock_posix.go listenDatagram; udp(7), unix(7)
    """
    config = ListenConfig(
        reuse_port=reuse_port,
        reuse_addr=reuse_addr,
        only_ipv6=only_ipv6,
        control=control,
        resolver=resolver,
    )
    return config.listen_packet(network, address, context=context)


def _choose(
    family: int, addrs: Sequence[InternetAddr], *, only_ipv6: bool | None
) -> tuple[InternetAddr, bool]:
    """Return the address to listen on, and whether its socket is to be IPv6 alone.

    Source: go1.27 net/ipsock_posix.go favoriteAddrFamily
    """
    if family == AF_UNSPEC:
        for addr in addrs:
            if addr.is_wildcard and addr.family == AF_INET6:
                if only_ipv6 is not None:
                    return addr, only_ipv6
                if ipstack.maps_ipv4():
                    return addr, False
    first = next((addr for addr in addrs if addr.family == AF_INET), addrs[0])
    return first, family == AF_INET6 if only_ipv6 is None else only_ipv6

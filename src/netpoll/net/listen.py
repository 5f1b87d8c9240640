"""Listening: which socket an address asks for, and with which options."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, AF_UNSPEC, IPPROTO_TCP

from netpoll._poll.listen_fd import ListenFD
from netpoll.net import ipstack, networks, sockopt
from netpoll.net.addr import Addr, InternetAddr, encode
from netpoll.net.control import Control, control_network
from netpoll.net.operror import wrap_error
from netpoll.net.resolve import Resolver, resolve
from netpoll.net.sockopt import DEFAULT_KEEP_ALIVE, KeepAlive, as_keep_alive
from netpoll.net.tcp import TCPListener

_SOMAXCONN = "/proc/sys/net/core/somaxconn"
_MAX_BACKLOG = 65535  # before Linux 4.1 the kernel kept the number in 16 bits and cut it off


@dataclass(frozen=True, slots=True, kw_only=True)
class ListenConfig:
    """The options of a listener.

    backlog: how many peers may wait to be accepted; by default as many as the system allows.
    reuse_port: share the port with other listeners of this user that say so too.
    keep_alive: of the connections accepted; True is the default one, False and None are none.
    no_delay: whether the connections accepted send small writes at once.
    control: called as control(network, address, socket) before the socket is bound: "tcp4" or
        "tcp6", the address to listen on as "ip:port", and a RawSocket to set options on. What it
        raises ends the listen.
    Source: go1.27 net/dial.go ListenConfig
    """

    backlog: int | None = None
    reuse_port: bool = False
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE
    no_delay: bool = True
    control: Control | None = None

    def listen(self, network: str, address: str | Addr) -> TCPListener:
        """Listen as the function listen does, with these options."""
        row = networks.find(network, "tcp")
        addrs = resolve("listen", Resolver(), network, address)
        try:
            addr, only_ipv6 = _choose(row.family, addrs)
        except OSError as error:
            raise wrap_error("listen", network, None, address, error) from error
        raw = encode(addr)
        try:
            return self._open(network, addr, raw, only_ipv6=only_ipv6)
        except OSError as error:
            raise wrap_error("listen", network, None, addr, error) from error

    def _open(
        self, network: str, addr: InternetAddr, raw: bytes, *, only_ipv6: bool
    ) -> TCPListener:
        kind = networks.find(network).kind
        fd = ListenFD.socket(addr.family, kind, IPPROTO_TCP)
        try:
            if addr.family == AF_INET6:
                # Always, since the machine chooses the default (net.ipv6.bindv6only).
                sockopt.set_only_ipv6(fd, only_ipv6)
            self._set_options(fd)
            if self.control is not None:
                self.control(control_network(network, addr.family), str(addr), fd)
            fd.bind(raw)
            fd.listen(_backlog() if self.backlog is None else self.backlog)
            # A control may have made the socket transparent (ip(7)): its connections then have
            # the address that each peer dialled.
            return TCPListener(fd, network, shared=self.control is None)
        except BaseException:
            fd.close()
            raise

    def _set_options(self, fd: ListenFD) -> None:
        sockopt.set_reuse_addr(fd)
        if self.reuse_port:
            sockopt.set_reuse_port(fd)
        # For the connections: a socket from accept(2) inherits these from the listening one, on
        # Linux TCP_NODELAY, SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL and TCP_KEEPCNT. That saves
        # five system calls a connection.
        sockopt.set_no_delay(fd, self.no_delay)
        sockopt.set_keep_alive(fd, as_keep_alive(self.keep_alive))


def listen(
    network: str,
    address: str | Addr,
    *,
    backlog: int | None = None,
    reuse_port: bool = False,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    control: Control | None = None,
) -> TCPListener:
    """Listen on an address, "host:port" or an Addr; for the options see ListenConfig.

    network: "tcp", "tcp4" or "tcp6". address: an empty host, or "[::]" on "tcp", stands for both
    families through one socket where the machine can do that; "0.0.0.0" is IPv4 alone. The kernel
    chooses port 0. Of several addresses of a name one is taken, IPv4 if there is one; looking it up
    parks.

    Raises OpError (the port is in use, the address is not of this machine, ...),
    UnknownNetworkError, AddrError, DNSError.
    Source: go1.27 net/dial.go Listen, net/sock_posix.go listenStream; listen(2)
    """
    config = ListenConfig(
        backlog=backlog,
        reuse_port=reuse_port,
        keep_alive=keep_alive,
        no_delay=no_delay,
        control=control,
    )
    return config.listen(network, address)


def _choose(family: int, addrs: Sequence[InternetAddr]) -> tuple[InternetAddr, bool]:
    """Return the address to listen on, and whether its socket is to be IPv6 alone.

    Source: go1.27 net/ipsock_posix.go favoriteAddrFamily
    """
    if family == AF_UNSPEC:
        for addr in addrs:
            if addr.is_wildcard and addr.family == AF_INET6 and ipstack.maps_ipv4():
                return addr, False
    first = next((addr for addr in addrs if addr.family == AF_INET), addrs[0])
    return first, family == AF_INET6


def _backlog() -> int:
    """Return the longest queue that the system allows.

    Source: go1.27 net/sock_linux.go maxListenerBacklog
    """
    try:
        with open(_SOMAXCONN, encoding="ascii") as file:  # noqa: PTH123 - pathlib takes 2 ms to import
            limit = int(file.read())
    except (OSError, ValueError):
        limit = 0
    return min(limit or socket.SOMAXCONN, _MAX_BACKLOG)

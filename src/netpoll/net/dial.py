"""Dialling: from a network and an address to a connection, within one time limit.

Source: go1.27 net/dial.go
"""

import math
from dataclasses import dataclass
from functools import partial
from time import monotonic
from typing import TYPE_CHECKING, overload

from netpoll.errors import AddrError
from netpoll.net import limit, networks
from netpoll.net.addr import Addr, InternetAddr, internet_class
from netpoll.net.connect import connect
from netpoll.net.control import Control
from netpoll.net.networks import (
    Network,
    TCPNetwork,
    UDPNetwork,
    UnixgramNetwork,
    UnixNetwork,
)
from netpoll.net.operror import name_operation, wrap_error, wrapping
from netpoll.net.resolve import resolve
from netpoll.net.serial import serial
from netpoll.net.sockopt import DEFAULT_KEEP_ALIVE, KeepAlive
from netpoll.net.targets import Target, interleaved, targets
from netpoll.net.tcp import TCPConn

if TYPE_CHECKING:
    from netpoll.context import Context
    from netpoll.net.resolver import Resolver
    from netpoll.net.udp import UDPConn
    from netpoll.net.unix import UnixConn
    from netpoll.net.unixgram import UnixDatagramConn


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialer:
    """The options of a dial; what a network does not have is ignored on it.

    timeout: seconds for all of it, names included. deadline: a moment of time.monotonic(). The
        earlier counts; with neither, the kernel's own limits do (about two minutes).
    local_addr: where to connect from, as an address of the network or its text: "ip:port", port 0
        lets the kernel choose; a path or "@name" on Unix networks.
    fallback_delay: seconds without an answer after which the next address of a name is tried beside
        those before it, the families by turns (TCP). None: one address after the other, as the
        resolver orders them, each with its share of the time; 0: all at once.
    keep_alive: of the connection; True is the default one, False and None are none.
    no_delay: whether the connection sends small writes at once.
    fast_open: send what is written first along with the request to connect, to a peer that has
        agreed to that before (TCP Fast Open). dial may then return before the peer has answered,
        and the first write tells what a dial would have told; write before the first read. The
        addresses are tried one after the other.
    mptcp: use Multipath TCP if kernel and peer can, else TCP.
    control: called as control(network, address, socket) with each socket before it is connected:
        "tcp4", "udp6", "unix", ..., the address to connect to, and a RawSocket to set options on.
        An OSError is a failure of that address; what else it raises ends the dial.
    resolver: who knows the names; by default the system.
    Source: go1.27 net/dial.go Dialer; RFC 8305; RFC 7413; tcp(7) TCP_FASTOPEN_CONNECT
    """

    timeout: float | None = None
    deadline: float | None = None
    local_addr: Addr | str | None = None
    fallback_delay: float | None = 0.25
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE
    no_delay: bool = True
    fast_open: bool = False
    mptcp: bool = False
    control: Control | None = None
    resolver: "Resolver | None" = None

    def __post_init__(self) -> None:
        delay = self.fallback_delay
        if delay is not None and limit.moment("fallback delay", 0.0, delay) < 0:
            raise ValueError("a fallback delay is a number of seconds from 0 on, or None")

    @overload
    def dial(
        self, network: TCPNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> TCPConn: ...
    @overload
    def dial(
        self, network: UDPNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UDPConn": ...
    @overload
    def dial(
        self, network: UnixNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UnixConn": ...
    @overload
    def dial(
        self, network: UnixgramNetwork, address: str | Addr, *, context: "Context | None" = None
    ) -> "UnixDatagramConn": ...
    @overload
    def dial(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn": ...
    def dial(
        self, network: str, address: str | Addr, *, context: "Context | None" = None
    ) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn":
        """Connect as the function dial does, with these options."""
        try:
            return self._dial(network, address, context)
        except AddrError as error:
            name_operation(error, "dial", network)
            raise

    def _dial(
        self, network: str, address: str | Addr, context: "Context | None"
    ) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn":
        deadline = _earliest(self.timeout, self.deadline)
        if context is None:
            return self._dial_by(network, address, deadline)
        from netpoll.net.within import within  # noqa: PLC0415 - seldom wanted

        until = _earliest(None, context.deadline)
        if until is not None:  # several addresses share the time
            deadline = until if deadline is None else min(until, deadline)
        with within(context, "dial", network, address):
            return self._dial_by(network, address, deadline)

    def _dial_by(
        self, network: str, address: str | Addr, deadline: float | None
    ) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn":
        row = networks.find(network)
        if row.transport == "unix":
            return self._dial_unix(row, address, deadline)
        local = self._local_internet(row)
        addrs = resolve("dial", self.resolver, network, address, deadline)
        several = targets(row.family, local, addrs)
        if row.transport == "udp":
            return self._dial_udp(row, local, several, deadline)
        return self._dial_tcp(row, local, several, deadline)

    def _dial_tcp(
        self,
        row: Network,
        local: InternetAddr | None,
        several: list[Target],
        deadline: float | None,
    ) -> TCPConn:
        """Return the first connection that comes about, or raise the error of the first target."""
        attempt = partial(connect, self, row.name)
        try:
            # With fast_open the first address would win unseen.
            if len(several) == 1 or self.fallback_delay is None or self.fast_open:
                return serial(attempt, several, deadline)
            from netpoll.net.race import race  # noqa: PLC0415 - numbers never race

            return race(attempt, interleaved(several), self.fallback_delay, deadline)
        except OSError as error:
            raise wrap_error("dial", row.name, local, several[0].addr, error) from error

    def _dial_udp(
        self,
        row: Network,
        local: InternetAddr | None,
        several: list[Target],
        deadline: float | None,
    ) -> "UDPConn":
        """Return a socket connected to the first address that the kernel has a route to."""
        from netpoll.net import udp_socket  # noqa: PLC0415 - who needs TCP alone does not pay for it

        def attempt(target: Target, _until: float | None) -> "UDPConn":
            return udp_socket.connect(row.name, target.addr, target.local, self.control)

        with wrapping("dial", row.name, local, several[0].addr):
            return serial(attempt, several, deadline)

    def _dial_unix(
        self, row: Network, address: str | Addr, deadline: float | None
    ) -> "UnixConn | UnixDatagramConn":
        from netpoll.net import unix_socket  # noqa: PLC0415 - as above

        return unix_socket.connect(row.name, address, self.local_addr, self.control, deadline)

    def _local_internet(self, row: Network) -> InternetAddr | None:
        local = self.local_addr
        if isinstance(local, str):
            return internet_class(row).parse(local)
        # Source: go1.27 net/dial.go (*Resolver).resolveAddrList
        if local is not None and not isinstance(local, internet_class(row)):
            raise AddrError("mismatched local address type", str(local))
        return local


@overload
def dial(
    network: TCPNetwork,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> TCPConn: ...
@overload
def dial(
    network: UDPNetwork,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UDPConn": ...
@overload
def dial(
    network: UnixNetwork,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UnixConn": ...
@overload
def dial(
    network: UnixgramNetwork,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "UnixDatagramConn": ...
@overload
def dial(
    network: str,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn": ...
def dial(
    network: str,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: Addr | str | None = None,
    fallback_delay: float | None = 0.25,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    fast_open: bool = False,
    mptcp: bool = False,
    control: Control | None = None,
    resolver: "Resolver | None" = None,
    context: "Context | None" = None,
) -> "TCPConn | UDPConn | UnixConn | UnixDatagramConn":
    """Connect to an address and return the connection; parks. For the options see Dialer.

    network: "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix", "unixpacket" or "unixgram".
    address: "host:port", where an empty host or a wildcard address is this machine; on Unix
    networks a path or "@name"; or an Addr. On TCP the addresses of a name are tried staggered, and
    the first to answer is the connection's. UDP sends nothing yet: it is the first address to which
    there is a route.

    Raises DeadlineExceeded: the time was up, never earlier than asked, at once if it was up before.
    OpError: the first address's error, if none answers. UnknownNetworkError, AddrError, DNSError.
    Neither timeout nor deadline nor context concerns the connection later. When the context is done
    before: OpError, or DeadlineExceeded if its time is over, with the context's error as the cause.
    Source: go1.27 net/dial.go Dial; RFC 8305
    """
    dialer = Dialer(
        timeout=timeout,
        deadline=deadline,
        local_addr=local_addr,
        fallback_delay=fallback_delay,
        keep_alive=keep_alive,
        no_delay=no_delay,
        fast_open=fast_open,
        mptcp=mptcp,
        control=control,
        resolver=resolver,
    )
    return dialer.dial(network, address, context=context)


def _earliest(timeout: float | None, deadline: float | None) -> float | None:
    """Return the moment when time is up, None for never."""
    earliest = min(
        limit.moment("timeout", monotonic(), timeout), limit.moment("deadline", 0.0, deadline)
    )
    return None if earliest == math.inf else earliest

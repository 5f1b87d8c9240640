"""Dialling: one address after the other, within one time limit.

Source: go1.27 net/dial.go, net/tcpsock_posix.go; connect(2)
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from errno import EADDRNOTAVAIL
from socket import AF_UNSPEC, IPPROTO_TCP
from time import monotonic

from netpoll._poll.stream_fd import StreamFD
from netpoll.errors import AddrError, DeadlineExceeded, OpError
from netpoll.net import ip, limit, networks, sockopt
from netpoll.net.addr import Addr, InternetAddr, TCPAddr, encode
from netpoll.net.control import Control, control_network
from netpoll.net.operror import wrap_error
from netpoll.net.resolve import Resolver, resolve
from netpoll.net.sockopt import DEFAULT_KEEP_ALIVE, KeepAlive, as_keep_alive
from netpoll.net.tcp import TCPConn

_SANE_MINIMUM = 2.0  # seconds for one address, however many there are
_RETRIES = 2  # after the kernel chose a local port that will not do


@dataclass(frozen=True, slots=True)
class _Target:
    """What to connect to, and from where if that matters, ready for the kernel."""

    addr: InternetAddr
    raw: bytes
    source: bytes | None
    retries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Dialer:
    """The options of a dial.

    timeout: seconds for all of it, names included. deadline: a moment of time.monotonic(). The
    earlier counts; with neither, the kernel's own limits do (about two minutes).
    local_addr: where to connect from, as TCPAddr or "ip:port"; port 0 lets the kernel choose.
    keep_alive: of the connection; True is the default one, False and None are none.
    no_delay: whether the connection sends small writes at once.
    control: called as control(network, address, socket) with each socket before it is connected:
        "tcp4" or "tcp6", the address to connect to as "ip:port", and a RawSocket to set options on.
        What it raises ends the dial.
    resolver: who knows the names; by default the system.
    Source: go1.27 net/dial.go Dialer
    """

    timeout: float | None = None
    deadline: float | None = None
    local_addr: TCPAddr | str | None = None
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE
    no_delay: bool = True
    control: Control | None = None
    resolver: Resolver | None = None

    def dial(self, network: str, address: str | Addr) -> TCPConn:
        """Connect as the function dial does, with these options."""
        deadline = _earliest(self.timeout, self.deadline)
        row = networks.find(network, "tcp")
        local = self.local_addr
        if local is not None and not isinstance(local, TCPAddr):
            local = TCPAddr.parse(local)
        addrs = resolve("dial", self.resolver or Resolver(), network, address, deadline)
        targets = _targets(row.family, local, addrs)
        return self._dial_serial(network, local, targets, deadline)

    def _dial_serial(
        self, network: str, local: TCPAddr | None, targets: list[_Target], deadline: float | None
    ) -> TCPConn:
        """Return the first connection that comes about, or raise the error of the first target."""
        errors: list[OpError] = []
        for index, target in enumerate(targets):
            try:
                until = partial_deadline(monotonic(), deadline, len(targets) - index)
                return self._dial_single(network, target, until)
            except OSError as error:
                errors.append(wrap_error("dial", network, local, target.addr, error))
        try:
            raise errors[0]
        finally:
            errors.clear()  # the errors' tracebacks hold this frame, which would hold the errors

    def _dial_single(self, network: str, target: _Target, until: float | None) -> TCPConn:
        """Connect to one address; OSError without context."""
        left = target.retries
        while True:
            try:
                conn = self._connect(network, target, until, relent=not left)
            except OSError as error:
                # The kernel may choose a port that another connection to the same address has.
                if error.errno != EADDRNOTAVAIL or not left:
                    raise
                conn = None
            if conn is not None:
                return conn
            left -= 1

    def _connect(
        self, network: str, target: _Target, until: float | None, *, relent: bool
    ) -> TCPConn | None:
        """Connect one socket; None if it met itself and relent is not set."""
        fd = StreamFD.socket(target.addr.family, networks.find(network).kind, IPPROTO_TCP)
        try:
            self._set_options(fd)
            if self.control is not None:
                self.control(control_network(network, target.addr.family), str(target.addr), fd)
            if target.source is not None:
                fd.bind(target.source)
            fd.connect(target.raw, _remaining(until))
            local = fd.getsockname()
            # A port of the ephemeral range that nobody listens on may be chosen as local port of
            # the connection to it: by TCP's simultaneous open the socket is then its own peer.
            if local == target.raw and not relent:
                fd.close()
                return None
            return TCPConn(fd, network, local, target.raw)
        except BaseException:
            fd.close()
            raise

    def _set_options(self, fd: StreamFD) -> None:
        sockopt.set_no_delay(fd, self.no_delay)
        sockopt.set_keep_alive(fd, as_keep_alive(self.keep_alive))


def dial(
    network: str,
    address: str | Addr,
    *,
    timeout: float | None = None,
    deadline: float | None = None,
    local_addr: TCPAddr | str | None = None,
    keep_alive: KeepAlive | bool | None = DEFAULT_KEEP_ALIVE,
    no_delay: bool = True,
    control: Control | None = None,
    resolver: Resolver | None = None,
) -> TCPConn:
    """Connect to an address, "host:port" or an Addr; parks. For the options see Dialer.

    network: "tcp", "tcp4" or "tcp6". address: an empty host or a wildcard address is this machine.
    The addresses of a name are tried in turn, and share the time that there is.

    Raises DeadlineExceeded: the time was up, never earlier than asked, at once if it was up before.
    OpError: the first address's error, if none answers. UnknownNetworkError, AddrError, DNSError.
    Neither timeout nor deadline concerns the connection later.
    Source: go1.27 net/dial.go Dial
    """
    dialer = Dialer(
        timeout=timeout,
        deadline=deadline,
        local_addr=local_addr,
        keep_alive=keep_alive,
        no_delay=no_delay,
        control=control,
        resolver=resolver,
    )
    return dialer.dial(network, address)


def partial_deadline(now: float, deadline: float | None, addresses: int) -> float | None:
    """Return until when to try one address, with so many left, this one included.

    Each gets an equal part of the time left, but 2 s if there are that many; the last ones may then
    get nothing. Raises DeadlineExceeded if no time is left.
    """
    if deadline is None:
        return None
    remaining = deadline - now
    if remaining <= 0:
        raise DeadlineExceeded
    share = max(remaining / addresses, _SANE_MINIMUM)
    return deadline if share >= remaining else now + share


def _earliest(timeout: float | None, deadline: float | None) -> float | None:
    """Return the moment when time is up, None for never."""
    earliest = min(
        limit.moment("timeout", monotonic(), timeout), limit.moment("deadline", 0.0, deadline)
    )
    return None if earliest == math.inf else earliest


def _remaining(until: float | None) -> float | None:
    if until is None:
        return None
    remaining = until - monotonic()
    if remaining <= 0:
        raise DeadlineExceeded
    return remaining


def _targets(family: int, local: TCPAddr | None, addrs: Sequence[InternetAddr]) -> list[_Target]:
    """Return what to connect to, without what the local address cannot reach."""
    usable = [addr for addr in addrs if local is None or _reaches(family, local, addr)]
    if not usable:
        raise AddrError("no suitable address found", str(local))
    return [_target(local, addr) for addr in usable]


def _reaches(family: int, local: TCPAddr, remote: InternetAddr) -> bool:
    # On a network of both families a wildcard stands for that of the other one as well.
    return local.family == remote.family or (family == AF_UNSPEC and local.is_wildcard)


def _target(local: TCPAddr | None, remote: InternetAddr) -> _Target:
    if remote.is_wildcard:
        remote = TCPAddr(ip.LOOPBACK[remote.family], remote.port)
    if local is not None and local.is_wildcard:
        local = TCPAddr(ip.ANY[remote.family], local.port) if local.port else None
    return _Target(
        addr=remote,
        raw=encode(remote),
        source=None if local is None else encode(local),
        retries=0 if local is not None and local.port else _RETRIES,
    )

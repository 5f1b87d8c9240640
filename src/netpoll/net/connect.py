"""Connecting one TCP socket, with the options of a dial.

Source: go1.27 net/tcpsock_posix.go, net/mptcpsock_linux.go; connect(2); tcp(7); ip(7)
"""

from collections.abc import Callable
from contextlib import suppress
from errno import EADDRNOTAVAIL
from socket import IPPROTO_IP, IPPROTO_TCP
from time import monotonic
from typing import Protocol

from netpoll._poll.stream_fd import StreamFD
from netpoll.errors import DeadlineExceeded
from netpoll.net import networks, sockopt
from netpoll.net.addr import InternetAddr
from netpoll.net.control import Control, control_network
from netpoll.net.sockopt import KeepAlive, as_keep_alive
from netpoll.net.targets import Target
from netpoll.net.tcp import TCPConn

Hold = Callable[[StreamFD], None]
"""Called with each socket as soon as there is one: who may close it from outside keeps it."""


def nobody(_fd: StreamFD) -> None:
    """Keep no socket."""


class Options(Protocol):
    """Those options of a Dialer that concern the sockets of TCP."""

    @property
    def keep_alive(self) -> KeepAlive | bool | None:
        """When a silent peer is probed."""

    @property
    def no_delay(self) -> bool:
        """Whether small writes are sent at once."""

    @property
    def fast_open(self) -> bool:
        """Whether connect may wait for the first data."""

    @property
    def mptcp(self) -> bool:
        """Whether Multipath TCP is to be used if it can be had."""

    @property
    def control(self) -> Control | None:
        """Who sees the socket before it is connected."""


def connect(
    options: Options, network: str, target: Target, until: float | None, hold: Hold = nobody
) -> TCPConn:
    """Connect to one address until a moment of time.monotonic(); parks.

    OSError without context, and what the control raises; no socket is left open then.
    """
    left = target.retries
    while True:
        try:
            conn = _connect(options, network, target, until, hold, relent=not left)
        except OSError as error:
            # The kernel may choose a port that another connection to the same address has.
            if error.errno != EADDRNOTAVAIL or not left:
                raise
            conn = None
        if conn is not None:
            return conn
        left -= 1


def _connect(
    options: Options,
    network: str,
    target: Target,
    until: float | None,
    hold: Hold,
    *,
    relent: bool,
) -> TCPConn | None:
    """Connect one socket; None if it met itself and relent is not set."""
    family = target.addr.family
    fd = _socket(options, family, networks.find(network).kind)
    try:
        hold(fd)
        if options.control is not None:
            options.control(control_network(network, family), str(target.addr), fd)
        if target.source is not None:
            _bind(fd, target.local, target.source)
        fd.connect(target.raw, _remaining(until))
        local = fd.getsockname()
        # A port of the ephemeral range that nobody listens on may be chosen as local port of the
        # connection to it: by TCP's simultaneous open the socket is then its own peer.
        if local == target.raw and not relent:
            fd.close()
            return None
        return TCPConn(fd, network, local, target.raw)
    except BaseException:
        fd.close()
        raise


def _socket(options: Options, family: int, kind: int) -> StreamFD:
    """Return a socket with its options, one of plain TCP where MPTCP cannot be had."""
    if options.mptcp:
        try:
            return _socket_of(options, family, kind, sockopt.IPPROTO_MPTCP)
        except OSError as error:
            # The kernel has none, it is turned off (net.mptcp.enabled), a policy forbids it, or it
            # lacks one of the options.
            if error.errno in sockopt.SHORTAGE:
                raise
    return _socket_of(options, family, kind, IPPROTO_TCP)


def _socket_of(options: Options, family: int, kind: int, protocol: int) -> StreamFD:
    fd = StreamFD.socket(family, kind, protocol)
    try:
        sockopt.set_no_delay(fd, options.no_delay)
        sockopt.set_keep_alive(fd, as_keep_alive(options.keep_alive))
        if options.fast_open:
            sockopt.set_fast_open_connect(fd)
    except BaseException:
        fd.close()
        raise
    return fd


def _bind(fd: StreamFD, local: InternetAddr | None, source: bytes) -> None:
    if local is not None and not local.port:
        # The port is then chosen by connect, which knows the peer: as many connections to each peer
        # as there are ports, instead of that many to all (ip(7)). Linux 4.2.
        with suppress(OSError):
            fd.setsockopt(IPPROTO_IP, sockopt.IP_BIND_ADDRESS_NO_PORT, 1)
    fd.bind(source)


def _remaining(until: float | None) -> float | None:
    if until is None:
        return None
    remaining = until - monotonic()
    if remaining <= 0:
        raise DeadlineExceeded
    return remaining

"""Connecting one TCP socket, with the options of a dial.

Source: go1.27 net/tcpsock_posix.go, net/mptcpsock_linux.go; connect(2); tcp(7); ip(7)
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from errno import EADDRNOTAVAIL
from socket import IPPROTO_IP, IPPROTO_TCP
from time import monotonic

from netpoll._poll.stream_fd import StreamFD
from netpoll.errors import DeadlineExceeded
from netpoll.net import networks, sockopt
from netpoll.net.control import Control, control_network
from netpoll.net.sockopt import KeepAlive
from netpoll.net.targets import Target
from netpoll.net.tcp import TCPConn

Hold = Callable[[StreamFD], None]
"""Called with each socket as soon as there is one: who may close it from outside keeps it."""


def nobody(_fd: StreamFD) -> None:
    """Keep no socket."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Connector:
    """How the sockets of a dial are made and connected; for the fields see Dialer."""

    network: str
    keep_alive: KeepAlive
    no_delay: bool
    fast_open: bool
    mptcp: bool
    control: Control | None

    def connect(self, target: Target, until: float | None, hold: Hold = nobody) -> TCPConn:
        """Connect to one address until a moment of time.monotonic(); parks.

        OSError without context, and what the control raises; no socket is left open then.
        """
        left = target.retries
        while True:
            try:
                conn = self._connect(target, until, hold, relent=not left)
            except OSError as error:
                # The kernel may choose a port that another connection to the same address has.
                if error.errno != EADDRNOTAVAIL or not left:
                    raise
                conn = None
            if conn is not None:
                return conn
            left -= 1

    def _connect(
        self, target: Target, until: float | None, hold: Hold, *, relent: bool
    ) -> TCPConn | None:
        """Connect one socket; None if it met itself and relent is not set."""
        fd = self._socket(target.addr.family)
        try:
            hold(fd)
            if self.control is not None:
                name = control_network(self.network, target.addr.family)
                self.control(name, str(target.addr), fd)
            if target.source is not None:
                _bind(fd, target)
            fd.connect(target.raw, _remaining(until))
            local = fd.getsockname()
            # A port of the ephemeral range that nobody listens on may be chosen as local port of
            # the connection to it: by TCP's simultaneous open the socket is then its own peer.
            if local == target.raw and not relent:
                fd.close()
                return None
            return TCPConn(fd, self.network, local, target.raw)
        except BaseException:
            fd.close()
            raise

    def _socket(self, family: int) -> StreamFD:
        """Return a socket with its options, one of plain TCP where MPTCP cannot be had."""
        if self.mptcp:
            try:
                return self._socket_of(family, sockopt.IPPROTO_MPTCP)
            except OSError as error:
                # The kernel has none, it is turned off (net.mptcp.enabled), a policy forbids it, or
                # it lacks one of the options.
                if error.errno in sockopt.SHORTAGE:
                    raise
        return self._socket_of(family, IPPROTO_TCP)

    def _socket_of(self, family: int, protocol: int) -> StreamFD:
        fd = StreamFD.socket(family, networks.find(self.network).kind, protocol)
        try:
            sockopt.set_no_delay(fd, self.no_delay)
            sockopt.set_keep_alive(fd, self.keep_alive)
            if self.fast_open:
                sockopt.set_fast_open_connect(fd)
        except BaseException:
            fd.close()
            raise
        return fd


def _bind(fd: StreamFD, target: Target) -> None:
    assert target.source is not None  # noqa: S101 - for the types
    if target.local is not None and not target.local.port:
        # The port is then chosen by connect, which knows the peer: as many connections to each peer
        # as there are ports, instead of that many to all (ip(7)). Linux 4.2.
        with suppress(OSError):
            fd.setsockopt(IPPROTO_IP, sockopt.IP_BIND_ADDRESS_NO_PORT, 1)
    fd.bind(target.source)


def _remaining(until: float | None) -> float | None:
    if until is None:
        return None
    remaining = until - monotonic()
    if remaining <= 0:
        raise DeadlineExceeded
    return remaining

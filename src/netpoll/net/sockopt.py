"""Socket options by what they are for.

Each function sets an option of a descriptor, and raises the plain OSError of setsockopt(2).
Source: go1.27 net/sockopt_posix.go, net/tcpsockopt_unix.go; socket(7); tcp(7); ipv6(7)
"""

import socket
from dataclasses import dataclass
from errno import EMFILE, ENFILE, ENOBUFS, ENOMEM
from math import ceil, inf
from operator import index
from socket import IPPROTO_IPV6, IPPROTO_TCP, SOL_SOCKET
from struct import Struct

from netpoll._poll.socket_fd import SocketFD

# These say that there is no socket to be had now, and nothing about what it is for.
SHORTAGE = frozenset({EMFILE, ENFILE, ENOBUFS, ENOMEM})

_LINGER = Struct("=ii")  # struct linger: l_onoff, l_linger
_MAX_INT = 2**31 - 1

# The socket module has these since Python 3.12, 3.13 or not at all; asm-generic numbers of Linux.
IPPROTO_MPTCP = 262
IP_BIND_ADDRESS_NO_PORT = 24
_TCP_FASTOPEN = 23
_TCP_FASTOPEN_CONNECT = 30


@dataclass(frozen=True, slots=True)
class KeepAlive:
    """When the kernel probes a silent peer, and when it gives the connection up.

    idle: seconds of silence before the first probe.
    interval: seconds between probes.
    count: probes without an answer that end the connection.
    The kernel counts whole seconds; parts of one are rounded up.
    Source: go1.27 net/tcpsock.go KeepAliveConfig
    """

    enabled: bool = True
    idle: float = 15.0
    interval: float = 15.0
    count: int = 9

    def __post_init__(self) -> None:
        if not (0 < self.idle < inf and 0 < self.interval < inf and self.count > 0):
            raise ValueError(f"idle, interval and count must be above 0 and finite: {self}")


DEFAULT_KEEP_ALIVE = KeepAlive()


def as_keep_alive(value: KeepAlive | bool | None) -> KeepAlive:  # noqa: FBT001 - on or off is an answer
    """Return the KeepAlive meant: True is the default one, False and None are none at all."""
    if isinstance(value, KeepAlive):
        return value
    if not isinstance(value, bool | None):  # a number would be taken for the idle time
        raise TypeError(f"keep_alive is a KeepAlive, True, False or None, not {value!r}")
    return DEFAULT_KEEP_ALIVE if value else KeepAlive(enabled=False)


def set_keep_alive(fd: SocketFD, keep_alive: KeepAlive) -> None:
    """Turn the probing of a silent peer on, with its times, or off."""
    fd.setsockopt(SOL_SOCKET, socket.SO_KEEPALIVE, int(keep_alive.enabled))
    if keep_alive.enabled:
        fd.setsockopt(IPPROTO_TCP, socket.TCP_KEEPIDLE, ceil(keep_alive.idle))
        fd.setsockopt(IPPROTO_TCP, socket.TCP_KEEPINTVL, ceil(keep_alive.interval))
        fd.setsockopt(IPPROTO_TCP, socket.TCP_KEEPCNT, keep_alive.count)


def set_no_delay(fd: SocketFD, enabled: bool) -> None:  # noqa: FBT001 - the option's value
    """Send small writes at once (no Nagle's algorithm), or let the kernel gather them."""
    fd.setsockopt(IPPROTO_TCP, socket.TCP_NODELAY, int(enabled))


def set_linger(fd: SocketFD, seconds: int | None) -> None:
    """Choose what close does with data not yet sent; see TCPConn.set_linger."""
    if seconds is None:
        value = _LINGER.pack(0, 0)
    else:
        # The kernel would take a negative number for more than a century.
        value = _LINGER.pack(1, whole("a linger time is None or", seconds, "seconds"))
    fd.setsockopt(SOL_SOCKET, socket.SO_LINGER, value)


def set_read_buffer(fd: SocketFD, size: int) -> None:
    """Ask for a receive buffer of so many bytes; Linux doubles the number (socket(7))."""
    fd.setsockopt(SOL_SOCKET, socket.SO_RCVBUF, whole("a buffer size is", size, "bytes"))


def set_write_buffer(fd: SocketFD, size: int) -> None:
    """Ask for a send buffer of so many bytes; Linux doubles the number (socket(7))."""
    fd.setsockopt(SOL_SOCKET, socket.SO_SNDBUF, whole("a buffer size is", size, "bytes"))


def set_reuse_addr(fd: SocketFD) -> None:
    """Let a listener have the port that connections of an earlier one still hold in TIME_WAIT."""
    fd.setsockopt(SOL_SOCKET, socket.SO_REUSEADDR, 1)


def set_reuse_port(fd: SocketFD) -> None:
    """Let several sockets of one user listen on the same port; the kernel shares out the peers."""
    fd.setsockopt(SOL_SOCKET, socket.SO_REUSEPORT, 1)


def set_fast_open(fd: SocketFD, pending: int) -> None:
    """Let a listener take data along with the request to connect, from so many peers at a time."""
    value = whole("fast_open is", pending, "requests")
    fd.setsockopt(IPPROTO_TCP, _TCP_FASTOPEN, value)


def set_fast_open_connect(fd: SocketFD) -> None:
    """Let connect wait for the first data where the peer has agreed to that before. Linux 4.11."""
    fd.setsockopt(IPPROTO_TCP, _TCP_FASTOPEN_CONNECT, 1)


def set_only_ipv6(fd: SocketFD, enabled: bool) -> None:  # noqa: FBT001 - the option's value
    """Keep an IPv6 socket to IPv6, or let it serve IPv4 peers as well."""
    fd.setsockopt(IPPROTO_IPV6, socket.IPV6_V6ONLY, int(enabled))


def whole(what: str, value: int, unit: str) -> int:
    """Return a number that a C int can hold and that is not negative; or say what is wanted."""
    try:
        number = index(value)
    except TypeError:
        raise TypeError(f"{what} a whole number of {unit}, not {value!r}") from None
    if not 0 <= number <= _MAX_INT:
        raise ValueError(f"{what} a number of {unit} from 0 to {_MAX_INT}")
    return number

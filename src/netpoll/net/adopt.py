"""Taking over sockets that others have made: inherited, received, or of the socket module.

Source: go1.27 net/file.go, net/file_posix.go; socket(7) SO_DOMAIN, SO_TYPE, SO_ACCEPTCONN
"""

import os
import socket
from dataclasses import dataclass
from errno import EAFNOSUPPORT, EPROTONOSUPPORT
from socket import AF_INET, AF_INET6, AF_UNIX, SOCK_DGRAM, SOCK_RAW, SOCK_STREAM, SOL_SOCKET
from typing import Any, TypeVar, cast

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.packet_fd import PacketFD
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from netpoll.net import sockopt
from netpoll.net.conn import Conn
from netpoll.net.listener import Listener
from netpoll.net.operror import wrapping
from netpoll.net.packet_conn import PacketConn

_T = TypeVar("_T", bound=Conn | Listener | PacketConn)

_STREAM_PROTOCOLS = frozenset({socket.IPPROTO_TCP, sockopt.IPPROTO_MPTCP})
# With these Linux lets users without privileges send echo requests (icmp(7)).
_ECHO_PROTOCOLS = frozenset({socket.IPPROTO_ICMP, socket.IPPROTO_ICMPV6})
_UNIX: dict[int, str] = {
    SOCK_STREAM: "unix",
    SOCK_DGRAM: "unixgram",
    socket.SOCK_SEQPACKET: "unixpacket",
}


@dataclass(frozen=True, slots=True)
class Found:
    """What there is to know about a socket before it is taken over."""

    network: str
    kind: type[Conn | Listener | PacketConn]
    local: bytes
    remote: bytes | None


def from_fd(fileno: int) -> Conn | Listener | PacketConn:
    """Take over a socket's descriptor and return what it is; closing that closes it.

    A stream that listens is a TCPListener or a UnixListener, one that is connected a TCPConn or a
    UnixConn; a socket for datagrams is a UDPConn or a UnixDatagramConn. Raw sockets of the internet
    protocols are PacketConns of network "udp", whose addresses have no port that means anything.
    The socket becomes non-blocking, for whoever else has it as well; its other options stay as they
    are. The file that a Unix socket is bound to is not removed on close. An earlier connection of
    this process with the same number has lost it: what it does from now on fails. Does not park.
    What a socket object has is handed over by detach(): net.from_fd(sock.detach()).

    Raises OpError: the descriptor is not open, is no socket, or one of another family or protocol,
    or a stream that is neither connected nor listening. ValueError: no C int. It stays the caller's
    then, as it does when making the object fails.
    Source: go1.27 net/file.go FileConn, FileListener, FilePacketConn
    """
    with wrapping("from_fd", "", None, None):
        found = look(fileno)
        return take(found.kind, fileno, found)


def as_kind(kind: type[_T], base: type[Any], fileno: int) -> _T:
    """Take over a descriptor as from_fd does, for a class made of base; TypeError if it is none."""
    with wrapping("from_fd", "", None, None):
        found = look(fileno)
        if found.kind is not base:
            raise TypeError(f"descriptor {fileno} is a {found.kind.__name__}, no {base.__name__}")
        return take(kind, fileno, found)


def look(fileno: int) -> Found:
    """Return what a descriptor is, which stays what it was. OSError without context."""
    was_blocking = _blocks(fileno)
    copy = os.dup(fileno)
    try:
        fd = SocketFD.adopt(copy)
    except BaseException:
        os.close(copy)
        raise
    try:
        return _describe(fd)
    finally:
        fd.close()
        os.set_blocking(fileno, was_blocking)  # the mode is that of the socket, not of the copy


def take(kind: type[_T], fileno: int, found: Found) -> _T:
    """Return an object of that class that owns the descriptor. OSError without context."""
    was_blocking = _blocks(fileno)
    fd = _owner(found.kind).adopt(fileno)
    try:
        return _make(kind, fd, found)
    except BaseException:  # of a class that others have made
        fd.give_back()
        os.set_blocking(fileno, was_blocking)
        raise


def _blocks(fileno: int) -> bool:
    try:
        return os.get_blocking(fileno)
    except OverflowError:
        raise ValueError("a descriptor's number is a C int") from None


def _owner(kind: type[Conn | Listener | PacketConn]) -> type[SocketFD]:
    if issubclass(kind, PacketConn):
        return PacketFD
    return StreamFD if issubclass(kind, Conn) else ListenFD


def _make(kind: type[_T], fd: SocketFD, found: Found) -> _T:
    make: Any = kind  # each class takes what goes with its kind of descriptor
    if not issubclass(found.kind, Listener):
        made = make(fd, found.network, found.local, found.remote)
    elif found.network == "tcp":
        # It may be transparent (ip(7)): its connections then have the address that each peer
        # dialled.
        made = make(fd, found.network, shared=False)
    else:
        made = make(fd, found.network)
    return cast("_T", made)


def _describe(fd: SocketFD) -> Found:
    family = fd.getsockopt(SOL_SOCKET, socket.SO_DOMAIN)
    socktype = fd.getsockopt(SOL_SOCKET, socket.SO_TYPE)
    listens = bool(fd.getsockopt(SOL_SOCKET, socket.SO_ACCEPTCONN))
    if family == AF_UNIX:
        network, kind = _unix(socktype, listens=listens)
    elif family in {AF_INET, AF_INET6}:
        protocol = fd.getsockopt(SOL_SOCKET, socket.SO_PROTOCOL)
        network, kind = _internet(socktype, protocol, listens=listens)
    else:
        raise OSError(EAFNOSUPPORT, os.strerror(EAFNOSUPPORT))
    return Found(network, kind, fd.getsockname(), _peer(fd, kind))


def _unix(socktype: int, *, listens: bool) -> tuple[str, type[Conn | Listener | PacketConn]]:
    from netpoll.net.unix import UnixConn, UnixListener  # noqa: PLC0415 - who has none pays nothing
    from netpoll.net.unixgram import UnixDatagramConn  # noqa: PLC0415 - as above

    if socktype == SOCK_DGRAM:
        return _UNIX[socktype], UnixDatagramConn
    return _UNIX[socktype], UnixListener if listens else UnixConn


def _internet(
    socktype: int, protocol: int, *, listens: bool
) -> tuple[str, type[Conn | Listener | PacketConn]]:
    from netpoll.net.tcp import TCPConn, TCPListener  # noqa: PLC0415 - they import this module
    from netpoll.net.udp import UDPConn  # noqa: PLC0415 - as above

    if socktype == SOCK_STREAM and protocol in _STREAM_PROTOCOLS:
        return "tcp", TCPListener if listens else TCPConn
    if socktype == SOCK_DGRAM and protocol == socket.IPPROTO_UDP:
        return "udp", UDPConn
    if socktype == SOCK_RAW or (socktype == SOCK_DGRAM and protocol in _ECHO_PROTOCOLS):
        return "udp", PacketConn
    raise OSError(EPROTONOSUPPORT, os.strerror(EPROTONOSUPPORT))


def _peer(fd: SocketFD, kind: type[Conn | Listener | PacketConn]) -> bytes | None:
    """Return the raw address of the peer, None if there is none and need be none."""
    if issubclass(kind, Listener):
        return None
    try:
        return fd.getpeername()
    except OSError:
        if issubclass(kind, Conn):
            raise
        return None

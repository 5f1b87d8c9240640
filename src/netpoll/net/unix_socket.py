"""Unix sockets in the making: connected, listening, or bound to receive datagrams.

Source: go1.27 net/unixsock_posix.go unixSocket, net/sock_posix.go; unix(7), connect(2)
"""

from socket import AF_UNIX, SOCK_DGRAM
from time import monotonic
from typing import Protocol, overload

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.packet_fd import PacketFD
from netpoll._poll.socket_fd import SocketFD
from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime.goroutine import sleep
from netpoll.errors import AddrError, DeadlineExceeded, UnknownNetworkError
from netpoll.net import backlog, networks
from netpoll.net.addr import Addr, UnixAddr, encode
from netpoll.net.bound_path import BoundPath
from netpoll.net.control import Control
from netpoll.net.networks import Network, UnixgramNetwork, UnixNetwork
from netpoll.net.operror import wrapping
from netpoll.net.unix import UnixConn, UnixListener
from netpoll.net.unixgram import UnixDatagramConn

_FIRST_PAUSE = 0.001  # seconds, before a peer whose queue is full is asked again
_LONGEST_PAUSE = 0.05


class Config(Protocol):
    """Those options of a ListenConfig that concern Unix sockets."""

    @property
    def backlog(self) -> int | None:
        """How many peers may wait to be accepted."""

    @property
    def control(self) -> Control | None:
        """Who sees the socket before it is bound."""


@overload
def connect(
    network: UnixNetwork,
    remote: str | Addr,
    local: str | Addr | None = None,
    control: Control | None = None,
    until: float | None = None,
) -> UnixConn: ...
@overload
def connect(
    network: UnixgramNetwork,
    remote: str | Addr,
    local: str | Addr | None = None,
    control: Control | None = None,
    until: float | None = None,
) -> UnixDatagramConn: ...
@overload
def connect(
    network: str,
    remote: str | Addr,
    local: str | Addr | None = None,
    control: Control | None = None,
    until: float | None = None,
) -> UnixConn | UnixDatagramConn: ...
def connect(
    network: str,
    remote: str | Addr,
    local: str | Addr | None = None,
    control: Control | None = None,
    until: float | None = None,
) -> UnixConn | UnixDatagramConn:
    """Connect to a socket by its name, by the moment `until` of time.monotonic(); parks.

    local: the name to have oneself, "" for one that the kernel chooses; None for no name.
    While the listener's queue is full this asks again and again, where connect(2) would block.

    Raises DeadlineExceeded: that moment has come. OpError: nobody listens there, or a socket of
    another kind does, ... UnknownNetworkError, AddrError.
    """
    row = networks.find(network, "unix")
    target = _addr(network, remote)
    source = None if local is None else _addr(network, local)
    if not target.name:
        raise AddrError("missing address")
    raw, own = encode(target), encode(source) if source else b""
    with wrapping("dial", network, source, target):
        _left(until)  # when time is up nothing is made
        fd = _socket(row)
        path = None
        try:
            if control is not None:
                control(network, str(target), fd)
            if source is not None:
                path = _bind(fd, source, own)
            _connect(fd, raw, until)
            mine = fd.getsockname()
            if isinstance(fd, PacketFD):
                return UnixDatagramConn(fd, network, mine, raw, path=path)
            return UnixConn(fd, network, mine, raw, path=path)
        except BaseException:
            _discard(fd, path)
            raise


def listen(network: str, address: str | Addr, config: Config) -> UnixListener:
    """Listen on a path, on an abstract name ("@..."), or on one that the kernel chooses ("").

    Raises OpError: there is a file of that name already, were it that of a listener long gone, ...
    UnknownNetworkError, AddrError. Does not park.
    """
    row = networks.find(network, "unix")
    if row.kind == SOCK_DGRAM:
        raise UnknownNetworkError(network, networks.OF_DATAGRAMS)
    addr = _addr(network, address)
    raw = encode(addr)
    queue = backlog.chosen(config.backlog)
    with wrapping("listen", network, None, addr):
        fd = ListenFD.socket(AF_UNIX, row.kind)
        path = None
        try:
            if config.control is not None:
                config.control(network, str(addr), fd)
            path = _bind(fd, addr, raw)
            fd.listen(queue)
            return UnixListener(fd, network, path=path)
        except BaseException:
            _discard(fd, path)
            raise


def listen_packet(
    network: str, address: str | Addr, control: Control | None = None
) -> UnixDatagramConn:
    """Receive datagrams at a path, at an abstract name, or at one that the kernel chooses ("").

    Raises as listen. Does not park.
    """
    row = networks.find(network, "unix")
    if row.kind != SOCK_DGRAM:
        raise UnknownNetworkError(network, networks.OF_CONNECTIONS)
    addr = _addr(network, address)
    raw = encode(addr)
    with wrapping("listen", network, None, addr):
        fd = PacketFD.socket(AF_UNIX, row.kind)
        path = None
        try:
            if control is not None:
                control(network, str(addr), fd)
            path = _bind(fd, addr, raw)
            return UnixDatagramConn(fd, network, fd.getsockname(), path=path)
        except BaseException:
            _discard(fd, path)
            raise


def _socket(row: Network) -> PacketFD | StreamFD:
    kind: type[PacketFD | StreamFD] = PacketFD if row.kind == SOCK_DGRAM else StreamFD
    return kind.socket(AF_UNIX, row.kind)


def _addr(network: str, address: str | Addr) -> UnixAddr:
    """Return an address as one of that network."""
    if isinstance(address, UnixAddr):
        return UnixAddr(address.name, network)
    if isinstance(address, Addr):
        raise AddrError("unexpected address type", str(address))
    return UnixAddr(address, network)


def _bind(fd: SocketFD, addr: UnixAddr, raw: bytes) -> BoundPath:
    fd.bind(raw)
    return BoundPath(addr.name, wanted=True)


def _connect(fd: SocketFD, raw: bytes, until: float | None) -> None:
    pause = _FIRST_PAUSE
    while True:
        left = _left(until)
        try:
            return fd.connect(raw, left)
        except BlockingIOError:
            # The queue is full. The poller cannot tell when it is not: of a socket that is not
            # connected epoll says what it said before, that it is writable and hung up.
            sleep(pause if left is None else min(pause, left))
        pause = min(2 * pause, _LONGEST_PAUSE)


def _left(until: float | None) -> float | None:
    """Return how many seconds are left; DeadlineExceeded if none."""
    if until is None:
        return None
    left = until - monotonic()
    if left <= 0:
        raise DeadlineExceeded
    return left


def _discard(fd: SocketFD, path: BoundPath | None) -> None:
    """Take back what was made of a socket that failed."""
    if path is not None:
        path.remove()
    fd.close()

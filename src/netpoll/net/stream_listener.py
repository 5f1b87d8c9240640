"""What the listeners of all stream networks do, whatever the addresses are."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Generic, TypeVar, cast

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.socket_fd import SocketFD
from netpoll.net.addr import Addr, InternetAddr, decode
from netpoll.net.conn import Conn
from netpoll.net.limit import no_limit
from netpoll.net.listener import Listener
from netpoll.net.operror import wrap_error, wrapping

if TYPE_CHECKING:
    from netpoll.net.options import Value

_T = TypeVar("_T")
_ConnT = TypeVar("_ConnT", bound=Conn)
_AddrT = TypeVar("_AddrT", bound=Addr)


class StreamListener(Listener, Generic[_ConnT, _AddrT]):
    """Waits for peers; a subclass names the class of their connections.

    Any goroutine of any thread may call each method, and any thread close.
    """

    __slots__ = ("_addr", "_fd", "_network", "_shared")

    _connection: type[_ConnT]  # of the subclass

    def __init__(self, fd: ListenFD, network: str, *, shared: bool) -> None:
        """Take over a descriptor that listens; shared: its connections have its local address."""
        raw = fd.getsockname()
        addr = decode(network, raw)
        wildcard = isinstance(addr, InternetAddr) and addr.is_wildcard
        self._fd = fd
        self._network = network
        self._addr = cast("_AddrT", addr)
        self._shared = raw if shared and not wildcard else None

    def __del__(self) -> None:
        fd = getattr(self, "_fd", None)
        if fd is not None and not fd.closed:
            fd.describe(repr(self))  # for the warning, if nobody else has the descriptor

    @property
    def network(self) -> str:
        """The network it was made for, such as "tcp" or "unix"."""
        return self._network

    @property
    def local_addr(self) -> _AddrT:
        """The address listened on, with the port that the kernel chose if it was given as 0."""
        return self._addr

    @property
    def closed(self) -> bool:
        """Whether close was called."""
        return self._fd.closed

    def accept(self) -> _ConnT:
        """Return the next peer's connection; parks.

        Raises ClosedError: the listener was closed, even with peers in the queue.
        DeadlineExceeded: its deadline has passed, even with peers in the queue.
        OpError: anything else. Shortage of descriptors is not raised but waited out, unless there
        is none even for the poller when the first goroutine of a thread waits.
        Source: accept(2)
        """
        try:
            fd, remote = self._fd.accept()
            # A specific address is that of each connection, too: one system call less.
            local = self._shared or _sockname(fd)
        except OSError as error:
            raise wrap_error("accept", self._network, None, self._addr, error) from error
        return self._connection(fd, self._network, local, remote)

    def close(self) -> None:
        """Listen no longer: who waits in accept gets ClosedError, peers in the queue a reset."""
        self._fd.close()

    def fileno(self) -> int:
        """Return the descriptor's number; ClosedError once closed."""
        with self._doing("fileno"):
            return self._fd.fileno()

    def dup(self) -> int:
        """Return a new descriptor of the same socket, for the caller to close; ClosedError.

        It is close-on-exec and non-blocking. Leave it so: the mode is the socket's, and accept
        would block its thread here. The socket listens until each of its descriptors is closed.
        Source: go1.27 net/tcpsock.go (*TCPListener).File; fcntl(2) F_DUPFD_CLOEXEC
        """
        with self._doing("dup"):
            return self._fd.dup()

    def get_option(self, name: str) -> Value:
        """Return an option of the socket by its name, such as "tcp_defer_accept"; as of a Conn."""
        from netpoll.net.options import get_option  # noqa: PLC0415 - a table that few programs need

        with self._doing("get"):
            return get_option(self._fd, name)

    def set_option(self, name: str, value: Value) -> None:
        """Set an option of the socket by its name; as of a Conn. What is accepted inherits most."""
        from netpoll.net.options import set_option  # noqa: PLC0415 - likewise

        with self._doing("set"):
            set_option(self._fd, name, value)

    def raw_control(self, fn: Callable[[int], _T]) -> _T:
        """Call fn(number) with the descriptor's number, whoever accepts meanwhile; as of a Conn.

        There is no raw_read and no raw_write: nothing is read from a listener.
        Source: go1.27 net/rawconn.go rawListener
        """
        from netpoll.net.rawcall import call_raw  # noqa: PLC0415 - likewise

        return call_raw(
            "raw-control", self._fd, fn, network=self._network, source=None, addr=self._addr
        )

    def set_deadline(self, when: float | None) -> None:
        """Let accept fail from that moment of time.monotonic() on; None for never.

        A timeout holds as well: the earlier of the two counts.
        """
        with self._doing("set"):
            try:
                self._fd.set_deadline(when)
            except (TypeError, OverflowError):
                raise no_limit("deadline", when) from None

    def settimeout(self, seconds: float | None) -> None:
        """Let each later accept fail after so many seconds; None for never, 0: fail, do not wait.

        A deadline holds as well: the earlier of the two counts, and None does not lift a deadline.
        """
        try:
            self._fd.settimeout(seconds)
        except (TypeError, OverflowError):
            raise no_limit("timeout", seconds) from None

    def gettimeout(self) -> float | None:
        """Return what settimeout set."""
        return self._fd.gettimeout()

    def _doing(self, op: str) -> AbstractContextManager[None]:
        return wrapping(op, self._network, None, self._addr)

    def __repr__(self) -> str:
        state = "closed" if self.closed else "open"
        return f"<{type(self).__name__} {self._network} {self._addr} {state}>"


def _sockname(fd: SocketFD) -> bytes:
    """Return the local address of a connection just accepted, which is closed if that fails."""
    try:
        return fd.getsockname()
    except BaseException:
        fd.close()
        raise

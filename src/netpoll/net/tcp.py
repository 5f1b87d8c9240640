"""TCP connections and listeners."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.socket_fd import SocketFD
from netpoll.net import sockopt
from netpoll.net.addr import TCPAddr, decode
from netpoll.net.conn import Conn
from netpoll.net.limit import no_limit
from netpoll.net.listener import Listener
from netpoll.net.operror import wrap_error, wrapping
from netpoll.net.sockopt import KeepAlive


class TCPConn(Conn):
    """A TCP connection.

    Each of its setters raises OpError, or ClosedError once it is closed.
    """

    __slots__ = ()

    if TYPE_CHECKING:  # at run time these are Conn's

        @property
        def local_addr(self) -> TCPAddr:
            """This end's address."""

        @property
        def remote_addr(self) -> TCPAddr:
            """The peer's address."""

    def set_no_delay(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Send small writes at once, which is the default, or let the kernel gather them."""
        with self._setting():
            sockopt.set_no_delay(self._fd, enabled)

    def set_keep_alive(self, keep_alive: KeepAlive | bool) -> None:  # noqa: FBT001 - likewise
        """Probe a silent peer at these times, True for the default ones, or never."""
        with self._setting():
            sockopt.set_keep_alive(self._fd, sockopt.as_keep_alive(keep_alive))

    def set_linger(self, seconds: int | None) -> None:
        """Choose what close does with data that the peer does not have yet.

        None, the default: the kernel goes on sending in the background. 0: the data is thrown away
        and the peer gets a reset. Above 0: it is sent for at most so long, and close blocks its
        thread for that time, non-blocking or not (socket(7)).
        """
        with self._setting():
            sockopt.set_linger(self._fd, seconds)

    def set_read_buffer(self, size: int) -> None:
        """Ask for a receive buffer of so many bytes; the kernel then tunes it no longer."""
        with self._setting():
            sockopt.set_read_buffer(self._fd, size)

    def set_write_buffer(self, size: int) -> None:
        """Ask for a send buffer of so many bytes; the kernel then tunes it no longer."""
        with self._setting():
            sockopt.set_write_buffer(self._fd, size)

    def _setting(self) -> AbstractContextManager[None]:
        return wrapping("set", self.network, self.local_addr, self.remote_addr)


class TCPListener(Listener):
    """Waits for TCP peers.

    Iterating yields a connection per peer and ends when the listener is closed: that is how a
    server is stopped, from a signal handler for example. Leaving a with block closes it.

    Any goroutine of any thread may call each method, and any thread close.
    Source: go1.27 net/tcpsock.go TCPListener
    """

    __slots__ = ("_addr", "_fd", "_network", "_shared")

    def __init__(self, fd: ListenFD, network: str, *, shared: bool) -> None:
        """Take over a descriptor that listens; shared: its connections have its local address."""
        raw = fd.getsockname()
        self._fd = fd
        self._network = network
        self._addr = decode(network, raw)
        self._shared = raw if shared and not self._addr.is_wildcard else None

    @property
    def network(self) -> str:
        """The network it was made for: "tcp", "tcp4" or "tcp6"."""
        return self._network

    @property
    def local_addr(self) -> TCPAddr:
        """The address listened on, with the port that the kernel chose if it was given as 0."""
        return self._addr

    @property
    def closed(self) -> bool:
        """Whether close was called."""
        return self._fd.closed

    def accept(self) -> TCPConn:
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
        return TCPConn(fd, self._network, local, remote)

    def close(self) -> None:
        """Listen no longer: who waits in accept gets ClosedError, peers in the queue a reset."""
        self._fd.close()

    def fileno(self) -> int:
        """Return the descriptor's number; ClosedError once closed."""
        with self._doing("fileno"):
            return self._fd.fileno()

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
        return f"<TCPListener {self._network} {self._addr} {state}>"


def _sockname(fd: SocketFD) -> bytes:
    """Return the local address of a connection just accepted, which is closed if that fails."""
    try:
        return fd.getsockname()
    except BaseException:
        fd.close()
        raise

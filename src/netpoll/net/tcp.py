"""TCP connections and listeners."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING, Self

from netpoll.net import sockopt
from netpoll.net.addr import TCPAddr
from netpoll.net.conn import Conn
from netpoll.net.endpoint import own_methods
from netpoll.net.operror import wrapping
from netpoll.net.sockopt import KeepAlive
from netpoll.net.stream_listener import StreamListener

if TYPE_CHECKING:
    from netpoll.net.tcp_info import TCPInfo


@own_methods
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

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        from netpoll.net import adopt  # noqa: PLC0415 - it knows every kind of socket

        return adopt.as_kind(cls, TCPConn, fileno)

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

    @property
    def multipath_tcp(self) -> bool:
        """Whether it is Multipath TCP that is spoken; False before Linux 5.16. ClosedError.

        A connection that was dialled for it speaks plain TCP with a peer that does not know it.
        Source: go1.27 net/tcpsock.go (*TCPConn).MultipathTCP
        """
        from netpoll.net.tcp_info import uses_multipath  # noqa: PLC0415 - few programs ask

        with self._doing("get"):
            return uses_multipath(self._fd)

    def info(self) -> TCPInfo:
        """Return what the kernel knows of the connection: times, windows, losses. Does not park.

        OpError, ClosedError. Source: tcp(7) TCP_INFO
        """
        from netpoll.net.tcp_info import tcp_info  # noqa: PLC0415 - likewise

        with self._doing("get"):
            return tcp_info(self._fd)

    def _doing(self, op: str) -> AbstractContextManager[None]:
        return wrapping(op, self.network, self.local_addr, self.remote_addr)

    def _setting(self) -> AbstractContextManager[None]:
        return self._doing("set")


class TCPListener(StreamListener[TCPConn, TCPAddr]):
    """Waits for TCP peers.

    Iterating yields a connection per peer and ends when the listener is closed: that is how a
    server is stopped, from a signal handler for example. Leaving a with block closes it.

    Any goroutine of any thread may call each method, and any thread close.
    Source: go1.27 net/tcpsock.go TCPListener
    """

    __slots__ = ()

    _connection = TCPConn

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        from netpoll.net import adopt  # noqa: PLC0415 - as above

        return adopt.as_kind(cls, TCPListener, fileno)

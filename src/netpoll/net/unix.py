"""Unix sockets that connect: streams, and those that keep messages apart.

Source: go1.27 net/unixsock.go, net/unixsock_posix.go; unix(7)
"""

from typing import TYPE_CHECKING

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.stream_fd import StreamFD
from netpoll.net.addr import UnixAddr
from netpoll.net.bound_path import BoundPath
from netpoll.net.conn import Conn
from netpoll.net.stream_listener import StreamListener
from netpoll.net.unix_end import UnixEnd


# Conn comes first: the object is laid out as Conn says.
class UnixConn(Conn, UnixEnd):
    """A connection of network "unix", a stream, or "unixpacket", which keeps messages apart.

    On "unixpacket" a write is one message and a read takes one; what of it has no room is lost, and
    an empty one cannot be told from the end, for both are b"".
    """

    __slots__ = ("_path",)

    def __init__(
        self,
        fd: StreamFD,
        network: str,
        local: bytes,
        remote: bytes,
        *,
        path: BoundPath | None = None,
    ) -> None:
        """Take over a descriptor, and the file that it was bound to."""
        super().__init__(fd, network, local, remote)
        self._path = path

    if TYPE_CHECKING:  # at run time these are Endpoint's

        @property
        def local_addr(self) -> UnixAddr:
            """This end's address."""

        @property
        def remote_addr(self) -> UnixAddr:
            """The peer's address, of no name if it has none."""


class UnixListener(StreamListener[UnixConn, UnixAddr]):
    """Waits for peers on a Unix socket, and removes its file when it is closed.

    Iterating yields a connection per peer and ends when the listener is closed. Leaving a with
    block closes it.

    Any goroutine of any thread may call each method, and any thread close.
    Source: go1.27 net/unixsock.go UnixListener
    """

    __slots__ = ("_path",)

    _connection = UnixConn

    def __init__(self, fd: ListenFD, network: str, *, path: BoundPath | None = None) -> None:
        """Take over a descriptor that listens, and the file that it was bound to."""
        # A connection has the listener's name: one system call less for each.
        super().__init__(fd, network, shared=True)
        self._path = path or BoundPath(self.local_addr.name, wanted=False)

    def close(self) -> None:
        """Listen no longer: who waits in accept gets ClosedError, peers in the queue a reset.

        First the file is removed, so that nobody comes who would not be served; see
        set_unlink_on_close.
        """
        self._path.remove()
        super().close()

    def set_unlink_on_close(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Choose whether close removes the file that the socket is bound to.

        By default it does if listen has made it, in the process that did so, and not if the socket
        was taken over by from_fd. True makes it this process, the child of a fork for example. In
        any case the file is removed once at most, and only while it is the socket's own. An
        abstract name has no file.
        Source: go1.27 net/unixsock_posix.go (*UnixListener).SetUnlinkOnClose
        """
        self._path.set_wanted(enabled)

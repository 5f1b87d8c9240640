"""Unix sockets that connect: streams, and those that keep messages apart.

Source: go1.27 net/unixsock.go, net/unixsock_posix.go; unix(7)
"""

from __future__ import annotations

from socket import SOCK_STREAM
from typing import TYPE_CHECKING, Self

from netpoll._poll.listen_fd import ListenFD
from netpoll._poll.message import send_message
from netpoll._poll.stream_fd import StreamFD
from netpoll.net import adopt, descriptors
from netpoll.net.addr import UnixAddr
from netpoll.net.bound_path import BoundPath
from netpoll.net.conn import Conn
from netpoll.net.endpoint import own_methods
from netpoll.net.stream_listener import StreamListener
from netpoll.net.unix_end import UnixEnd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer


# Conn comes first: the object is laid out as Conn says.
@own_methods
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

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        return adopt.as_kind(cls, UnixConn, fileno)

    if TYPE_CHECKING:  # at run time these are Endpoint's

        @property
        def local_addr(self) -> UnixAddr:
            """This end's address."""

        @property
        def remote_addr(self) -> UnixAddr:
            """The peer's address, of no name if it has none."""

    # -- messages

    def sendmsg(
        self,
        buffers: Iterable[Buffer],
        control: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
    ) -> int:
        """Send all of several bytes-like objects, gathered, with control data. Parks as write.

        control: (level, type, data) of each part. Return how many bytes of data.
        ValueError: control data without any data, which a stream does not carry.
        Source: go1.27 net/unixsock.go (*UnixConn).WriteMsgUnix; sendmsg(2), cmsg(3)
        """
        if isinstance(buffers, bytes | bytearray | memoryview | str):
            raise TypeError("sendmsg() wants several bytes-like objects; one alone is for write()")
        several, parts = list(buffers), list(control)
        if parts and self._fd.kind == SOCK_STREAM and not any(map(_size, several)):
            raise ValueError("a stream carries control data only along with data")
        with self._doing("write"):
            return send_message(self._fd, several, parts, flags)

    def send_fds(self, data: Buffer, fds: Iterable[int]) -> int:
        """Send bytes and, with them, descriptors to the peer; return how many bytes. Parks.

        The peer gets descriptors of its own, to the same open files. These here stay the caller's,
        who closes them, but not before this returns.

        OpError: EINVAL for more than 253 of them, EBADF for what is none. ValueError: no data at
        all, with which a stream carries no descriptors.
        Source: unix(7) SCM_RIGHTS; socket.send_fds
        """
        return self.sendmsg([data], descriptors.control(fds))


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

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        return adopt.as_kind(cls, UnixListener, fileno)

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
        abstract name has no file. After close this does nothing.
        Source: go1.27 net/unixsock_posix.go (*UnixListener).SetUnlinkOnClose
        """
        self._path.set_wanted(enabled)


def _size(data: Buffer) -> int:
    return memoryview(data).nbytes

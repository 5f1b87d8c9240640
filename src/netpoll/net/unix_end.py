"""What the ends of all Unix sockets have, streams and datagrams alike."""

from contextlib import AbstractContextManager
from typing import TYPE_CHECKING

from netpoll.net import credentials, sockopt
from netpoll.net.addr import UnixAddr
from netpoll.net.bound_path import BoundPath
from netpoll.net.credentials import Credentials
from netpoll.net.operror import wrapping
from netpoll.net.receiving import MessageEnd


class UnixEnd(MessageEnd):
    """One end of a Unix socket; the file it was bound to by dial or listen_packet goes with it.

    Each setter raises OpError, or ClosedError once it is closed.
    """

    __slots__ = ()

    _path: BoundPath | None  # of the subclass; None if it was not bound here

    if TYPE_CHECKING:  # at run time these are Endpoint's

        @property
        def local_addr(self) -> UnixAddr:
            """This end's address."""

    # -- the end

    def close(self) -> None:
        """Close; who reads or writes gets ClosedError at once. Never parks; again: does nothing.

        First the file that it was bound to is removed; see set_unlink_on_close.
        """
        if self._path is not None and not self._fd.closed:
            self._path.remove()
        self._fd.close()

    def __exit__(self, *exception: object) -> None:
        self.close()

    def set_unlink_on_close(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Choose whether close removes the file that the socket is bound to.

        By default it does if dial or listen_packet has bound it, in the process that did so. True
        makes it this process, the child of a fork for example. In any case the file is removed once
        at most, and only while it is the socket's own. An abstract name has no file. After close
        this does nothing.
        """
        if self._path is None:
            self._path = BoundPath(self.local_addr.name, wanted=False)
        self._path.set_wanted(enabled)

    # -- who is there

    def peer_credentials(self) -> Credentials:
        """Return the process, user and group of the peer when the connection was made.

        OpError of ENODATA: there is no connection, or of datagrams one that was not made as a pair.
        Source: unix(7) SO_PEERCRED
        """
        with self._doing("get"):
            return credentials.of_peer(self._fd)

    def pass_credentials(self, enabled: bool) -> None:  # noqa: FBT001 - the option's value
        """Let recvmsg give the sender's credentials with each message, or no longer.

        They come as control data, socket.SOL_SOCKET with socket.SCM_CREDENTIALS, and take room for
        12 bytes there: Credentials.unpack reads them. A socket that has no name gets one from the
        kernel when it sends, which local_addr does not show.
        Source: unix(7) SO_PASSCRED
        """
        with self._doing("set"):
            credentials.set_passing(self._fd, enabled)

    # -- buffers

    def set_read_buffer(self, size: int) -> None:
        """Ask for a receive buffer of so many bytes; what counts is the sender's (unix(7))."""
        with self._doing("set"):
            sockopt.set_read_buffer(self._fd, size)

    def set_write_buffer(self, size: int) -> None:
        """Ask for a send buffer of so many bytes: how much may be on its way to the peer."""
        with self._doing("set"):
            sockopt.set_write_buffer(self._fd, size)

    def _doing(self, op: str) -> AbstractContextManager[None]:
        return wrapping(op, self.network, self.local_addr, self.remote_addr)

"""Unix sockets that send and receive datagrams.

Source: go1.27 net/unixsock.go, net/unixsock_posix.go; unix(7)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Self

from netpoll._poll.packet_fd import PacketFD
from netpoll.errors import AddrError
from netpoll.net import adopt, descriptors
from netpoll.net.addr import Addr, UnixAddr, encode
from netpoll.net.bound_path import BoundPath
from netpoll.net.endpoint import own_methods
from netpoll.net.packet_conn import PacketConn
from netpoll.net.unix_end import UnixEnd

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Buffer


# PacketConn comes first: the object is laid out as it says.
@own_methods
class UnixDatagramConn(PacketConn, UnixEnd):
    """A socket of network "unixgram", connected by dial or open to all by listen_packet.

    No datagram is lost on the way: who writes waits while the receiver's queue is full. Who wants
    an answer needs a name: to dial with local_addr "" gets one from the kernel.
    """

    __slots__ = ("_path",)

    def __init__(
        self,
        fd: PacketFD,
        network: str,
        local: bytes,
        remote: bytes | None = None,
        *,
        path: BoundPath | None = None,
    ) -> None:
        """Take over a descriptor, and the file that it was bound to."""
        super().__init__(fd, network, local, remote)
        self._path = path

    @classmethod
    def from_fd(cls, fileno: int) -> Self:
        """Take over a descriptor as net.from_fd does; TypeError if it is of another class."""
        return adopt.as_kind(cls, UnixDatagramConn, fileno)

    if TYPE_CHECKING:  # at run time these are PacketConn's

        @property
        def local_addr(self) -> UnixAddr:
            """This end's address."""

        @property
        def remote_addr(self) -> UnixAddr | None:
            """The peer's address, None if it has no peer."""

        def read_from(self, n: int = 65536) -> tuple[bytes, UnixAddr]:
            """Receive one datagram: up to n bytes of it, and the address that it came from."""

        def readinto_from(self, buffer: Buffer) -> tuple[int, UnixAddr]:
            """Receive one datagram into a buffer; return its size there and its sender."""

    def send_fds(self, data: Buffer, fds: Iterable[int], addr: UnixAddr | str | None = None) -> int:
        """Send a datagram and, with it, descriptors; return how many bytes. Parks.

        addr: to whom, None: to the peer. Who receives them gets descriptors of its own, to the same
        open files. These here stay the caller's, who closes them, but not before this returns.

        OpError: EINVAL for more than 253 of them, EBADF for what is none.
        Source: unix(7) SCM_RIGHTS; socket.send_fds
        """
        return self.sendmsg([data], descriptors.control(fds), 0, addr)

    def _encode(self, addr: Addr | str) -> bytes:
        if isinstance(addr, str):
            addr = UnixAddr(addr, "unixgram")
        elif not isinstance(addr, UnixAddr):
            raise TypeError(f"the address to send to is a UnixAddr or its text, not {addr!r}")
        if not addr.name:
            raise AddrError("missing address")
        return encode(addr)

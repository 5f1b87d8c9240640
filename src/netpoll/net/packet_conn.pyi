from collections.abc import Iterable
from typing import Literal, overload

from typing_extensions import Buffer, disjoint_base

from netpoll._poll.packet_fd import PacketFD
from netpoll.net.addr import Addr
from netpoll.net.endpoint import Endpoint
from netpoll.net.message import Message

@disjoint_base
class PacketConn(Endpoint):
    """An end that sends and receives datagrams; `with` closes it.

    Connected to a peer it has read, readinto and write; open to all it has read_from, readinto_from
    and write_to. What one write sends is what one read receives, nothing at all included, or its
    beginning if there is no room for more. Datagrams may be lost, and come in another order.

    Any goroutine of any thread may use it, any number at the same time: reads take turns, writes
    take turns, close wakes both. What parks raises, besides what it says: OpError, ClosedError once
    closed, DeadlineExceeded, and Cancelled.
    """

    def __init__(
        self, fd: PacketFD, network: str, local: bytes, remote: bytes | None = None
    ) -> None:
        """Take over a descriptor; local and remote are raw socket addresses, None: no peer."""

    @property
    def _fd(self) -> PacketFD: ...
    def read(self, n: int = 65536) -> bytes:
        """Receive one datagram, up to n bytes of it; b"" is an empty one, and no end. Parks.

        n of 0 returns b"" at once; ValueError if n is negative.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Read; recv(2)
        """

    def readinto(self, buffer: Buffer) -> int:
        """Receive one datagram into a writable buffer; return how many bytes it took. Parks."""

    def read_from(self, n: int = 65536) -> tuple[bytes, Addr]:
        """Receive one datagram: up to n bytes of it, and the address that it came from. Parks.

        Source: go1.27 net/udpsock.go (*UDPConn).ReadFromUDP; recvfrom(2)
        """

    def readinto_from(self, buffer: Buffer) -> tuple[int, Addr]:
        """Receive one datagram into a writable buffer; return its size and its sender. Parks."""

    def write(self, data: Buffer) -> int:
        """Send a bytes-like object as one datagram to the peer; return its length. Parks.

        OpError: EDESTADDRREQ if there is no peer, EMSGSIZE if it is too large for one datagram.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Write; send(2)
        """

    def write_to(self, data: Buffer, addr: Addr | str) -> int:
        """Send a bytes-like object as one datagram to an address; return its length. Parks.

        addr: an Addr, or its text; a host is no name here. AddrError: it is none, or one that this
        socket's family cannot reach. OpError: EISCONN if there is a peer, for whom write is.
        Source: go1.27 net/udpsock.go (*UDPConn).WriteTo; sendto(2)
        """

    def recvmsg(self, n: int = 65536, control_size: int = 0, flags: int = 0) -> Message:
        """Receive one datagram with its control data, as a Message. Parks.

        control_size: room for the control data, CMSG_SPACE of the socket module for each part.
        flags: MSG_PEEK, MSG_ERRQUEUE ... of recvmsg(2).
        Descriptors in it are the caller's to close; if the control data was cut there are none.
        Source: go1.27 net/udpsock.go (*UDPConn).ReadMsgUDP; recvmsg(2), cmsg(3)
        """

    def sendmsg(
        self,
        buffers: Iterable[Buffer],
        control: Iterable[tuple[int, int, Buffer]] = (),
        flags: int = 0,
        addr: Addr | str | None = None,
    ) -> int:
        """Send bytes-like objects, gathered, as one datagram with control data; return its length.

        control: (level, type, data) of each part. addr: as of write_to; None: to the peer. Parks.
        Source: go1.27 net/udpsock.go (*UDPConn).WriteMsgUDP; sendmsg(2), cmsg(3)
        """

    @overload
    def read_batch(
        self, count: int = 64, size: int = 65536, *, messages: Literal[False] = False
    ) -> list[tuple[bytes, Addr]]:
        """Receive what is there, up to `count` datagrams with their senders; at least one. Parks.

        Each is cut to `size` bytes, by default more than a datagram of the internet can have.
        messages: return a Message for each, without control data, whose flags have MSG_TRUNC if it
        was cut. With set_gro there may be more: `count` is the number of messages of the kernel
        then, each of which may be several datagrams; MSG_CTRUNC is for what could not be taken
        apart. MemoryError: there is no such room.
        Source: recvmmsg(2)
        """

    @overload
    def read_batch(
        self, count: int = 64, size: int = 65536, *, messages: Literal[True]
    ) -> list[Message]: ...
    @overload
    def read_batch(
        self, count: int = 64, size: int = 65536, *, messages: bool
    ) -> list[tuple[bytes, Addr]] | list[Message]: ...
    def write_batch(self, messages: Iterable[tuple[Buffer, Addr | str | None]]) -> int:
        """Send (data, addr) pairs, each as one datagram; return how many. Parks.

        addr: as of write_to; None: to the peer. On an error `messages_written` of the exception
        tells how many datagrams were sent before it.
        Source: sendmmsg(2)
        """

    def _encode(self, addr: Addr | str) -> bytes:
        """Return the raw socket address to send to; the subclass says what a str stands for."""

    def _target(self, addr: Addr | str) -> bytes:
        """Return the raw socket address of what write_to may be called with."""

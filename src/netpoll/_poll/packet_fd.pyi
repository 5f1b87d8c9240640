from typing import Self

from typing_extensions import Buffer, disjoint_base

from netpoll._poll.socket_fd import SocketFD

@disjoint_base
class PacketFD(SocketFD):
    """A socket of datagrams, for any goroutine of any thread. A method that parks says so."""

    merges: bool
    @classmethod
    def adopt(cls, fileno: int) -> Self:
        """Own a socket's descriptor as SocketFD.adopt does; note whether UDP_GRO is on.

        Before Linux 5.13 the kernel does not tell.
        """

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option to an int or to bytes; note whether UDP_GRO is on. OSError, ClosedError."""

    def read_bytes(self, size: int) -> bytes:
        """Receive one datagram, cut to `size` bytes; size 0: b"" at once. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """

    def readinto(self, buffer: Buffer) -> int:
        """Receive one datagram into a writable buffer; return how many bytes it took. Parks."""

    def read_from(self, size: int) -> tuple[bytes, bytes]:
        """Receive one datagram, cut to `size` bytes, and the raw sockaddr of who sent it. Parks.

        With size 0, too, a datagram is waited for and taken.
        """

    def readinto_from(self, buffer: Buffer) -> tuple[int, bytes]:
        """Receive one datagram into a writable buffer; return its size and who sent it. Parks."""

    def write(self, data: Buffer) -> int:
        """Send a bytes-like object as one datagram to the connected peer; return its length. Parks.

        OSError (EMSGSIZE: too large for one), ClosedError, DeadlineExceeded, Cancelled.
        """

    def write_to(self, data: Buffer, address: bytes) -> int:
        """Send a bytes-like object as one datagram to a raw sockaddr; return its length. Parks."""

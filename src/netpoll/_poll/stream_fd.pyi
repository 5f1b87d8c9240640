from collections.abc import Iterable

from typing_extensions import Buffer, disjoint_base

from netpoll._poll.socket_fd import SocketFD

@disjoint_base
class StreamFD(SocketFD):
    """A stream socket, for any goroutine of any thread. A method that parks says so."""

    def read_bytes(self, size: int) -> bytes:
        """Read up to `size` bytes, b"" at the end of the stream. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """

    def readinto(self, buffer: Buffer) -> int:
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""

    def readv(self, buffers: Iterable[Buffer]) -> int:
        """Read into several writable buffers, one after the other; else as readinto. Parks."""

    def write(self, data: Buffer) -> int:
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks."""

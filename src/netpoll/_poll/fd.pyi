from collections.abc import Iterable

from typing_extensions import Buffer, disjoint_base

@disjoint_base
class FD:
    """A socket descriptor, for any goroutine of any thread. A method that parks says so."""

    def __init__(self) -> None:
        """Raise TypeError: an FD is made by `FD.socket` or `FD.adopt`."""

    @staticmethod
    def socket(family: int, type: int, proto: int = 0) -> FD:
        """Make a socket, non-blocking and close-on-exec. OSError."""

    @staticmethod
    def adopt(fileno: int) -> FD:
        """Own a stream socket's descriptor from now on and make it non-blocking. OSError."""

    def close(self) -> None:
        """Close; everybody inside gets ClosedError. Never parks; again: does nothing. Any thread.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Close.
        """

    @property
    def closed(self) -> bool:
        """True once `close` was called."""

    def fileno(self) -> int:
        """Return the descriptor's number. ClosedError."""

    def set_deadline(self, when: float | None) -> None:
        """Set the deadline for reading and writing: seconds on time.monotonic(), None for none.

        Wakes who waits if it has passed. Does not park. ClosedError. Any thread.
        """

    def set_read_deadline(self, when: float | None) -> None:
        """Set the deadline for reading and accepting; as set_deadline."""

    def set_write_deadline(self, when: float | None) -> None:
        """Set the deadline for writing and connecting; as set_deadline."""

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later operation to `seconds`, None for no limit. ValueError: negative or NaN.

        Zero means: fail rather than wait.
        """

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, None if there is none."""

    def read_bytes(self, size: int) -> bytes:
        """Read up to `size` bytes, b"" at the end of the stream. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """

    def readinto(self, buffer: Buffer) -> int:
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""

    def write(self, data: Buffer) -> int:
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks."""

    def bind(self, address: bytes) -> None:
        """Bind to a raw sockaddr. OSError, ClosedError."""

    def listen(self, backlog: int) -> None:
        """Begin to listen. OSError, ClosedError."""

    def accept(self) -> tuple[FD, bytes]:
        """Wait for a connection; return it as an FD, and the peer's raw sockaddr. Parks.

        Connections that were gone before they were accepted are passed over. While the process or
        the system is out of descriptors or memory, tries again after 5 ms, 10 ms ... 1 s.
        OSError, ClosedError, DeadlineExceeded, Cancelled.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Accept, net/http (*Server).Serve; accept(2).
        """

    def connect(self, address: bytes, timeout: float | None = None) -> None:
        """Connect to a raw sockaddr within `timeout` seconds. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled; close the FD after any of them.

        Source: go1.27 net/fd_unix.go (*netFD).connect; connect(2).
        """

    def shutdown(self, how: int) -> None:
        """Shut down reading (0), writing (1) or both (2). OSError, ClosedError. Does not park."""

    def getsockname(self) -> bytes:
        """Return the local raw sockaddr. OSError, ClosedError."""

    def getpeername(self) -> bytes:
        """Return the peer's raw sockaddr. OSError, ClosedError."""

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option to an int or to bytes. OSError, ClosedError."""

    def getsockopt(self, level: int, name: int) -> int:
        """Return an option as an int. OSError, ClosedError."""

    def getsockopt_bytes(self, level: int, name: int, size: int) -> bytes:
        """Return an option of at most `size` bytes. OSError, ClosedError."""

    def dup(self) -> int:
        """Return a close-on-exec duplicate, the caller's to close. OSError, ClosedError."""

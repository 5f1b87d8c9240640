from typing import Self

from typing_extensions import disjoint_base

from netpoll._poll.fd import FD

@disjoint_base
class SocketFD(FD):
    """A socket, for any goroutine of any thread. A method that parks says so."""

    @classmethod
    def socket(cls, family: int, type: int, proto: int = 0) -> Self:
        """Make a socket, non-blocking and close-on-exec. OSError."""

    @classmethod
    def adopt(cls, fileno: int) -> Self:
        """Own a socket's descriptor from now on and make it non-blocking.

        OSError, ENOTSOCK for what is no socket; the descriptor stays the caller's then.
        """

    @property
    def family(self) -> int: ...
    @property
    def kind(self) -> int: ...
    def bind(self, address: bytes) -> None:
        """Bind to a raw sockaddr. OSError, ClosedError."""

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

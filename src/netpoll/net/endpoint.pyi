from typing import Self

from typing_extensions import disjoint_base

from netpoll._poll.socket_fd import SocketFD
from netpoll.net.addr import Addr

@disjoint_base
class Endpoint:
    """One end; `with` closes it.

    Any goroutine of any thread may use it, any number at the same time.
    """

    def __init__(
        self, fd: SocketFD, network: str, local: bytes, remote: bytes | None = None
    ) -> None:
        """Take over a descriptor; local and remote are raw socket addresses, None: no peer."""

    @property
    def _fd(self) -> SocketFD: ...
    def close(self) -> None:
        """Close; who reads or writes gets ClosedError at once. Never parks; again: does nothing."""

    @property
    def closed(self) -> bool:
        """True once `close` was called."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...
    def set_deadline(self, when: float | None) -> None:
        """Make reads and writes fail from `when` on: seconds on time.monotonic(), None for never.

        It stays until it is set anew, and wakes who waits. Does not park. A timeout holds as well:
        the earlier of the two counts.
        """

    def set_read_deadline(self, when: float | None) -> None:
        """Make reads fail from `when` on; as set_deadline."""

    def set_write_deadline(self, when: float | None) -> None:
        """Make writes fail from `when` on; as set_deadline."""

    def settimeout(self, seconds: float | None) -> None:
        """Limit each later read and write to `seconds`; None: no limit, 0: fail, do not wait.

        A deadline holds as well: the earlier of the two counts, and None does not lift a deadline.
        """

    def gettimeout(self) -> float | None:
        """Return the timeout in seconds, None if there is none."""

    def fileno(self) -> int:
        """Return the descriptor's number, which stays the connection's. ClosedError."""

    def dup(self) -> int:
        """Return another descriptor of the socket, for the caller to close. OpError, ClosedError.

        It is close-on-exec, and non-blocking, for the mode is the socket's; to change that does no
        harm here. The peer sees the end only when each descriptor of the socket is closed.
        Source: go1.27 net/net.go (*conn).File; fcntl(2) F_DUPFD_CLOEXEC
        """

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option of the socket to an int or to bytes. OpError, ClosedError. Does not park.

        Level and name are numbers of the socket module. ValueError: one that no C int can hold.
        Source: setsockopt(2)
        """

    def getsockopt(self, level: int, name: int) -> int:
        """Return an option of the socket that is an int. OpError, ClosedError. Does not park.

        Source: getsockopt(2)
        """

    @property
    def network(self) -> str:
        """The network it was made for, such as "tcp" or "udp4"."""

    @property
    def local_addr(self) -> Addr:
        """This end's address."""

    @property
    def remote_addr(self) -> Addr | None:
        """The peer's address, None if it has no peer."""

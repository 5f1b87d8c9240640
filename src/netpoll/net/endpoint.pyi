from collections.abc import Callable
from typing import Self, TypeVar

from typing_extensions import disjoint_base

from netpoll._poll.socket_fd import SocketFD
from netpoll.net.addr import Addr
from netpoll.net.options import Value

_T = TypeVar("_T")

_Class = TypeVar("_Class", bound=type)

def own_methods(owner: _Class, /) -> _Class:
    """Give a class what it inherits of its compiled base and is called most as methods of its own.

    CPython calls a method in C without detour where the object is of the very type that the method
    is of, and of no subclass (PRECALL_METHOD_DESCRIPTOR_* in 3.11, CALL_METHOD_DESCRIPTOR_* later).
    """

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

    def get_option(self, name: str) -> Value:
        """Return an option of the socket by its name, such as "tcp_user_timeout". Does not park.

        Names are the kernel's in small letters; the type is the option's: bool, int, str, bytes,
        or for "so_linger" a number of seconds or None. Units are the kernel's.
        ValueError: there is no such name. OpError: the kernel or this socket has no such option.
        Source: socket(7); tcp(7); udp(7); ip(7); ipv6(7)
        """

    def set_option(self, name: str, value: Value) -> None:
        """Set an option of the socket by its name, such as "tcp_user_timeout". Does not park.

        Names and types are those of get_option. TypeError, ValueError: the value cannot be one of
        this option, or there is no such name. OpError: what the kernel refuses.
        """

    def raw_read(self, fn: Callable[[int], _T]) -> _T:
        """Call fn with the descriptor's number, as the only reader; return its result. Parks.

        If fn raises BlockingIOError, as a call of the socket module does when there is nothing to
        read, it is called again as soon as there may be. Whatever else it raises is raised. It must
        neither park nor read from this connection in another way, nor keep the number.
        Source: go1.27 net/rawconn.go
        """

    def raw_write(self, fn: Callable[[int], _T]) -> _T:
        """Call fn with the number, as the only writer; otherwise as raw_read. Parks."""

    def raw_control(self, fn: Callable[[int], _T]) -> _T:
        """Call fn with the number, once, whoever reads or writes meanwhile. Does not park.

        The number stays the descriptor's until fn has returned; it must not be kept.
        Source: go1.27 net/rawconn.go
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

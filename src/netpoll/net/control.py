"""Control: the hook that sees a socket before it is bound or connected."""

from collections.abc import Callable
from socket import AF_INET6
from typing import Protocol


class RawSocket(Protocol):
    """A socket as a Control sees it; the numbers are those of the socket module. Nothing parks.

    Source: go1.27 syscall/net.go RawConn
    """

    def fileno(self) -> int:
        """Return the descriptor's number."""

    def setsockopt(self, level: int, name: int, value: int | bytes) -> None:
        """Set an option to an int or to bytes. OSError."""

    def getsockopt(self, level: int, name: int) -> int:
        """Return an option as an int. OSError."""

    def getsockopt_bytes(self, level: int, name: int, size: int) -> bytes:
        """Return an option of at most `size` bytes. OSError."""


Control = Callable[[str, str, RawSocket], None]
"""Called with "tcp4", "udp6", "unix" or the like, the address to come and the socket, to set
options on.

What it raises ends the dial or listen. It neither closes the descriptor nor keeps it.
Source: go1.27 net/dial.go Dialer.Control
"""


def control_network(network: str, family: int) -> str:
    """Return the name of the network with the family that the socket has."""
    return network.rstrip("46") + ("6" if family == AF_INET6 else "4")

"""Control: the hook that sees a socket before it is bound or connected."""

from collections.abc import Callable
from socket import AF_INET6

from netpoll._poll.socket_fd import SocketFD

Control = Callable[[str, str, SocketFD], None]
"""Called with "tcp4" or "tcp6", the address to come and the descriptor, to set options on.

What it raises ends the dial or listen. It neither closes the descriptor nor keeps it.
Source: go1.27 net/dial.go Dialer.Control
"""


def control_network(network: str, family: int) -> str:
    """Return the name of the network with the family that the socket has."""
    return network.rstrip("46") + ("6" if family == AF_INET6 else "4")

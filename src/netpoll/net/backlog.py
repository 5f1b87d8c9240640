"""How many peers may wait for a listener to accept them."""

import socket

from netpoll.net import sockopt

_SOMAXCONN = "/proc/sys/net/core/somaxconn"
_MAX_BACKLOG = 65535  # before Linux 4.1 the kernel kept the number in 16 bits and cut it off


def chosen(peers: int | None) -> int:
    """Return how many are meant, None: the longest queue. ValueError: no number listen(2) takes."""
    return longest() if peers is None else sockopt.whole("a backlog is", peers, "peers")


def longest() -> int:
    """Return the longest queue that the system allows.

    Source: go1.27 net/sock_linux.go maxListenerBacklog
    """
    try:
        with open(_SOMAXCONN, encoding="ascii") as file:  # noqa: PTH123 - pathlib takes 2 ms to import
            limit = int(file.read())
    except (OSError, ValueError):
        limit = 0
    return min(limit or socket.SOMAXCONN, _MAX_BACKLOG)

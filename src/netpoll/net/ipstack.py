"""What the machine's IP stack can do, found out once per process.

Source: go1.27 net/ipsock_posix.go ipStackCapabilities.probe
"""

from functools import cache
from socket import AF_INET6, IPPROTO_TCP, SOCK_STREAM

from netpoll._poll.socket_fd import SocketFD
from netpoll.net import sockaddr, sockopt

_MAPPED_LOOPBACK = "::ffff:127.0.0.1"


@cache
def maps_ipv4() -> bool:
    """Tell whether an IPv6 socket can serve IPv4 peers; OSError if no descriptor is left to try.

    Any thread may ask: two that ask first at once both try, and find the same.
    """
    try:
        _bind_mapped()
    except OSError as error:
        if error.errno in sockopt.SHORTAGE:
            raise  # and nothing is cached
        return False
    return True


def _bind_mapped() -> None:
    fd = SocketFD.socket(AF_INET6, SOCK_STREAM, IPPROTO_TCP)
    try:
        sockopt.set_only_ipv6(fd, enabled=False)
        fd.bind(sockaddr.pack(_MAPPED_LOOPBACK, 0, 0))
    finally:
        fd.close()

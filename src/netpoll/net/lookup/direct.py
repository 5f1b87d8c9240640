"""How a name server is connected to by default: as net.dial does, its address read but once."""

from functools import lru_cache

from netpoll.net import udp_socket
from netpoll.net.addr import UDPAddr
from netpoll.net.dial import dial as dial_any
from netpoll.net.lookup.exchange import Connection
from netpoll.net.operror import wrap_error

_address = lru_cache(maxsize=64)(UDPAddr.parse)


def dial(network: str, address: str, /, *, deadline: float) -> Connection:
    """Connect to "ip:port" on "udp" or "tcp" until a moment of time.monotonic()."""
    if network != "udp":
        return dial_any(network, address, deadline=deadline)
    server = _address(address)
    try:
        return udp_socket.connect(network, server)
    except OSError as error:
        raise wrap_error("dial", network, None, server, error) from error

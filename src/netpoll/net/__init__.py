"""Networks: listen, dial, and what they give."""

from netpoll.net.addr import Addr, InternetAddr, PipeAddr, TCPAddr, UDPAddr, UnixAddr
from netpoll.net.conn import Conn
from netpoll.net.control import Control, RawSocket
from netpoll.net.copying import copy
from netpoll.net.dial import Dialer, dial
from netpoll.net.hostport import join_host_port, split_host_port
from netpoll.net.listen import ListenConfig, listen
from netpoll.net.listener import Listener
from netpoll.net.pipe import PipeConn, pipe
from netpoll.net.resolve import Resolver
from netpoll.net.sockopt import KeepAlive
from netpoll.net.tcp import TCPConn, TCPListener

__all__ = [
    "Addr",
    "Conn",
    "Control",
    "Dialer",
    "InternetAddr",
    "KeepAlive",
    "ListenConfig",
    "Listener",
    "PipeAddr",
    "PipeConn",
    "RawSocket",
    "Resolver",
    "TCPAddr",
    "TCPConn",
    "TCPListener",
    "UDPAddr",
    "UnixAddr",
    "copy",
    "dial",
    "join_host_port",
    "listen",
    "pipe",
    "split_host_port",
]


def __dir__() -> list[str]:
    return __all__

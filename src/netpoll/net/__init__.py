"""Networks: listen, dial, and what they give."""

from netpoll.net.activation import activated
from netpoll.net.addr import Addr, InternetAddr, PipeAddr, TCPAddr, UDPAddr, UnixAddr
from netpoll.net.adopt import from_fd
from netpoll.net.conn import Conn
from netpoll.net.control import Control, RawSocket
from netpoll.net.copying import copy
from netpoll.net.credentials import Credentials
from netpoll.net.dial import Dialer, dial
from netpoll.net.hostport import join_host_port, split_host_port
from netpoll.net.listen import ListenConfig, listen, listen_packet
from netpoll.net.listener import Listener
from netpoll.net.message import Message
from netpoll.net.multicast import listen_multicast
from netpoll.net.packet_conn import PacketConn
from netpoll.net.pipe import PipeConn, pipe
from netpoll.net.resolve import Resolver
from netpoll.net.sockopt import KeepAlive
from netpoll.net.tcp import TCPConn, TCPListener
from netpoll.net.udp import UDPConn
from netpoll.net.unix import UnixConn, UnixListener
from netpoll.net.unixgram import UnixDatagramConn

__all__ = [
    "Addr",
    "Conn",
    "Control",
    "Credentials",
    "Dialer",
    "InternetAddr",
    "KeepAlive",
    "ListenConfig",
    "Listener",
    "Message",
    "PacketConn",
    "PipeAddr",
    "PipeConn",
    "RawSocket",
    "Resolver",
    "TCPAddr",
    "TCPConn",
    "TCPListener",
    "UDPAddr",
    "UDPConn",
    "UnixAddr",
    "UnixConn",
    "UnixDatagramConn",
    "UnixListener",
    "activated",
    "copy",
    "dial",
    "from_fd",
    "join_host_port",
    "listen",
    "listen_multicast",
    "listen_packet",
    "pipe",
    "split_host_port",
]


def __dir__() -> list[str]:
    return __all__

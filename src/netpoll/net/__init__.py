"""Networks: listen, dial, and what they give."""

from netpoll.net.addr import Addr, InternetAddr, PipeAddr, TCPAddr, UDPAddr, UnixAddr
from netpoll.net.adopt import from_fd
from netpoll.net.conn import Conn
from netpoll.net.control import Control, RawSocket
from netpoll.net.copying import copy
from netpoll.net.credentials import Credentials
from netpoll.net.dial import Dialer, dial
from netpoll.net.hostport import join_host_port, split_host_port
from netpoll.net.interfaces import (
    Interface,
    InterfaceFlags,
    interface_addrs,
    interface_by_index,
    interface_by_name,
    interfaces,
)
from netpoll.net.listen import ListenConfig, listen, listen_packet
from netpoll.net.listener import Listener
from netpoll.net.message import Message
from netpoll.net.multicast import listen_multicast
from netpoll.net.packet_conn import PacketConn
from netpoll.net.pipe import PipeConn, pipe
from netpoll.net.resolver import (
    MX,
    NS,
    SRV,
    Resolver,
    lookup_addr,
    lookup_cname,
    lookup_host,
    lookup_ip,
    lookup_mx,
    lookup_ns,
    lookup_port,
    lookup_srv,
    lookup_txt,
)
from netpoll.net.sockopt import KeepAlive
from netpoll.net.tcp import TCPConn, TCPListener
from netpoll.net.tcp_info import TCPInfo
from netpoll.net.udp import UDPConn
from netpoll.net.unix import UnixConn, UnixListener
from netpoll.net.unixgram import UnixDatagramConn

__all__ = [
    "MX",
    "NS",
    "SRV",
    "Addr",
    "Conn",
    "Control",
    "Credentials",
    "Dialer",
    "Interface",
    "InterfaceFlags",
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
    "TCPInfo",
    "TCPListener",
    "UDPAddr",
    "UDPConn",
    "UnixAddr",
    "UnixConn",
    "UnixDatagramConn",
    "UnixListener",
    "copy",
    "dial",
    "from_fd",
    "interface_addrs",
    "interface_by_index",
    "interface_by_name",
    "interfaces",
    "join_host_port",
    "listen",
    "listen_multicast",
    "listen_packet",
    "lookup_addr",
    "lookup_cname",
    "lookup_host",
    "lookup_ip",
    "lookup_mx",
    "lookup_ns",
    "lookup_port",
    "lookup_srv",
    "lookup_txt",
    "pipe",
    "split_host_port",
]


def __dir__() -> list[str]:
    return __all__

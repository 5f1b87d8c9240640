"""Networks: listen, dial, and what they give."""

import importlib
import typing

from netpoll.net.addr import Addr, InternetAddr, PipeAddr, TCPAddr, UDPAddr, UnixAddr
from netpoll.net.conn import Conn
from netpoll.net.control import Control, RawSocket
from netpoll.net.dial import Dialer, dial
from netpoll.net.hostport import join_host_port, split_host_port
from netpoll.net.listen import ListenConfig, listen, listen_packet
from netpoll.net.listener import Listener
from netpoll.net.sockopt import KeepAlive
from netpoll.net.tcp import TCPConn, TCPListener

if typing.TYPE_CHECKING:
    from netpoll.net.activation import activated
    from netpoll.net.adopt import from_fd
    from netpoll.net.copying import copy
    from netpoll.net.credentials import Credentials
    from netpoll.net.interface import (
        Interface,
        InterfaceFlags,
        interface_addrs,
        interface_by_index,
        interface_by_name,
        interfaces,
    )
    from netpoll.net.lookup.records import MX, NS, SRV
    from netpoll.net.message import Message
    from netpoll.net.multicast import listen_multicast
    from netpoll.net.packet_conn import PacketConn
    from netpoll.net.pipe_conn import PipeConn, pipe
    from netpoll.net.resolver import (
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
    from netpoll.net.tcp_info import TCPInfo
    from netpoll.net.udp import UDPConn
    from netpoll.net.unix import UnixConn, UnixListener
    from netpoll.net.unixgram import UnixDatagramConn

# What not every program needs is imported when it is asked for: half of the time that importing all
# would take.
_LATER = {
    "activated": "activation",
    "from_fd": "adopt",
    "copy": "copying",
    "Credentials": "credentials",
    "Interface": "interface",
    "InterfaceFlags": "interface",
    "interface_addrs": "interface",
    "interface_by_index": "interface",
    "interface_by_name": "interface",
    "interfaces": "interface",
    "MX": "lookup.records",
    "NS": "lookup.records",
    "SRV": "lookup.records",
    "Message": "message",
    "listen_multicast": "multicast",
    "PacketConn": "packet_conn",
    "PipeConn": "pipe_conn",
    "pipe": "pipe_conn",
    "Resolver": "resolver",
    "lookup_addr": "resolver",
    "lookup_cname": "resolver",
    "lookup_host": "resolver",
    "lookup_ip": "resolver",
    "lookup_mx": "resolver",
    "lookup_ns": "resolver",
    "lookup_port": "resolver",
    "lookup_srv": "resolver",
    "lookup_txt": "resolver",
    "TCPInfo": "tcp_info",
    "UDPConn": "udp",
    "UnixConn": "unix",
    "UnixListener": "unix",
    "UnixDatagramConn": "unixgram",
}

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
    "activated",
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


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__

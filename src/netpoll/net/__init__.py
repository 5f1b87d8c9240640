"""Networks: listen, dial, and what they give."""

import importlib
import typing

from netpoll.net.addr import Addr, InternetAddr, TCPAddr, UDPAddr, UnixAddr
from netpoll.net.conn import Conn
from netpoll.net.control import Control, RawSocket
from netpoll.net.dial import Dialer, dial
from netpoll.net.hostport import join_host_port, split_host_port
from netpoll.net.listen import ListenConfig, listen
from netpoll.net.listener import Listener
from netpoll.net.sockopt import KeepAlive
from netpoll.net.tcp import TCPConn, TCPListener

if typing.TYPE_CHECKING:
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

# What not every program needs is imported when it is asked for: half of the time that importing all
# would take.
_LATER = {
    "Interface": "interface",
    "InterfaceFlags": "interface",
    "interface_addrs": "interface",
    "interface_by_index": "interface",
    "interface_by_name": "interface",
    "interfaces": "interface",
    "Message": "message",
    "listen_multicast": "multicast",
    "PacketConn": "packet_conn",
    "MX": "lookup.records",
    "NS": "lookup.records",
    "Resolver": "resolver",
    "SRV": "lookup.records",
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
}

__all__ = [
    "MX",
    "NS",
    "SRV",
    "Addr",
    "Conn",
    "Control",
    "Dialer",
    "Interface",
    "InterfaceFlags",
    "InternetAddr",
    "KeepAlive",
    "ListenConfig",
    "Listener",
    "Message",
    "PacketConn",
    "RawSocket",
    "Resolver",
    "TCPAddr",
    "TCPConn",
    "TCPInfo",
    "TCPListener",
    "UDPAddr",
    "UDPConn",
    "UnixAddr",
    "dial",
    "interface_addrs",
    "interface_by_index",
    "interface_by_name",
    "interfaces",
    "join_host_port",
    "listen",
    "listen_multicast",
    "lookup_addr",
    "lookup_cname",
    "lookup_host",
    "lookup_ip",
    "lookup_mx",
    "lookup_ns",
    "lookup_port",
    "lookup_srv",
    "lookup_txt",
    "split_host_port",
]


def __getattr__(name: str) -> object:
    if name not in _LATER:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = globals()[name] = getattr(importlib.import_module(f"{__name__}.{_LATER[name]}"), name)
    return value


def __dir__() -> list[str]:
    return __all__

"""UDP sockets as dial and listen_packet make them, of addresses that are known already.

Source: go1.27 net/udpsock_posix.go, net/sock_posix.go, net/sockopt_linux.go; udp(7)
"""

import socket
from socket import AF_INET, AF_INET6, IPPROTO_UDP, SOCK_DGRAM, SOL_SOCKET

from netpoll._poll.packet_fd import PacketFD
from netpoll.net import ip, sockopt
from netpoll.net.addr import InternetAddr, UDPAddr, encode
from netpoll.net.control import Control, control_network
from netpoll.net.udp import UDPConn


def connect(
    network: str,
    remote: InternetAddr,
    local: InternetAddr | None = None,
    control: Control | None = None,
) -> UDPConn:
    """Return a socket that is connected to a peer; nothing is sent, and nothing parks.

    A wildcard peer is this machine; a wildcard local address is that of the peer's family.
    OSError without context; AddrError.
    """
    if remote.is_wildcard:
        remote = UDPAddr(ip.LOOPBACK[remote.family], remote.port)
    if local is not None and local.is_wildcard:
        local = UDPAddr(ip.ANY[remote.family], local.port)
    target = encode(remote)
    source = None if local is None else encode(local)
    fd = _open(network, remote, only_ipv6=False, control=control)
    try:
        if source is not None:
            fd.bind(source)
        fd.connect(target)
        return UDPConn(fd, network, fd.getsockname(), target)
    except BaseException:
        fd.close()
        raise


def listen(
    network: str,
    addr: InternetAddr,
    *,
    only_ipv6: bool = False,
    reuse_addr: bool = False,
    reuse_port: bool = False,
    control: Control | None = None,
) -> UDPConn:
    """Return a socket that is bound to an address and open to all. Nothing parks.

    only_ipv6: of a socket of IPv6, whether it keeps to that. reuse_addr: let others who say so too
    have the address at the same time; each datagram to one of them goes to the latest (socket(7)).
    reuse_port: likewise, but the kernel shares the datagrams out by their senders.
    OSError without context; AddrError.
    """
    raw = encode(addr)
    fd = _open(
        network,
        addr,
        only_ipv6=only_ipv6,
        reuse_addr=reuse_addr,
        reuse_port=reuse_port,
        control=control,
    )
    try:
        fd.bind(raw)
        return UDPConn(fd, network, fd.getsockname())
    except BaseException:
        fd.close()
        raise


def _open(
    network: str,
    addr: InternetAddr,
    *,
    only_ipv6: bool,
    reuse_addr: bool = False,
    reuse_port: bool = False,
    control: Control | None,
) -> PacketFD:
    """Return a socket of an address's family, with its options."""
    fd = PacketFD.socket(addr.family, SOCK_DGRAM, IPPROTO_UDP)
    try:
        if addr.family == AF_INET6:
            # Always, since the machine chooses the default (net.ipv6.bindv6only).
            sockopt.set_only_ipv6(fd, only_ipv6)
        if addr.family == AF_INET:
            fd.setsockopt(SOL_SOCKET, socket.SO_BROADCAST, 1)
        if reuse_addr:
            sockopt.set_reuse_addr(fd)
        if reuse_port:
            sockopt.set_reuse_port(fd)
        if control is not None:
            control(control_network(network, addr.family), str(addr), fd)
    except BaseException:
        fd.close()
        raise
    return fd

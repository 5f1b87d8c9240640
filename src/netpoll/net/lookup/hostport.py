"""From "host:port" to addresses: literals by themselves, names as others know them.

Source: go1.27 net/ipsock.go (*Resolver).internetAddrList
"""

from __future__ import annotations

from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import TYPE_CHECKING

from netpoll.errors import AddrError
from netpoll.net import ip, networks
from netpoll.net.addr import InternetAddr, internet_class
from netpoll.net.hostport import port_number, split_host_port

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from netpoll.net.lookup.domain import Host
    from netpoll.net.networks import Network


def addresses(
    network: str,
    address: str,
    port_of: Callable[[Network, str], int],
    hosts_of: Callable[[Network, str], Iterable[Host]],
) -> list[InternetAddr]:
    """Return what Resolver.lookup does; port_of and hosts_of know the names."""
    row = networks.find(network, "tcp", "udp")
    host, service = split_host_port(address)
    port = port_number(service, address)
    if port is None:
        port = port_of(row, service)
    hosts = _literals(row.family, host) or hosts_of(row, host)
    kind = internet_class(row)
    addrs = [kind(host, port, scope) for host, scope in hosts]
    usable = [addr for addr in addrs if row.family in (AF_UNSPEC, addr.family)]
    if not usable:
        raise AddrError("no suitable address found", address)
    return usable


def _literals(family: int, host: str) -> list[Host]:
    """Return IP address and zone of each address that a host stands for by itself."""
    if not host:
        families = (AF_INET, AF_INET6) if family == AF_UNSPEC else (family,)
        return [(ip.ANY[family], "") for family in families]
    address, scope = ip.split_zone(host)
    canonical = ip.canonical(address)
    if canonical is None:
        return []
    if canonical == ip.ANY[AF_INET6]:
        # What a listener for both families shows as its address. On IPv4 alone it means the same,
        # and there are machines that can listen on "::" and yet have no IPv6 to dial it by.
        return [(canonical, scope), (ip.ANY[AF_INET], "")]
    return [(canonical, scope)]

"""From "host:port" to addresses: literals at once, names as a resolver knows them."""

from collections.abc import Callable, Iterable, Sequence
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Protocol

from netpoll.errors import AddrError, DeadlineExceeded, DNSError
from netpoll.net import ip, networks
from netpoll.net.addr import Addr, InternetAddr, internet_class
from netpoll.net.hostport import port_number, split_host_port
from netpoll.net.lookup.domain import Host
from netpoll.net.networks import Network
from netpoll.net.operror import wrap_error


class Lookup(Protocol):
    """What of a Resolver a dial or a listen uses."""

    def lookup(
        self, network: str, address: str, *, deadline: float | None = None
    ) -> Sequence[InternetAddr]:
        """Return the addresses that "host:port" stands for on a network."""


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
    hosts = literals(row.family, host) or hosts_of(row, host)
    kind = internet_class(row)
    addrs = [kind(host, port, scope) for host, scope in hosts]
    usable = [addr for addr in addrs if row.family in (AF_UNSPEC, addr.family)]
    if not usable:
        raise AddrError("no suitable address found", address)
    return usable


def resolve(
    op: str,
    resolver: Lookup,
    network: str,
    address: str | Addr,
    deadline: float | None = None,
) -> Sequence[InternetAddr]:
    """Look an address up as part of an operation, which an OSError then names.

    AddrError and DNSError stay what they are: they name the address already.
    """
    text = str(address) if isinstance(address, Addr) else address
    try:
        return resolver.lookup(network, text, deadline=deadline)
    except (AddrError, DNSError):
        raise
    except DeadlineExceeded as error:  # which shows the name
        raise wrap_error(op, network, None, None, error) from error
    except OSError as error:
        raise wrap_error(op, network, None, address, error) from error


def literals(family: int, host: str) -> list[Host]:
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

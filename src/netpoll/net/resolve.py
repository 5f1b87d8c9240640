"""From "host:port" to addresses: literals at once, names as the system knows them."""

import re
import socket
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from socket import AF_INET, AF_INET6, AF_UNSPEC
from typing import Any, overload

from netpoll.errors import AddrError, DeadlineExceeded, DNSError
from netpoll.net import ip, names, networks, zone
from netpoll.net.addr import Addr, InternetAddr, TCPAddr, UDPAddr, internet_class
from netpoll.net.hostport import port_number, split_host_port
from netpoll.net.networks import Network, TCPNetwork, UDPNetwork
from netpoll.net.operror import wrap_error

_SERVICE = re.compile(r"(?=.*[a-z])[a-z0-9][a-z0-9_.+/-]{0,62}")


@dataclass(frozen=True, slots=True)
class Resolver:
    """Finds the addresses of a host and the number of a named port.

    getaddrinfo: what is asked about names, with the arguments of socket.getaddrinfo; it is called
    on threads, several at once.
    Source: go1.27 net/ipsock.go internetAddrList; getaddrinfo(3)
    """

    getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo

    @overload
    def lookup(
        self, network: TCPNetwork, address: str, *, deadline: float | None = None
    ) -> list[TCPAddr]: ...
    @overload
    def lookup(
        self, network: UDPNetwork, address: str, *, deadline: float | None = None
    ) -> list[UDPAddr]: ...
    @overload
    def lookup(
        self, network: str, address: str, *, deadline: float | None = None
    ) -> Sequence[InternetAddr]: ...
    def lookup(
        self, network: str, address: str, *, deadline: float | None = None
    ) -> Sequence[InternetAddr]:
        """Return the addresses that "host:port" stands for on a network, the preferred one first.

        An empty host stands for the wildcard address of each family that the network has. Parks if
        host or port is a name, until a moment of time.monotonic() at most.

        Raises UnknownNetworkError, AddrError or DNSError for what is wrong with the text,
        DeadlineExceeded if no answer has come in time.
        """
        row = networks.find(network, "tcp", "udp")
        host, service = split_host_port(address)
        port = port_number(service, address)
        if port is None:
            port = self._port(row, service, address, deadline)
        hosts = _literals(row, host) or self._hosts(row, host, deadline)
        kind = internet_class(row)
        addrs = [kind(host, port, scope) for host, scope in hosts]
        usable = [addr for addr in addrs if row.family in (AF_UNSPEC, addr.family)]
        if not usable:
            raise AddrError("no suitable address found", address)
        return usable

    def _port(self, row: Network, service: str, address: str, deadline: float | None) -> int:
        """Return the number of a named port."""
        service = service.lower()
        # The C library would take "+80" and " 80" for numbers.
        if not _SERVICE.fullmatch(service):
            raise AddrError("invalid port", address)
        try:
            # Not getservbyname: its result lives in memory that all threads share.
            found = names.ask(
                f"{row.name}/{service}",
                deadline,
                self.getaddrinfo,
                None,
                service,
                AF_UNSPEC,
                row.kind,
            )
        except socket.gaierror as error:
            raise AddrError("unknown port", address) from error
        port: int = found[0][4][1]
        return port

    def _hosts(self, row: Network, host: str, deadline: float | None) -> list[tuple[str, str]]:
        """Return IP address and zone of each address of a named host."""
        name = names.encoded(host)
        try:
            found = names.ask(host, deadline, self.getaddrinfo, name, None, row.family, row.kind)
        except socket.gaierror as error:
            raise names.dns_error(host, error) from error
        hosts = [_ip_and_zone(*sockaddr) for *_, sockaddr in found]
        return list(dict.fromkeys(hosts))


def resolve(
    op: str,
    resolver: Resolver,
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


def _ip_and_zone(address: str, _port: int, _flow: int = 0, scope: int = 0) -> tuple[str, str]:
    """Return what is telling about a socket address of the socket module."""
    return ip.split_zone(address)[0], zone.from_scope(scope)


def _literals(row: Network, host: str) -> list[tuple[str, str]]:
    """Return IP address and zone of each address that a host stands for by itself."""
    if not host:
        families = (AF_INET, AF_INET6) if row.family == AF_UNSPEC else (row.family,)
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

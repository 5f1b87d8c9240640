"""Looking up names: hosts and their addresses, ports, and what else DNS knows.

Source: go1.27 net/lookup.go, net/ipsock.go; getaddrinfo(3)
"""

import math
import re
import socket
from collections.abc import Callable, Hashable, Sequence
from dataclasses import KW_ONLY, dataclass, field
from socket import AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM
from time import monotonic
from typing import TYPE_CHECKING, Any, TypeVar, overload

from netpoll.errors import AddrError, DNSError, UnknownNetworkError
from netpoll.net import ip, limit, networks
from netpoll.net.addr import InternetAddr, TCPAddr, UDPAddr
from netpoll.net.hostport import port_number
from netpoll.net.lookup import domain, flight, hostport, system
from netpoll.net.lookup.domain import Host
from netpoll.net.lookup.records import MX, NS, SRV
from netpoll.net.networks import Network, TCPNetwork, UDPNetwork

if TYPE_CHECKING:
    from ipaddress import IPv4Address, IPv6Address

    from netpoll.context import Context
    from netpoll.net.lookup.client import Client
    from netpoll.net.lookup.exchange import Dial

T = TypeVar("T")

_SERVICE = re.compile(r"(?=.*[a-z])[a-z0-9][a-z0-9_.+/-]{0,62}")
_FAMILIES: dict[str, int] = {"ip": AF_UNSPEC, "ip4": AF_INET, "ip6": AF_INET6}
_KINDS: dict[int, tuple[str, ...]] = {
    AF_UNSPEC: ("A", "AAAA"),
    AF_INET: ("A",),
    AF_INET6: ("AAAA",),
}


@dataclass(frozen=True, slots=True)
class Resolver:
    """Knows hosts and their addresses, ports, and the records of DNS.

    getaddrinfo: what is asked about hosts and ports, with the arguments of socket.getaddrinfo; it
        is called on threads, several at once.
    prefer_dns: whether hosts are looked up in /etc/hosts and DNS by the resolver itself, as
        /etc/resolv.conf says, instead of by the system. Needs dnspython: netpoll[dns].
    strict_errors: whether a passing failure of one part of a look-up in DNS, such as a time-out of
        the question for IPv6 addresses, is one of the whole look-up.
    servers: which name servers to ask, as "ip" or "ip:port", instead of those of resolv.conf.
    dial: connects to a name server; called as dial("udp" or "tcp", "ip:port", deadline=moment).
        It returns a Conn or a PacketConn, by default what net.dial does. On a Conn the messages
        have their length in front, even if a datagram was asked for.

    Each method parks until there is an answer, but for literal addresses and numbers, which never
    leave the goroutine; or until timeout, in seconds, or deadline, a moment of time.monotonic(),
    whichever is earlier: DeadlineExceeded then; or until the context is done: a DNSError then, with
    the context's error as its cause. Other errors are DNSErrors unless said otherwise.
    Equal look-ups of a thread that are under way at the same time are one. At most 256 questions
    of a thread are on their way to DNS at once, the others wait for their turn. Names come
    absolute, with the dot at the end. lookup_srv, lookup_mx, lookup_ns and lookup_txt always ask
    DNS; ModuleNotFoundError without dnspython. Any thread.
    Source: go1.27 net/lookup.go Resolver
    """

    getaddrinfo: Callable[..., list[Any]] = socket.getaddrinfo
    _: KW_ONLY
    prefer_dns: bool = False
    strict_errors: bool = False
    servers: Sequence[str] | None = None
    dial: "Dial | None" = None
    _shared: Hashable = field(init=False, repr=False, compare=False)  # by those that ask alike

    def __post_init__(self) -> None:
        if self.servers is not None:
            from netpoll.net.lookup import config  # noqa: PLC0415 - seldom needed

            object.__setattr__(self, "servers", config.server_addresses(self.servers))
        object.__setattr__(self, "_shared", self._alike())

    def _alike(self) -> Hashable:
        """Return what is the same for resolvers that would get the same answers."""
        asks = (self.getaddrinfo, self.prefer_dns, self.strict_errors, self.servers, self.dial)
        try:
            hash(asks)
        except TypeError:  # a callable of some class, or servers in a list
            return object()
        return asks

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

        def port_of(row: Network, service: str) -> int:
            if not _SERVICE.fullmatch(service.lower()):
                raise AddrError("invalid port", address)
            port = self._port(network, row.kind, service, deadline)
            if port is None:
                raise AddrError("unknown port", address)
            return port

        def hosts_of(row: Network, host: str) -> Sequence[Host]:
            return self._hosts(host, row.family, row.kind, deadline)

        return hostport.addresses(network, address, port_of, hosts_of)

    def lookup_host(
        self,
        host: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> list[str]:
        """Return the addresses of a host as text, with their zones, the preferred one first.

        Source: go1.27 net/lookup.go (*Resolver).LookupHost
        """
        if _literal(host) is not None:
            return [host]
        found = self._hosts(host, AF_UNSPEC, SOCK_STREAM, _until(timeout, deadline), context)
        return [_with_zone(one) for one in found]

    def lookup_ip(
        self,
        host: str,
        network: str = "ip",
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> "list[IPv4Address | IPv6Address]":
        """Return the addresses of a host, the preferred one first.

        network: "ip", "ip4" or "ip6". Raises UnknownNetworkError; AddrError: none is of it.
        Source: go1.27 net/lookup.go (*Resolver).LookupIP
        """
        from ipaddress import ip_address  # noqa: PLC0415 - takes 3 ms to import

        family = _FAMILIES.get(network)
        if family is None:
            raise UnknownNetworkError(network)
        literal = _literal(host)
        found = (
            [literal]
            if literal
            else self._hosts(host, family, SOCK_STREAM, _until(timeout, deadline), context)
        )
        usable = [one for one in found if family in (AF_UNSPEC, ip.family(one[0]))]
        if not usable:
            raise AddrError("no suitable address found", host)
        return [ip_address(_with_zone(one)) for one in usable]

    def lookup_addr(
        self,
        addr: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> list[str]:
        """Return the names of an IP address; the system knows at most one.

        Source: go1.27 net/lookup.go (*Resolver).LookupAddr
        """
        if _literal(addr) is None:
            raise domain.unrecognized(addr)
        work = self._client().names if self.prefer_dns else system.names
        return list(
            self._share("addr", addr, _until(timeout, deadline), context, lambda: work(addr))
        )

    def lookup_port(
        self,
        network: str,
        service: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> int:
        """Return the number of a named port on "tcp" or "udp", or on either with "ip".

        Raises UnknownNetworkError; AddrError: the number is out of range.
        Source: go1.27 net/lookup.go (*Resolver).LookupPort
        """
        kind = 0 if network == "ip" else networks.find(network, "tcp", "udp").kind
        port = port_number(_str(service), service)
        if port is None and _SERVICE.fullmatch(service.lower()):
            port = self._port(network, kind, service, _until(timeout, deadline), context)
        if port is None:
            raise DNSError("unknown port", f"{network}/{service}", is_not_found=True)
        return port

    def lookup_cname(
        self,
        host: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> str:
        """Return the name that a host's name stands for in the end, which may be that name itself.

        Source: go1.27 net/lookup.go (*Resolver).LookupCNAME
        """
        domain.encoded(_str(host))
        if self.prefer_dns:
            client = self._client()
            return self._share(
                "cname",
                host,
                _until(timeout, deadline),
                context,
                lambda: client.canonical_name(host),
            )
        return self._share(
            "cname",
            host,
            _until(timeout, deadline),
            context,
            lambda: system.canonical_name(self.getaddrinfo, host),
        )

    def lookup_srv(
        self,
        service: str,
        proto: str,
        name: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> tuple[str, list[SRV]]:
        """Return whose the SRV records of a service are, and the records in the order to try them.

        service, proto: as in ("sip", "tcp"), asked for as "_sip._tcp." and the name; with both
        empty name alone is asked for. DNSError if any record is invalid; its attribute records has
        those that are valid.
        Source: go1.27 net/lookup.go (*Resolver).LookupSRV; RFC 2782
        """
        asked = f"_{service}._{proto}.{name}" if service or proto else name
        client = self._client()
        owner, found = self._share(
            "srv", asked, _until(timeout, deadline), context, lambda: client.services(name, asked)
        )
        return owner, list(found)

    def lookup_mx(
        self,
        name: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> list[MX]:
        """Return the mail servers of a domain in the order to try them; invalid ones as lookup_srv.

        Source: go1.27 net/lookup.go (*Resolver).LookupMX
        """
        client = self._client()
        return list(
            self._share(
                "mx", name, _until(timeout, deadline), context, lambda: client.mail_servers(name)
            )
        )

    def lookup_ns(
        self,
        name: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> list[NS]:
        """Return the name servers of a domain; invalid ones as lookup_srv.

        Source: go1.27 net/lookup.go (*Resolver).LookupNS
        """
        client = self._client()
        return list(
            self._share(
                "ns", name, _until(timeout, deadline), context, lambda: client.name_servers(name)
            )
        )

    def lookup_txt(
        self,
        name: str,
        *,
        timeout: float | None = None,
        deadline: float | None = None,
        context: "Context | None" = None,
    ) -> list[str]:
        """Return the text of each TXT record of a name; what is not UTF-8 as lone surrogates.

        Source: go1.27 net/lookup.go (*Resolver).LookupTXT
        """
        client = self._client()
        return list(
            self._share("txt", name, _until(timeout, deadline), context, lambda: client.texts(name))
        )

    def _port(
        self,
        network: str,
        kind: int,
        service: str,
        until: float | None,
        context: "Context | None" = None,
    ) -> int | None:
        """Return the number of a named port, None if there is none."""
        service = service.lower()
        return self._share(
            f"port {kind}",
            f"{network}/{service}",
            until,
            context,
            lambda: system.port(self.getaddrinfo, service, kind),
        )

    def _hosts(
        self,
        host: str,
        family: int,
        kind: int,
        until: float | None,
        context: "Context | None" = None,
    ) -> Sequence[tuple[str, str]]:
        """Return IP address and zone of each address of a named host."""
        domain.encoded(host)  # what is no name is told at once
        if self.prefer_dns:
            client = self._client()
            kinds = _KINDS[family]
            return self._share(
                f"addresses {family}", host, until, context, lambda: client.addresses(host, kinds)
            )
        return self._share(
            f"addresses {family} {kind}",
            host,
            until,
            context,
            lambda: system.addresses(self.getaddrinfo, host, family, kind),
        )

    def _share(
        self,
        what: str,
        name: str,
        until: float | None,
        context: "Context | None",
        fn: Callable[[], T],
    ) -> T:
        key = (self._shared, what, _str(name))
        if context is None:
            return flight.share(key, name, until, fn)
        from netpoll.net.within import looking_up  # noqa: PLC0415 - seldom wanted

        with looking_up(context, name):
            return flight.share(key, name, until, fn)

    def _client(self) -> "Client":
        """Return what asks DNS; ModuleNotFoundError without dnspython."""
        try:
            from netpoll.net.lookup.client import Client  # noqa: PLC0415 - an extra, and 50 ms
        except ModuleNotFoundError as error:
            if error.name is None or error.name.partition(".")[0] != "dns":
                raise
            text = "looking names up in DNS needs dnspython (the extra 'dns' brings it)"
            raise ModuleNotFoundError(text, name=error.name) from error
        from netpoll.net.lookup.direct import dial  # noqa: PLC0415 - which looks names up itself

        servers = None if self.servers is None else tuple(self.servers)
        return Client(self.dial or dial, servers, self.strict_errors)


def _until(timeout: float | None, deadline: float | None) -> float | None:
    """Return the moment when time is up, None for never."""
    until = min(
        limit.moment("timeout", monotonic(), timeout), limit.moment("deadline", 0.0, deadline)
    )
    return None if until == math.inf else until


def _str(name: str) -> str:
    """Return what is looked up; TypeError if it is no str."""
    if not isinstance(name, str):
        raise TypeError(f"what is looked up is a str, not {name!r}")
    return name


def _literal(host: str) -> Host | None:
    """Return IP address and zone that a host is by itself, None if it is a name."""
    address, zone = ip.split_zone(_str(host))
    canonical = ip.canonical(address)
    if canonical is None or (zone and ip.family(canonical) == AF_INET):
        return None
    return canonical, zone


def _with_zone(host: Host) -> str:
    address, zone = host
    return f"{address}%{zone}" if zone else address


_default = Resolver()

lookup_host = _default.lookup_host
lookup_ip = _default.lookup_ip
lookup_addr = _default.lookup_addr
lookup_port = _default.lookup_port
lookup_cname = _default.lookup_cname
lookup_srv = _default.lookup_srv
lookup_mx = _default.lookup_mx
lookup_ns = _default.lookup_ns
lookup_txt = _default.lookup_txt

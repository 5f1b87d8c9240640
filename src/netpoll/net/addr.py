"""Network addresses, and their raw form, which the kernel takes and gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from socket import AF_INET
from typing import Self, overload

from netpoll.errors import AddrError, UnknownNetworkError
from netpoll.net import ip, networks, sockaddr, zone
from netpoll.net.hostport import MAX_PORT, join_host_port, port_number, split_host_port
from netpoll.net.networks import (
    Network,
    TCPNetwork,
    UDPNetwork,
    UnixgramNetwork,
    UnixNetwork,
)


class Addr(ABC):
    """The address of an end of a connection; str() gives what dial takes."""

    __slots__ = ()

    @property
    @abstractmethod
    def network(self) -> str:
        """The name of the network that it belongs to."""

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@dataclass(frozen=True, slots=True)
class InternetAddr(Addr):
    """An IP address and a port, the IP address in canonical spelling whatever was given.

    zone: the interface of a link-local IPv6 address, by name or number.
    Raises AddrError: the IP address is none, the port is out of range, or IPv4 has a zone.
    """

    ip: str
    port: int
    zone: str = ""

    def __post_init__(self) -> None:
        canonical = ip.canonical(self.ip)
        if canonical is None:
            raise AddrError("invalid IP address", self.ip)
        object.__setattr__(self, "ip", canonical)
        if self.zone and self.family == AF_INET:
            raise AddrError("zone on an IPv4 address", str(self))
        if not 0 <= self.port <= MAX_PORT:
            raise AddrError("invalid port", str(self))

    @classmethod
    def parse(cls, address: str) -> Self:
        """Return the address that "ip:port" spells, without looking up any name.

        Raises AddrError: host or port is a name, or it is no address at all.
        """
        host, port = split_host_port(address)
        number = port_number(port, address)
        if number is None:
            raise AddrError("invalid port", address)
        host, scope = ip.split_zone(host)
        return cls(host, number, scope)

    @property
    def family(self) -> int:
        """AF_INET or AF_INET6."""
        return ip.family(self.ip)

    @property
    def is_wildcard(self) -> bool:
        """Whether it stands for each address of the machine."""
        return self.ip == ip.ANY[self.family]

    def __str__(self) -> str:
        return join_host_port(f"{self.ip}%{self.zone}" if self.zone else self.ip, self.port)


@dataclass(frozen=True, slots=True)
class TCPAddr(InternetAddr):
    """The address of an end of a TCP connection."""

    @property
    def network(self) -> str:
        """Always "tcp"."""
        return "tcp"


@dataclass(frozen=True, slots=True)
class UDPAddr(InternetAddr):
    """The address of an end that sends and receives UDP datagrams."""

    @property
    def network(self) -> str:
        """Always "udp"."""
        return "udp"


@dataclass(frozen=True, slots=True)
class UnixAddr(Addr):
    """The name of a Unix socket: a path, or "@" and an abstract name, or "" for none.

    An abstract name may begin with a NUL instead, as the kernel has it. str() of one without a name
    is "@".
    Raises UnknownNetworkError: network is not "unix", "unixgram" or "unixpacket".
    Source: go1.27 net/unixsock.go UnixAddr; unix(7)
    """

    name: str
    network: str = "unix"

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise TypeError(f"the name of a Unix socket is a str, not {self.name!r}")
        networks.find(self.network, "unix")
        if self.name.startswith("\0"):
            object.__setattr__(self, "name", "@" + self.name[1:])

    def __str__(self) -> str:
        return self.name or "@"


@dataclass(frozen=True, slots=True)
class PipeAddr(Addr):
    """The address of either end of a pipe within the process: all have the same."""

    @property
    def network(self) -> str:
        """Always "pipe"."""
        return "pipe"

    def __str__(self) -> str:
        return "pipe"


def internet_class(network: Network) -> type[InternetAddr]:
    """Return the class of a network's addresses; UnknownNetworkError if it is no internet one."""
    if network.transport == "tcp":
        return TCPAddr
    if network.transport == "udp":
        return UDPAddr
    raise UnknownNetworkError(network.name)


def encode(addr: Addr) -> bytes:
    """Return the raw socket address.

    Raises AddrError: its zone is no interface of this machine; a Unix socket cannot have that name.
    """
    if isinstance(addr, UnixAddr):
        return sockaddr.pack_unix(addr.name)
    if not isinstance(addr, InternetAddr):
        raise TypeError(f"an address that the kernel knows, not {addr!r}")
    scope = zone.to_scope(addr.zone)
    if scope is None:
        raise AddrError("no such interface", str(addr))
    return sockaddr.pack(addr.ip, addr.port, scope)


@overload
def decode(network: TCPNetwork, raw: bytes) -> TCPAddr: ...
@overload
def decode(network: UDPNetwork, raw: bytes) -> UDPAddr: ...
@overload
def decode(network: UnixNetwork | UnixgramNetwork, raw: bytes) -> UnixAddr: ...
@overload
def decode(network: str, raw: bytes) -> Addr: ...
def decode(network: str, raw: bytes) -> Addr:
    """Return the address that a raw one of that network stands for; AddrError if it is none.

    An IPv4 peer of a socket that serves both families is shown as the IPv4 address that it is.
    """
    if network == "pipe":
        return PipeAddr()
    row = networks.find(network)
    try:
        if row.transport == "unix":
            return UnixAddr(sockaddr.unpack_unix(raw), network)
        address, port, scope = sockaddr.unpack(raw)
    except ValueError as error:
        raise AddrError(str(error)) from error
    return internet_class(row)(address, port, zone.from_scope(scope))

"""Network addresses, and their raw form, which the kernel takes and gives."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from socket import AF_INET
from typing import Self

from netpoll.errors import AddrError
from netpoll.net import ip, sockaddr, zone
from netpoll.net.hostport import MAX_PORT, join_host_port, port_number, split_host_port


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


_CLASSES: dict[str, type[TCPAddr]] = {"tcp": TCPAddr, "tcp4": TCPAddr, "tcp6": TCPAddr}


def encode(addr: InternetAddr) -> bytes:
    """Return the raw socket address; AddrError if its zone is no interface of this machine."""
    scope = zone.to_scope(addr.zone)
    if scope is None:
        raise AddrError("no such interface", str(addr))
    return sockaddr.pack(addr.ip, addr.port, scope)


def decode(network: str, raw: bytes) -> TCPAddr:
    """Return the address that a raw one of that network stands for; AddrError if it is none.

    An IPv4 peer of a socket that serves both families is shown as the IPv4 address that it is.
    """
    try:
        address, port, scope = sockaddr.unpack(raw)
    except ValueError as error:
        raise AddrError(str(error)) from error
    return _CLASSES[network](address, port, zone.from_scope(scope))

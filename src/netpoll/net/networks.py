"""The table of networks: by which name, over which address family, with which kind of socket."""

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, AF_UNIX, AF_UNSPEC, SOCK_DGRAM, SOCK_SEQPACKET, SOCK_STREAM
from typing import Literal

from netpoll.errors import UnknownNetworkError

# For signatures: which network's connections and listeners are of which class.
TCPNetwork = Literal["tcp", "tcp4", "tcp6"]
UDPNetwork = Literal["udp", "udp4", "udp6"]
UnixNetwork = Literal["unix", "unixpacket"]
UnixgramNetwork = Literal["unixgram"]

Transport = Literal["tcp", "udp", "unix"]


@dataclass(frozen=True, slots=True)
class Network:
    """A row of the table; AF_UNSPEC stands for whichever family the address has."""

    name: str
    transport: Transport
    family: int
    kind: int


_NETWORKS = {
    network.name: network
    for network in (
        Network("tcp", "tcp", AF_UNSPEC, SOCK_STREAM),
        Network("tcp4", "tcp", AF_INET, SOCK_STREAM),
        Network("tcp6", "tcp", AF_INET6, SOCK_STREAM),
        Network("udp", "udp", AF_UNSPEC, SOCK_DGRAM),
        Network("udp4", "udp", AF_INET, SOCK_DGRAM),
        Network("udp6", "udp", AF_INET6, SOCK_DGRAM),
        Network("unix", "unix", AF_UNIX, SOCK_STREAM),
        Network("unixgram", "unix", AF_UNIX, SOCK_DGRAM),
        Network("unixpacket", "unix", AF_UNIX, SOCK_SEQPACKET),
    )
}

# Where to go with a network of the other sort.
OF_DATAGRAMS = "datagrams are for listen_packet()"
OF_CONNECTIONS = "connections are for listen()"


def find(name: str, *transports: Transport, hint: str = "") -> Network:
    """Return the network of that name, of one of these transports if any are given.

    Raises UnknownNetworkError: there is none, or one of another transport, of which hint tells.
    """
    network = _NETWORKS.get(name)
    if network is None:
        raise UnknownNetworkError(name)
    if transports and network.transport not in transports:
        raise UnknownNetworkError(name, hint)
    return network

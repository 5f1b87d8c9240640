"""The table of networks: by which name, over which address family, with which kind of socket."""

from dataclasses import dataclass
from socket import AF_INET, AF_INET6, AF_UNSPEC, SOCK_STREAM

from netpoll.errors import UnknownNetworkError


@dataclass(frozen=True, slots=True)
class Network:
    """A row of the table; AF_UNSPEC stands for whichever family the address has."""

    name: str
    family: int
    kind: int


_NETWORKS = {
    network.name: network
    for network in (
        Network("tcp", AF_UNSPEC, SOCK_STREAM),
        Network("tcp4", AF_INET, SOCK_STREAM),
        Network("tcp6", AF_INET6, SOCK_STREAM),
    )
}


def find(name: str) -> Network:
    """Return the network of that name; UnknownNetworkError if there is none."""
    network = _NETWORKS.get(name)
    if network is None:
        raise UnknownNetworkError(name)
    return network

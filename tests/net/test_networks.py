"""The table of networks."""

import socket

import pytest

from netpoll.errors import UnknownNetworkError
from netpoll.net import networks


@pytest.mark.parametrize(
    ("name", "family"),
    [("tcp", socket.AF_UNSPEC), ("tcp4", socket.AF_INET), ("tcp6", socket.AF_INET6)],
)
def test_a_network_has_family_and_kind(name: str, family: int) -> None:
    network = networks.find(name)
    assert (network.name, network.family, network.kind) == (name, family, socket.SOCK_STREAM)


@pytest.mark.parametrize("name", ["tcp9", "", "TCP", "tcp ", "tcp\0"])
def test_an_unknown_network_is_refused(name: str) -> None:
    with pytest.raises(UnknownNetworkError, match=r"^unknown network "):
        networks.find(name)

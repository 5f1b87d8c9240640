"""The table of networks."""

import socket
from collections.abc import Callable
from typing import get_args

import pytest

from netpoll import net
from netpoll.errors import UnknownNetworkError
from netpoll.net import networks
from tests.running import in_run

ROWS = [
    ("tcp", "tcp", socket.AF_UNSPEC, socket.SOCK_STREAM),
    ("tcp4", "tcp", socket.AF_INET, socket.SOCK_STREAM),
    ("tcp6", "tcp", socket.AF_INET6, socket.SOCK_STREAM),
    ("udp", "udp", socket.AF_UNSPEC, socket.SOCK_DGRAM),
    ("udp4", "udp", socket.AF_INET, socket.SOCK_DGRAM),
    ("udp6", "udp", socket.AF_INET6, socket.SOCK_DGRAM),
    ("unix", "unix", socket.AF_UNIX, socket.SOCK_STREAM),
    ("unixgram", "unix", socket.AF_UNIX, socket.SOCK_DGRAM),
    ("unixpacket", "unix", socket.AF_UNIX, socket.SOCK_SEQPACKET),
]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0])
def test_a_network_has_transport_family_and_kind(row: tuple[str, str, int, int]) -> None:
    network = networks.find(row[0])
    assert (network.name, network.transport, network.family, network.kind) == row


def test_the_types_of_signatures_name_each_network_once() -> None:
    kinds = [
        networks.TCPNetwork,
        networks.UDPNetwork,
        networks.UnixNetwork,
        networks.UnixgramNetwork,
    ]
    named = [name for kind in kinds for name in get_args(kind)]
    assert sorted(named) == sorted(name for name, *_ in ROWS)


def test_a_network_of_another_transport_is_refused_where_one_is_asked_for() -> None:
    assert networks.find("udp4", "tcp", "udp").name == "udp4"
    for name in ("udp", "unix", "tcp9"):
        with pytest.raises(UnknownNetworkError, match=f"^unknown network {name}$"):
            networks.find(name, "tcp")


@pytest.mark.parametrize("name", ["tcp9", "", "TCP", "tcp ", "tcp\0"])
def test_an_unknown_network_is_refused(name: str) -> None:
    with pytest.raises(UnknownNetworkError, match=r"^unknown network "):
        networks.find(name)


@pytest.mark.parametrize(
    ("call", "name"),
    [(net.listen, name) for name in ("udp", "udp4", "udp6", "unixgram", "ip", "")]
    + [(net.listen_packet, name) for name in ("tcp", "tcp6", "unix", "unixpacket", "ip")]
    + [(net.dial, name) for name in ("ip", "TCP", "")],
)
@in_run
def test_a_network_that_has_no_such_thing_is_refused(
    call: Callable[[str, str], object], name: str
) -> None:
    with pytest.raises(UnknownNetworkError, match=rf"^\w+ {name}: unknown network {name}(:|$)"):
        call(name, "127.0.0.1:0")

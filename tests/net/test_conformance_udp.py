"""The limits of the conformance suite over UDP, where what has no room is lost."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import ClassVar

from netpoll import net
from tests import udp
from tests.net import ends
from tests.net.limits_conformance import LimitsConformance


@contextmanager
def with_room(host: str, network: str) -> Iterator[tuple[net.UDPConn, net.UDPConn]]:
    """Return two ends with room for more than a hundred messages each."""
    with udp.connected(host, network) as (near, far):
        for end in (near, far):
            end.set_read_buffer(1 << 20)
        yield near, far


class TestUDP(LimitsConformance):
    writes_wait: ClassVar[bool] = False

    def connected(self) -> AbstractContextManager[tuple[net.UDPConn, net.UDPConn]]:
        return with_room(udp.HOST, "udp")


@ends.needs_ipv6
class TestUDPOverIPv6(LimitsConformance):
    writes_wait: ClassVar[bool] = False

    def connected(self) -> AbstractContextManager[tuple[net.UDPConn, net.UDPConn]]:
        return with_room("::1", "udp6")

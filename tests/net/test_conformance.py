"""The conformance suite over TCP."""

from contextlib import AbstractContextManager

from netpoll import net
from tests.net import ends
from tests.net.conformance import StreamConformance


class TestTCP(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[net.TCPConn, net.TCPConn]]:
        return ends.connected()


@ends.needs_ipv6
class TestTCPOverIPv6(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[net.TCPConn, net.TCPConn]]:
        return ends.connected("tcp6", "[::1]:0")

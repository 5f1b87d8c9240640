"""The conformance suite over Unix sockets: what keeps messages apart has no data of a stream."""

from contextlib import AbstractContextManager

from netpoll.net import UnixConn, UnixDatagramConn
from tests.net.conformance import StreamConformance
from tests.net.limits_conformance import LimitsConformance
from tests.net.unix_ends import connected, datagrams


class TestUnix(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unix")


class TestUnixpacket(LimitsConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unixpacket")


class TestUnixgram(LimitsConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixDatagramConn, UnixDatagramConn]]:
        return datagrams()

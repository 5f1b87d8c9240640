"""The conformance suite over Unix sockets: what keeps messages apart has no data of a stream."""

from contextlib import AbstractContextManager

from netpoll.net.unix import UnixConn
from tests.net.conformance import StreamConformance
from tests.net.limits_conformance import LimitsConformance
from tests.net.unix_ends import connected


class TestUnix(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unix")


class TestUnixpacket(LimitsConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unixpacket")

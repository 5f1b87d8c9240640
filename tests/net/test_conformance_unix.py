"""The conformance suite over Unix sockets: what keeps messages apart has no data of a stream."""

import socket
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from netpoll._poll.packet_fd import PacketFD
from netpoll.net import UnixConn, UnixDatagramConn
from tests.net.conformance import StreamConformance
from tests.net.limits_conformance import LimitsConformance
from tests.net.unix_ends import connected


class TestUnix(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unix")


class TestUnixpacket(LimitsConformance):
    def connected(self) -> AbstractContextManager[tuple[UnixConn, UnixConn]]:
        return connected("unixpacket")


class TestUnixgram(LimitsConformance):
    @contextmanager
    def connected(self) -> Iterator[tuple[UnixDatagramConn, UnixDatagramConn]]:
        near, far = (
            UnixDatagramConn(PacketFD.adopt(end.detach()), "unixgram", b"", b"")
            for end in socket.socketpair(socket.AF_UNIX, socket.SOCK_DGRAM)
        )
        with near, far:
            yield near, far

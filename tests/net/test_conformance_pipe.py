"""The conformance suite over pipes: those within the process, and those of the system."""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager

from netpoll import net
from tests.net import pipes
from tests.net.conformance import StreamConformance


@contextmanager
def connected(capacity: int) -> Iterator[tuple[net.PipeConn, net.PipeConn]]:
    near, far = net.pipe(capacity)
    with near, far:
        yield near, far


class TestPipe(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[net.PipeConn, net.PipeConn]]:
        return connected(65536)


class TestPipeOfOneKilobyte(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[net.PipeConn, net.PipeConn]]:
        return connected(1024)


class TestTwoPipesOfTheSystem(StreamConformance):
    def connected(self) -> AbstractContextManager[tuple[pipes.Duplex, pipes.Duplex]]:
        return pipes.duplex()

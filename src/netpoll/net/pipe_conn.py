"""pipe: a connection within the process, above all for tests of what serves one."""

from __future__ import annotations

from collections.abc import Callable
from operator import index
from typing import TYPE_CHECKING, Any, NoReturn

from netpoll._poll.memory_fd import MemoryFD
from netpoll.net.addr import PipeAddr
from netpoll.net.conn import Conn
from netpoll.net.endpoint import own_methods
from netpoll.net.operror import wrapping


@own_methods
class PipeConn(Conn):
    """One end of a connection within the process: a Conn without a descriptor.

    fileno() and what else concerns a descriptor raise OpError(EBADF).
    """

    __slots__ = ()

    if TYPE_CHECKING:  # at run time these are Conn's

        @property
        def local_addr(self) -> PipeAddr:
            """This end's address: all pipes have the same."""

        @property
        def remote_addr(self) -> PipeAddr:
            """The peer's address: all pipes have the same."""

    def raw_read(self, fn: Callable[[int], Any]) -> NoReturn:  # noqa: ARG002 - as of any Conn
        """Raise OpError(EBADF): there is no descriptor to call fn with. ClosedError."""
        self._refuse("raw-read")

    def raw_write(self, fn: Callable[[int], Any]) -> NoReturn:  # noqa: ARG002
        """Raise OpError(EBADF), as raw_read."""
        self._refuse("raw-write")

    def raw_control(self, fn: Callable[[int], Any]) -> NoReturn:  # noqa: ARG002
        """Raise OpError(EBADF), as raw_read."""
        self._refuse("raw-control")

    def _refuse(self, op: str) -> NoReturn:
        with wrapping(op, self.network, self.local_addr, self.remote_addr):
            self._fd.fileno()
        raise AssertionError("a pipe has a descriptor")


def pipe(capacity: int = 65536) -> tuple[PipeConn, PipeConn]:
    """Return the two ends of a connection within the process.

    Each direction holds `capacity` bytes, as the buffers of a socket do: a write parks only when it
    is full. Deadlines, timeouts, close and any number of goroutines and threads are as with
    sockets. When one end is closed the other reads what is left, then b"", and its writes raise
    BrokenPipeError. Who waits counts as waiting for the network, so that there is no DeadlockError.
    ValueError: capacity is not above 0.
    Source: go1.27 net/pipe.go Pipe, where a write waits for its reader
    """
    near, far = MemoryFD.pair(index(capacity))
    return PipeConn(near, "pipe", b"", b""), PipeConn(far, "pipe", b"", b"")

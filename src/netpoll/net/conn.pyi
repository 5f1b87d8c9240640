from collections.abc import Iterable
from io import BufferedReader, BufferedRWPair, BufferedWriter, TextIOWrapper
from typing import Any, Literal, TypeAlias, overload

from typing_extensions import Buffer

from netpoll._poll.stream_fd import StreamFD
from netpoll.net.addr import Addr
from netpoll.net.endpoint import Endpoint
from netpoll.net.makefile import ConnFile

_Text: TypeAlias = Literal["", "r", "w", "rw", "wr"]
_Reads: TypeAlias = Literal["b", "rb", "br"]
_Writes: TypeAlias = Literal["wb", "bw"]
_ReadsAndWrites: TypeAlias = Literal["rwb", "rbw", "wrb", "wbr", "brw", "bwr"]

class Conn(Endpoint):
    """One end of a stream connection; `with` closes it.

    Any goroutine of any thread may use it, any number at the same time: reads take turns, writes
    take turns, close wakes both. What parks raises, besides what it says: OpError, ClosedError once
    closed, DeadlineExceeded, and Cancelled.
    """

    def __init__(self, fd: StreamFD, network: str, local: bytes, remote: bytes) -> None:
        """Take over a descriptor; local and remote are raw socket addresses."""

    @property
    def _fd(self) -> StreamFD: ...
    @property
    def remote_addr(self) -> Addr: ...
    def read(self, n: int = 65536, /) -> bytes:
        """Read up to n bytes: at least one, or b"" at the end of the stream. Parks.

        n of 0 returns b"" at once; ValueError if n is negative.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Read; recv(2)
        """

    def readinto(self, buffer: Buffer, /) -> int:
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""

    def readv(self, buffers: Iterable[Buffer]) -> int:
        """Read into several writable buffers, one after the other; return how many bytes. Parks.

        0 at the end of the stream. One system call fills 1,024 of them at most.
        Source: recvmsg(2), as Go has no readv.
        """

    def write(self, data: Buffer, /) -> int:
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        On an error `bytes_written` of the exception tells how many bytes the kernel took.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Write; send(2)
        """

    def writev(self, buffers: Iterable[Buffer]) -> int:
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks as write.

        Source: go1.27 internal/poll/writev.go; sendmsg(2)
        """

    def sendfile(self, file: Any, offset: int = 0, count: int | None = None) -> int:
        """Send what a file holds from `offset` on, all or `count` bytes; return how many. Parks.

        file: a File, what has fileno() as files of open() in binary mode have, a descriptor's
        number, or an object with seek and read. The kernel copies by itself where it can, else the
        file is read on a thread. Fewer bytes than `count`: the file ended. Afterwards its position
        is behind what was sent, as after socket.sendfile, also on an error, of which
        `bytes_written` tells. A file that is not in memory yet is read inside the call, and the
        goroutines of this thread wait meanwhile, those of others run.
        ValueError: offset or count is negative.
        Source: go1.27 net/sendfile.go, internal/poll/sendfile.go; sendfile(2)
        """

    @overload
    def makefile(
        self,
        mode: _Text = "r",
        buffering: int = -1,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> TextIOWrapper:
        """Return a file that reads from or writes to this connection, as socket.makefile does.

        For one goroutine at a time. Closing the file leaves the connection open. After a deadline
        or a cancellation in the midst of a read the file is of no more use: make a new one.
        """

    @overload
    def makefile(  # type: ignore[overload-overlap]  # an int that is no literal is not 0
        self,
        mode: _Reads | _Writes | _ReadsAndWrites,
        buffering: Literal[0],
        *,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
    ) -> ConnFile: ...
    @overload
    def makefile(
        self,
        mode: _Reads,
        buffering: int = -1,
        *,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
    ) -> BufferedReader: ...
    @overload
    def makefile(
        self,
        mode: _Writes,
        buffering: int = -1,
        *,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
    ) -> BufferedWriter: ...
    @overload
    def makefile(
        self,
        mode: _ReadsAndWrites,
        buffering: int = -1,
        *,
        encoding: None = None,
        errors: None = None,
        newline: None = None,
    ) -> BufferedRWPair: ...
    @overload
    def makefile(
        self,
        mode: str,
        buffering: int = -1,
        *,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> Any: ...
    def close_read(self) -> None:
        """Shut down the reading side: a read that finds nothing returns b"". Does not park."""

    def close_write(self) -> None:
        """Shut down the writing side: the peer reads the end of the stream. Does not park."""

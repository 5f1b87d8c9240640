from collections.abc import Iterable

from typing_extensions import Buffer

from netpoll._poll.stream_fd import StreamFD

def writev(fd: StreamFD, buffers: Iterable[Buffer]) -> int:
    """Write all of several bytes-like objects, gathered; return how many bytes. Parks.

    Any number: 1,024 go with one system call. To a socket that keeps messages apart they go as one
    message. OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.

    Source: go1.27 internal/poll/writev.go; sendmsg(2).
    """

def readv(fd: StreamFD, buffers: Iterable[Buffer]) -> int:
    """Read into several writable buffers, one after the other; return how many bytes. Parks.

    Any number: one system call fills 1,024 at most, and the rest is left for the next read. A
    message of a socket that keeps them apart is spread over all. 0 at the end of the stream.
    OSError, ClosedError, DeadlineExceeded, Cancelled.

    Source: recvmsg(2), as Go has no readv.
    """

from netpoll._poll.fd import FD

NOT_HANDLED: int

def sendfile(fd: FD, source: int, offset: int, count: int = -1) -> int:
    """Send `count` bytes of a file from `offset` on, all if -1; return how many. Parks.

    NOT_HANDLED, and nothing is sent: the kernel cannot send from this file, or to this descriptor.
    Fewer than asked for: the file ended. Its position is neither used nor moved. The caller keeps
    `source` open. OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
    """

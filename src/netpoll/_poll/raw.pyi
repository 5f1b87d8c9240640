from collections.abc import Callable
from typing import TypeVar

from netpoll._poll.fd import FD

_T = TypeVar("_T")

def raw_read(fd: FD, fn: Callable[[int], _T]) -> _T:
    """Call fn(number) as the only reader until it raises no BlockingIOError; return its result.

    Parks. What fn raises, and before and between its calls: ClosedError, DeadlineExceeded,
    Cancelled, OSError.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawRead.
    """

def raw_write(fd: FD, fn: Callable[[int], _T]) -> _T:
    """Call fn(number) as the only writer until it raises no BlockingIOError; as raw_read.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawWrite.
    """

def raw_control(fd: FD, fn: Callable[[int], _T]) -> _T:
    """Call fn(number) once, whoever reads or writes meanwhile; return its result. Does not park.

    What fn raises; before: ClosedError, OSError.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawControl.
    """

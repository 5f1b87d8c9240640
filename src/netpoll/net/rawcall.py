"""System calls of the user's own on a socket, with errors that say what was being done to what."""

from collections.abc import Callable
from typing import TypeVar

from netpoll._poll.fd import FD
from netpoll._poll.raw import raw_control, raw_read, raw_write
from netpoll.net.addr import Addr
from netpoll.net.operror import wrap_error

_T = TypeVar("_T")
_CALLS = {"raw-read": raw_read, "raw-write": raw_write, "raw-control": raw_control}


def call_raw(
    op: str,
    fd: FD,
    fn: Callable[[int], _T],
    *,
    network: str,
    source: Addr | None,
    addr: Addr | None,
) -> _T:
    """Make a call of _poll.raw; the descriptor's errors get their context, fn's stay as they are.

    Source: go1.27 net/rawconn.go
    """
    of_fn: OSError | None = None

    def noting(number: int) -> _T:
        nonlocal of_fn
        try:
            return fn(number)
        except OSError as error:
            of_fn = error
            raise

    try:
        return _CALLS[op](fd, noting)
    except OSError as error:
        if error is of_fn:
            raise
        raise wrap_error(op, network, source, addr, error) from error
    finally:
        of_fn = None  # its traceback leads here

"""Operations that are given up when a context is done, and what they raise then.

Source: go1.27 net/net.go mapErr, errCanceled, errTimeout
"""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager

from netpoll.context import Context, ContextCancelled, ContextDeadlineExceeded, entered
from netpoll.errors import DeadlineExceeded, DNSError, OpError
from netpoll.net.addr import Addr

_CANCELLED = "operation was canceled"


@contextmanager
def within(context: Context, op: str, network: str, addr: Addr | str) -> Iterator[None]:
    """Do an operation until the context is done; OpError or DeadlineExceeded then, caused by it."""
    try:
        with entered(context):
            yield
    except ContextCancelled as error:
        raise OpError(op, network, None, addr, errno.ECANCELED, _CANCELLED) from error
    except ContextDeadlineExceeded as error:
        raise DeadlineExceeded(op, network, None, addr) from error
    except DeadlineExceeded as error:
        # The operation has looked at the clock itself.
        cause = context.err
        if not isinstance(cause, ContextDeadlineExceeded):
            raise
        raise DeadlineExceeded(op, network, error.source, error.addr) from cause


@contextmanager
def looking_up(context: Context, name: str) -> Iterator[None]:
    """Look a name up until the context is done; DNSError then, caused by it."""
    try:
        with entered(context):
            yield
    except ContextCancelled as error:
        raise DNSError(_CANCELLED, name) from error
    except ContextDeadlineExceeded as error:
        raise DNSError("i/o timeout", name, is_timeout=True) from error

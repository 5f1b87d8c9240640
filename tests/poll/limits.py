"""Operations of an FD that have a deadline or a timeout."""

import time

import pytest

import netpoll
from netpoll._poll.fd import FD
from netpoll._poll.stream_fd import StreamFD
from tests.poll.operations import (
    ALL,
    READING,
    Blocked,
    Operation,
    name_of,
    raised,
)

each = pytest.mark.parametrize("blocked", ALL, ids=name_of)


def set_for(blocked: Blocked, fd: FD, when: float | None) -> None:
    """Set the deadline of the direction that an operation uses."""
    if blocked in READING:
        fd.set_read_deadline(when)
    else:
        fd.set_write_deadline(when)


def times_out(operation: Operation, at: float) -> float:
    """Expect that the operation fails by its limit, not before; return how late that was."""
    error = raised(operation)
    now = time.monotonic()
    assert isinstance(error, netpoll.DeadlineExceeded), error
    assert now >= at, f"{(at - now) * 1e6:.1f} us early"
    return now - at


def read_or_none(fd: StreamFD) -> bytes | None:
    try:
        return bytes(fd.read_bytes(1))
    except netpoll.DeadlineExceeded:
        return None

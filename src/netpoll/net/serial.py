"""Dialling one address after the other, which share the time that there is.

Source: go1.27 net/dial.go dialSerial
"""

from collections.abc import Callable, Sequence
from time import monotonic
from typing import TypeVar

from netpoll.errors import DeadlineExceeded
from netpoll.net.targets import Target

T = TypeVar("T")

_SANE_MINIMUM = 2.0  # seconds for one address, however many there are


def serial(
    connect: Callable[[Target, float | None], T],
    targets: Sequence[Target],
    deadline: float | None,
) -> T:
    """Return what connect returns for the first target that it raises no OSError for.

    Raises the OSError of the first target if there is none; anything else at once.
    """
    errors: list[OSError] = []
    for index, target in enumerate(targets):
        try:
            until = partial_deadline(monotonic(), deadline, len(targets) - index)
            return connect(target, until)
        except OSError as error:
            errors.append(error)
    try:
        raise errors[0]
    finally:
        errors.clear()  # the errors' tracebacks hold this frame, which would hold the errors


def partial_deadline(now: float, deadline: float | None, addresses: int) -> float | None:
    """Return until when to try one address, with so many left, this one included.

    Each gets an equal part of the time left, but 2 s if there are that many; the last ones may then
    get nothing. Raises DeadlineExceeded if no time is left.
    """
    if deadline is None:
        return None
    remaining = deadline - now
    if remaining <= 0:
        raise DeadlineExceeded
    share = max(remaining / addresses, _SANE_MINIMUM)
    return deadline if share >= remaining else now + share

"""An operation that parks, as the table of them has it."""

from collections.abc import Callable
from contextlib import AbstractContextManager

from netpoll._poll.fd import FD

Operation = Callable[[], object]
Blocked = Callable[[], AbstractContextManager[tuple[FD, Operation]]]
"""Makes a descriptor and what parks on it; its name is the operation's."""


def name_of(blocked: Blocked) -> str:
    return blocked.__name__


def raised(operation: Operation) -> BaseException:
    """Return what an operation raises; it must raise."""
    try:
        result = operation()
    except BaseException as exception:  # noqa: BLE001 - the test looks at it
        return exception
    raise AssertionError(f"returned {result!r}")

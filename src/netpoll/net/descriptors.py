"""Descriptors that go with a message to another process, as control data.

Source: unix(7) SCM_RIGHTS; cmsg(3)
"""

from array import array
from collections.abc import Iterable
from socket import SCM_RIGHTS, SOL_SOCKET

Control = list[tuple[int, int, bytes]]


def control(fds: Iterable[int]) -> Control:
    """Return the control data that carries these descriptors; ValueError if no C int holds one."""
    try:
        numbers = array("i", list(fds))  # not of the bytes themselves, should they be bytes
    except OverflowError:
        raise ValueError("a descriptor is a C int") from None
    return [(SOL_SOCKET, SCM_RIGHTS, numbers.tobytes())] if numbers else []

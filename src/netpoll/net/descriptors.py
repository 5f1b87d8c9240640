"""Descriptors that go with a message to another process, as control data.

Source: unix(7) SCM_RIGHTS; cmsg(3)
"""

import os
from array import array
from collections.abc import Iterable
from contextlib import suppress
from socket import CMSG_SPACE, MSG_CTRUNC, SCM_RIGHTS, SOL_SOCKET

from netpoll._poll.message import receive_message
from netpoll._poll.socket_fd import SocketFD
from netpoll.net.addr import UnixAddr
from netpoll.net.sockaddr import unpack_unix

Control = list[tuple[int, int, bytes]]

_SIZE = array("i").itemsize
_MOST = 253  # of one message: SCM_MAX_FD
_SCM_PIDFD = 4  # a descriptor of the sender's process (Linux 6.5), which nobody asks for here
_CREDENTIALS = CMSG_SPACE(12)  # come before the descriptors, if the socket is to get them


def control(fds: Iterable[int]) -> Control:
    """Return the control data that carries these descriptors; ValueError if no C int holds one."""
    try:
        numbers = array("i", list(fds))  # not of the bytes themselves, should they be bytes
    except OverflowError:
        raise ValueError("a descriptor is a C int") from None
    return [(SOL_SOCKET, SCM_RIGHTS, numbers.tobytes())] if numbers else []


def receive(
    fd: SocketFD, network: str, size: int, most: int
) -> tuple[bytes, list[int] | None, int, UnixAddr]:
    """Return data, at most so many descriptors, flags and sender; parks. OSError without context.

    If there were more descriptors those that came are closed, and None stands for them.
    """
    if most < 0:
        raise ValueError("cannot receive a negative number of descriptors")
    room = CMSG_SPACE(min(most, _MOST) * _SIZE) + _CREDENTIALS
    data, parts, flags, sender = receive_message(fd, size, room)
    fds = None
    try:
        found = _numbers(parts, SCM_RIGHTS)
        addr = UnixAddr(unpack_unix(sender), network)
        if not flags & MSG_CTRUNC and len(found) <= most:
            fds = found
    finally:
        _close(_numbers(parts, _SCM_PIDFD))
        if fds is None:
            _close(_numbers(parts, SCM_RIGHTS))
    return data, fds, flags, addr


def _numbers(parts: Control, wanted: int) -> list[int]:
    numbers = array("i")
    for level, kind, data in parts:
        if (level, kind) == (SOL_SOCKET, wanted):
            numbers.frombytes(data)
    return numbers.tolist()


def _close(fds: Iterable[int]) -> None:
    for fd in fds:
        with suppress(OSError):
            os.close(fd)

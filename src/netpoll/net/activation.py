"""Socket activation: descriptors that whoever started this process has opened for it.

    variable          what it says
    LISTEN_PID        for which process they are
    LISTEN_FDS        how many there are, from number 3 on
    LISTEN_FDNAMES    their names, with colons between them

Source: sd_listen_fds(3); systemd.socket(5)
"""

from __future__ import annotations

import os
import stat
from contextlib import ExitStack
from errno import EBADF, EINVAL
from typing import TYPE_CHECKING

from netpoll.errors import OpError
from netpoll.net import adopt

if TYPE_CHECKING:
    from netpoll.net.conn import Conn
    from netpoll.net.file import File
    from netpoll.net.listener import Listener
    from netpoll.net.packet_conn import PacketConn

_FIRST = 3
_VARIABLES = ("LISTEN_PID", "LISTEN_PIDFDID", "LISTEN_FDS", "LISTEN_FDNAMES")
_DIGITS = 9  # of a number that any process or descriptor has
_UNNAMED = "unknown"


def activated(*, unset: bool = True) -> list[tuple[str, Listener | PacketConn | Conn | File]]:
    """Take over what systemd has opened for this process; return it, each with its name.

    A socket is what net.from_fd makes of it, anything else, such as a FIFO, a File. The name is
    that of FileDescriptorName=, by default that of the socket unit, and "unknown" if none is told.
    Without such descriptors for this process the list is empty. All are close-on-exec from now on.

    unset: take the variables out of the environment, so that neither a further call nor a child
    believes that they are meant for it. Does not park.

    Raises OpError, which names the variable, for values that cannot be, or if under one of the
    numbers nothing is open or a socket of a kind that there is not here; nothing has been taken
    over then. OpError: one cannot be taken over for want of descriptors; those before are closed.
    Source: sd_listen_fds_with_names(3)
    """
    values = {name: os.environ.get(name) for name in _VARIABLES}
    if unset:
        for name in _VARIABLES:
            os.environ.pop(name, None)
    if values["LISTEN_PID"] is None or values["LISTEN_FDS"] is None:
        return []
    if _number("LISTEN_PID", values["LISTEN_PID"]) != os.getpid():
        return []
    count = _number("LISTEN_FDS", values["LISTEN_FDS"])
    # All are looked at before one is taken; a number beyond reason ends at the first that is not
    # open, before there are as many names.
    found = [_look(_FIRST + index, values["LISTEN_FDS"]) for index in range(count)]
    names = _names(values["LISTEN_FDNAMES"], count)
    with ExitStack() as taken:
        result = []
        for index, (name, what) in enumerate(zip(names, found, strict=True)):
            one = _take(_FIRST + index, what)
            taken.callback(one.close)
            result.append((name, one))
        taken.pop_all()
    return result


def _number(variable: str, text: str) -> int:
    """Return the number that a variable says; it has no sign and no spaces."""
    if not (text.isascii() and text.isdecimal()) or len(text) > _DIGITS:
        raise _wrong(variable, text)
    return int(text)


def _names(text: str | None, count: int) -> list[str]:
    if text is None:
        return [_UNNAMED] * count
    names = text.split(":") if count or text else []
    if len(names) != count:
        raise _wrong("LISTEN_FDNAMES", text)
    return names


def _wrong(variable: str, text: str) -> OpError:
    return OpError("activated", errno=EINVAL, reason=f"{variable} is {text!r}")


def _look(fileno: int, count: str) -> adopt.Found | None:
    """Return what a socket is, None for what is no socket but open."""
    try:
        if not stat.S_ISSOCK(os.fstat(fileno).st_mode):
            return None
        return adopt.look(fileno)
    except OSError as error:
        number = EBADF if error.errno is None else error.errno
        reason = f"LISTEN_FDS is {count!r}, descriptor {fileno}: {os.strerror(number).lower()}"
        raise OpError("activated", errno=number, reason=reason) from error


def _take(fileno: int, found: adopt.Found | None) -> Listener | PacketConn | Conn | File:
    os.set_inheritable(fileno, False)  # noqa: FBT003 - takes no keyword
    if found is not None:
        return adopt.take(found.kind, fileno, found)
    from netpoll.net.file_kinds import open_fd  # noqa: PLC0415 - sockets alone do not pay for it

    return open_fd(fileno)

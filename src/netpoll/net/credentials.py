"""Credentials: which process, user and group is at the other end of a Unix socket."""

import socket
from errno import ENODATA
from socket import SOL_SOCKET
from struct import Struct
from typing import NamedTuple, Self

from netpoll._poll.socket_fd import SocketFD

_UCRED = Struct("=iII")  # struct ucred: pid, uid, gid
_NOBODY = 0xFFFFFFFF  # (uid_t)-1, no user's number


class Credentials(NamedTuple):
    """A process with its user and group, as the kernel vouches for them.

    pid: 0 if the process cannot be seen from this one's PID namespace.
    Source: unix(7) SO_PEERCRED, SCM_CREDENTIALS
    """

    pid: int
    uid: int
    gid: int

    @classmethod
    def unpack(cls, data: bytes) -> Self:
        """Return what control data of type SCM_CREDENTIALS says; ValueError if it is none."""
        if len(data) != _UCRED.size:
            raise ValueError(f"credentials are {_UCRED.size} bytes, not {len(data)}")
        return cls(*_UCRED.unpack(data))

    def pack(self) -> bytes:
        """Return the control data that claims them: the kernel checks whether the sender may."""
        return _UCRED.pack(*self)


def of_peer(fd: SocketFD) -> Credentials:
    """Return those of who connected, or listened, or made the pair; OSError if there is nobody."""
    found = Credentials.unpack(fd.getsockopt_bytes(SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size))
    if found.uid == _NOBODY:
        raise OSError(ENODATA, "no credentials of the peer are known")
    return found


def set_passing(fd: SocketFD, enabled: bool) -> None:  # noqa: FBT001 - the option's value
    """Let each message received come with its sender's credentials, or not."""
    fd.setsockopt(SOL_SOCKET, socket.SO_PASSCRED, int(enabled))

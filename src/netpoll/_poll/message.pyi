from collections.abc import Iterable
from typing import Self

from typing_extensions import Buffer, disjoint_base

from netpoll._poll.socket_fd import SocketFD

@disjoint_base
class Pieces:
    """Buffers as the kernel wants them, held until this is gone."""

    def __new__(cls, buffers: Iterable[Buffer]) -> Self: ...

def receive_message(
    fd: SocketFD, size: int, control_size: int = 0, flags: int = 0
) -> tuple[bytes, list[tuple[int, int, bytes]], int, bytes]:
    """Receive up to `size` bytes: data, [(level, type, data), ...], flags, raw sockaddr. Parks.

    control_size: room for the control data, with its headers (CMSG_SPACE). flags: of recvmsg(2).
    OSError, ClosedError, DeadlineExceeded, Cancelled.
    """

def receive_message_into(
    fd: SocketFD, buffers: Iterable[Buffer], control_size: int = 0, flags: int = 0
) -> tuple[int, list[tuple[int, int, bytes]], int, bytes]:
    """Receive into writable buffers, one after the other: how many bytes, and the same. Parks.

    Any number; of a stream one call fills 1,024 at most.
    """

def send_message(
    fd: SocketFD,
    buffers: Iterable[Buffer],
    control: Iterable[tuple[int, int, Buffer]] = (),
    flags: int = 0,
    address: bytes | None = None,
) -> int:
    """Send bytes-like objects, gathered, with control data, to a raw sockaddr or the peer. Parks.

    Return how many bytes. flags: of sendmsg(2). A message is sent whole or not at all, of any
    number of buffers; on a stream all is sent, or `bytes_written` of the exception tells how much.
    OSError, ClosedError, DeadlineExceeded, Cancelled.
    """

from typing import Self

from typing_extensions import Buffer, disjoint_base

from netpoll._poll.packet_fd import PacketFD

@disjoint_base
class Rooms:
    """Room for a batch, with an address and a little control data for each datagram."""

    def __new__(cls, count: int, size: int, with_control: bool) -> Self: ...

@disjoint_base
class Letters:
    """Datagrams to send: what is in them and where they go, held until this is gone."""

    def __new__(cls, count: int) -> Self: ...

def receive_batch(fd: PacketFD, count: int, size: int) -> list[tuple[bytes, bytes, int]]:
    """Receive 1 to `count` datagrams: [(data, raw sockaddr, flags), ...]. Parks.

    Each is cut to `size` bytes; the flags have MSG_TRUNC then. With `fd.merges` there may be more:
    `count` messages, each of which is as many datagrams as the kernel has glued together.
    OSError, ClosedError, DeadlineExceeded, Cancelled; MemoryError if there is no such room.
    """

def send_batch(fd: PacketFD, messages: list[tuple[Buffer, bytes | None]]) -> int:
    """Send [(data, raw sockaddr or None), ...], each as one datagram; return how many. Parks.

    OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`, and with
    `messages_written` unless it ended in line.
    """

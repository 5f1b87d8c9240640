from typing_extensions import Buffer

from netpoll._poll.packet_fd import PacketFD

def receive_batch(fd: PacketFD, count: int, size: int) -> list[tuple[bytes, bytes, int]]:
    """Receive 1 to `count` datagrams: [(data, raw sockaddr, flags), ...]. Parks.

    Each is cut to `size` bytes; the flags have MSG_TRUNC then. With `fd.merges` there may be more:
    `count` messages, each of which is as many datagrams as the kernel has glued.
    OSError, ClosedError, DeadlineExceeded, Cancelled.
    """

def send_batch(fd: PacketFD, messages: list[tuple[Buffer, bytes | None]]) -> int:
    """Send [(data, raw sockaddr or None), ...], each as one datagram; return how many. Parks.

    OSError, ClosedError, DeadlineExceeded, Cancelled, each with `messages_written` (0 if it is missing)
    and `bytes_written`.
    """

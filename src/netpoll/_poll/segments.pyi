from typing_extensions import Buffer

from netpoll._poll.packet_fd import PacketFD

def send_segments(fd: PacketFD, data: Buffer, size: int, address: bytes | None = None) -> int:
    """Send a bytes-like object in datagrams of `size` bytes, the last of what is left. Parks.

    Return its length. If it is empty nothing is sent.
    OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
    """

"""Message: what came with one recvmsg."""

from typing import NamedTuple

from netpoll.net.addr import Addr


class Message(NamedTuple):
    """A message with its control data, as recvmsg(2) gives it.

    control: (level, type, data) of each part, as of the socket module's recvmsg.
    flags: MSG_TRUNC if it was longer than the room for it, MSG_CTRUNC if its control data was.
    addr: who sent it, None if that is not told.
    """

    data: bytes
    control: list[tuple[int, int, bytes]]
    flags: int
    addr: Addr | None

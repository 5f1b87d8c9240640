"""The messages of the demo, chosen so that a byte out of place is seen."""

from random import Random

# A prime: no stride shares a factor with it, so that each connection has another message in the
# same round, and another one in each round.
_SPAN = 65_521
_CONNECTION_STRIDE = 24_137
_ROUND_STRIDE = 40_503


class Payload:
    """Messages of one size, each cut from the same noise at a place of its own.

    A byte of another connection or of an earlier round is a wrong one in 255 of 256 cases.
    """

    __slots__ = ("_noise", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        # The same in each run, so that a failure can be repeated.
        self._noise = Random(size).randbytes(_SPAN + size)  # noqa: S311 - no secret

    def message(self, connection: int, round_: int) -> bytes:
        """Return what this connection sends in this round."""
        start = (connection * _CONNECTION_STRIDE + round_ * _ROUND_STRIDE) % _SPAN
        return self._noise[start : start + self.size]


def difference(sent: bytes, received: bytes) -> str | None:
    """Say where a byte came back wrong; None if all that have come back are right."""
    size = len(sent)
    for index, (byte, back) in enumerate(zip(sent, received, strict=False)):
        if byte != back:
            return f"byte {index} of {size}: sent 0x{byte:02x}, received 0x{back:02x}"
    if len(received) > size:
        return f"more bytes came back than the {size} that were sent"
    return None

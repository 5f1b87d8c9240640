from typing import Self

from typing_extensions import disjoint_base

from netpoll._poll.stream_fd import StreamFD

@disjoint_base
class Memory:
    """What the two ends share."""

    def __new__(cls, capacity: int) -> Self: ...

@disjoint_base
class MemoryFD(StreamFD):
    """One end, for any goroutine of any thread. A method that parks says so."""

    @classmethod
    def pair(cls, capacity: int) -> tuple[Self, Self]:
        """Return two ends that are connected; each direction holds so many bytes.

        ValueError, MemoryError.
        """

    def fileno(self) -> int:
        """Raise OSError(EBADF), for there is no descriptor. ClosedError."""

    def shutdown(self, how: int) -> None:
        """End reading (0), writing (1) or both (2). ClosedError. Does not park."""

from typing import Self

from typing_extensions import disjoint_base

from netpoll._poll.stream_fd import StreamFD

@disjoint_base
class PipeFD(StreamFD):
    """A pipe, a FIFO, a terminal or the like, for any goroutine of any thread."""

    @property
    def is_pipe(self) -> bool: ...
    @classmethod
    def adopt(cls, fileno: int) -> Self | None:  # type: ignore[override]
        """Own a descriptor from now on and make it non-blocking; None if no poller takes it.

        None also for a standard stream that cannot be made so without its other users noticing. On
        None, and on an error, the number stays the caller's, as it was. OSError.
        """

from typing_extensions import disjoint_base

from netpoll._poll.stream_fd import StreamFD

NOT_HANDLED: int

@disjoint_base
class Relay:
    """A pipe of our own, and how many bytes it holds; closed with the last reference."""

    def __init__(self) -> None: ...
    def fill(self, source: StreamFD, count: int) -> int:
        """Take up to `count` bytes from a source; return how many, 0 at its end. Parks.

        NOT_HANDLED, and nothing is taken: the kernel cannot splice from it.
        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """

    def pump(self, target: StreamFD) -> int:
        """Give everything to a target; return how many bytes. Parks.

        NOT_HANDLED, and nothing is given: the kernel cannot splice to it.
        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """

    def rest(self) -> bytearray:
        """Return what it holds: for a target to which the kernel cannot splice. OSError."""

def can_splice(fd: StreamFD) -> bool:
    """Whether a descriptor is of a kind that the kernel splices: a stream socket, a pipe.

    Not what keeps messages apart: a splice would join or cut them.
    """

def relay() -> Relay:
    """Return an empty Relay, for the caller alone. OSError: no descriptors for it."""

def put_back(relay: Relay) -> None:
    """Keep a relay for the next copy, unless it holds something or enough are kept."""

def drop_pipes() -> None:
    """Close the relays that are kept; the next copy makes one anew."""

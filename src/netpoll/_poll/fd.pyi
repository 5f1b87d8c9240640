from typing_extensions import disjoint_base

from netpoll._poll.turns import Turns

@disjoint_base
class FD(Turns):
    """A descriptor, for any goroutine of any thread. A method that parks says so."""

    def __init__(self) -> None:
        """Raise TypeError: an FD is made by `socket` or `adopt` of its class."""

    def close(self) -> None:
        """Close; everybody inside gets ClosedError. Never parks; again: does nothing. Any thread.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Close.
        """

    def describe(self, text: str) -> None:
        """Say what a warning calls it if it is dropped unclosed: by whoever has it."""

    def give_back(self) -> None:
        """Close, but leave the number open: it is the caller's again. Any thread."""

    @property
    def closed(self) -> bool:
        """True once `close` was called."""

    def fileno(self) -> int:
        """Return the descriptor's number. ClosedError."""

    def set_deadline(self, when: float | None) -> None:
        """Set the deadline for reading and writing: seconds on time.monotonic(), None for none.

        Wakes who waits if it has passed. Does not park. ClosedError. Any thread.
        """

    def set_read_deadline(self, when: float | None) -> None:
        """Set the deadline for reading and accepting; as set_deadline."""

    def set_write_deadline(self, when: float | None) -> None:
        """Set the deadline for writing and connecting; as set_deadline."""

    def dup(self) -> int:
        """Return a close-on-exec duplicate, the caller's to close. OSError, ClosedError."""

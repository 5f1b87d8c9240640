from typing import Self

from typing_extensions import disjoint_base

@disjoint_base
class PollDesc:
    """The readiness of one descriptor, which must be non-blocking and stays the caller's.

    Edge-triggered: after a wait, read or write until the system says EAGAIN, then wait again. One
    waiter a direction, RuntimeError for a second. Belongs to the thread that makes it. `close`
    before the descriptor is closed; `with` does it.
    """

    def __init__(self, fileno: int) -> None:
        """Register. OSError.

        PermissionError for what cannot be waited for (a regular file), FileExistsError for what is
        registered already, by a connection or another PollDesc.
        """

    def wait_readable(self, timeout: float | None = None) -> None:
        """Park until there may be something to read; DeadlineExceeded after `timeout` seconds."""

    def wait_writable(self, timeout: float | None = None) -> None:
        """Park until something may be written; DeadlineExceeded after `timeout` seconds."""

    def close(self) -> None:
        """End the registration; who waits gets ClosedError. The descriptor stays open."""

    def __enter__(self) -> Self: ...
    def __exit__(self, *exception: object) -> None: ...

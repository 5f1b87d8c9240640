from typing_extensions import disjoint_base

@disjoint_base
class Latch:
    """Opens once, from any thread, and stays open. `reason` says what is waited for, in dumps."""

    def __init__(self, reason: str) -> None:
        """Make one that is shut."""

    @property
    def opened(self) -> bool: ...
    def wait(self, timeout: float | None = None) -> bool:
        """Park until it is open; return False if `timeout` seconds passed first."""

    def open(self) -> None:
        """Open it, and wake all who wait. Any thread; does not park."""

def check_cancelled() -> None:
    """Raise what is pending for the calling goroutine, as a park would; else do nothing."""

from typing import final

from netpoll.sync.line import Shared

@final
class Event(Shared):
    """A flag, clear at first, that any number of goroutines wait for. Any thread.

    Source: threading.Event, whose names it has; in Go, a channel that is closed.
    """

    def is_set(self) -> bool:
        """Tell whether the flag is set."""

    def set(self) -> None:
        """Set the flag and wake all who wait for it. Never parks."""

    def clear(self) -> None:
        """Clear the flag: who waits from now on waits for the next `set`. Never parks."""

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until the flag is set; False if `timeout` seconds passed first.

        Parks if it is clear; raises Cancelled then, and only then.
        """

"""What shows how far a command is."""

from abc import ABC, abstractmethod
from types import TracebackType
from typing import Self


class Progress(ABC):
    """Shows one phase after the other; leaving the block takes the last one off the screen."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.end()

    @abstractmethod
    def begin(self, label: str, total: float) -> None:
        """Start the next phase, which is complete at total."""

    @abstractmethod
    def update(self, done: float, note: str) -> None:
        """Show that so much of the phase is done, and a few words beside it."""

    @abstractmethod
    def end(self) -> None:
        """Take the last phase away."""

"""Progress and table without rich."""

import sys
from collections.abc import Sequence

from netpoll.cli.progress import Progress

_WIDTH = 30


class Lines(Progress):
    """A line for each phase, for a file or a pipe."""

    def begin(self, label: str, total: float) -> None:  # noqa: ARG002 - nothing grows here
        """Print the label."""
        print(label, file=sys.stderr, flush=True)

    def update(self, done: float, note: str) -> None:
        """Show nothing: nobody watches a file grow."""

    def end(self) -> None:
        """Show nothing: what was printed stays."""


class Bar(Progress):
    """A bar that is drawn over itself, for a terminal."""

    def __init__(self) -> None:
        self._label = ""
        self._total = 1.0
        self._drawn = 0

    def begin(self, label: str, total: float) -> None:
        """Draw an empty bar."""
        self._label = label
        self._total = total
        self.update(0, "")

    def update(self, done: float, note: str) -> None:
        """Draw the bar."""
        filled = int(_WIDTH * min(1.0, done / self._total))
        self._draw(f"{self._label} [{'#' * filled:.<{_WIDTH}}] {note}")

    def end(self) -> None:
        """Leave an empty line."""
        self._draw("")
        print("\r", end="", file=sys.stderr, flush=True)

    def _draw(self, line: str) -> None:
        # Padded, to cover what is left of a longer line before it.
        print(f"\r{line:<{self._drawn}}", end="", file=sys.stderr, flush=True)
        self._drawn = len(line)


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print the title, and a line for each pair of name and value."""
    width = max(len(name) for name, _ in rows)
    print(title)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")

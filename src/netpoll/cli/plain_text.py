"""Progress and table without rich, and without a terminal."""

import sys
from collections.abc import Sequence

from netpoll.cli.progress import Progress

_WIDTH = 30


class Lines(Progress):
    """A line for each phase, for a log file."""

    def begin(self, label: str, total: float) -> None:
        print(label, file=sys.stderr, flush=True)

    def update(self, done: float, note: str) -> None:
        """Do nothing: in a file nobody watches it move."""

    def end(self) -> None:
        """Do nothing: the lines stay."""


class Bar(Progress):
    """A bar that is drawn over itself, for a terminal."""

    def __init__(self) -> None:
        self._label = ""
        self._total = 1.0
        self._drawn = 0

    def begin(self, label: str, total: float) -> None:
        self._label = label
        self._total = total

    def update(self, done: float, note: str) -> None:
        filled = int(_WIDTH * min(1.0, done / self._total))
        self._draw(f"{self._label} [{'#' * filled}{'.' * (_WIDTH - filled)}] {note}")

    def end(self) -> None:
        self._draw("")

    def _draw(self, line: str) -> None:
        # Spaces over what is left of the line before; the cursor goes back to the margin.
        print(f"\r{line:<{self._drawn}}\r{line}", end="", file=sys.stderr, flush=True)
        self._drawn = len(line)


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns."""
    width = max(len(name) for name, _ in rows)
    print(title)
    for name, value in rows:
        print(f"{name:<{width}}  {value}")

"""Progress and table with rich; without rich installed, importing this raises ImportError."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from netpoll.cli.progress import Progress


class Bar(Progress):
    """A bar in colour, for a terminal."""

    def __init__(self) -> None:
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            # Drawn by whoever updates it: a thread that refreshes it would compete for the GIL.
            auto_refresh=False,
            transient=True,
        )
        self._phase = self._bar.add_task("", visible=False, note="")

    def begin(self, label: str, total: float) -> None:
        """Draw an empty bar."""
        self._bar.start()
        self._bar.reset(self._phase, description=label, total=total, visible=True, note="")
        self._bar.refresh()

    def update(self, done: float, note: str) -> None:
        """Draw the bar."""
        self._bar.update(self._phase, completed=done, note=note, refresh=True)

    def end(self) -> None:
        """Take the bar away."""
        self._bar.stop()


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print a table of names and values under the title."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)

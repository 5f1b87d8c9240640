"""Progress and table for a terminal, with rich; importing this raises ImportError where rich is not installed."""

from collections.abc import Sequence

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn
from rich.progress import Progress as RichProgress
from rich.table import Table

from netpoll.cli.progress import Progress


class Bar(Progress):
    """A bar on standard error."""

    def __init__(self) -> None:
        # Without a thread of its own: it is drawn by whoever updates it.
        self._bar = RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.fields[note]}"),
            console=Console(stderr=True),
            auto_refresh=False,
            transient=True,
        )
        self._phase: TaskID | None = None

    def begin(self, label: str, total: float) -> None:
        self._bar.start()
        if self._phase is not None:
            self._bar.remove_task(self._phase)
        self._phase = self._bar.add_task(label, total=total, note="")

    def update(self, done: float, note: str) -> None:
        if self._phase is not None:
            self._bar.update(self._phase, completed=done, note=note, refresh=True)

    def end(self) -> None:
        self._bar.stop()


def print_table(title: str, rows: Sequence[tuple[str, str]]) -> None:
    """Print names and values on standard output."""
    table = Table(title=title, title_justify="left", show_header=False)
    table.add_column(style="bold")
    table.add_column(justify="right")
    for name, value in rows:
        table.add_row(name, value)
    Console().print(table)

"""Progress and tables on the terminal, with rich."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from rich.box import SIMPLE_HEAD
from rich.console import Console, JustifyMethod
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table as RichTable

from benchmarks.plan import Item
from benchmarks.tables import Table

_LEAST_WIDTH = 160  # where the terminal is narrower, its own wrapping is easier to read than ours


class Bar:
    """Shows how far the run is. Drawn between two samples, never while one is taken."""

    def __init__(self, progress: Progress, task: TaskID) -> None:
        """Keep what draws."""
        self._progress = progress
        self._task = task
        self._told = 0

    def show(self, item: Item) -> None:
        """Say what is measured now."""
        what = f"{item.scenario.title} {item.cell.label}: {item.contender.name}"
        self._progress.update(self._task, description=what, refresh=True)
        self._say_now_and_then()

    def advance(self, number: int = 1) -> None:
        """Count so many samples."""
        self._progress.advance(self._task, number)

    def _say_now_and_then(self) -> None:
        """Say each tenth of the way how far it is, where there is no bar to be seen."""
        task = self._progress.tasks[0]
        tenth = int(10 * task.completed / (task.total or 1))
        if not self._progress.console.is_terminal and tenth > self._told:
            self._told = tenth
            self._progress.console.print(f"{tenth * 10} % done", highlight=False)


@contextmanager
def progress(total: int) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs; nothing if that is no terminal."""
    columns = (
        BarColumn(20),
        MofNCompleteColumn(),
        TimeRemainingColumn(elapsed_when_finished=True),
        TextColumn("{task.description}"),
    )
    console = Console(stderr=True)
    with Progress(*columns, console=console, auto_refresh=False, transient=True) as shown:
        yield Bar(shown, shown.add_task("", total=total))


def show(tables: Sequence[Table]) -> None:
    """Print tables on standard output."""
    console = Console()
    console.width = max(console.width, _LEAST_WIDTH)
    for table in tables:
        console.print(_rich(table))


def say(line: str) -> None:
    """Print a line on standard error; whole, if that is no terminal."""
    console = Console(stderr=True, highlight=False)
    console.print(line, markup=False, soft_wrap=not console.is_terminal)


def remark(line: str) -> None:
    """Print a line where the tables are."""
    Console(highlight=False).print(line, markup=False)


def _rich(table: Table) -> RichTable:
    drawn = RichTable(title=table.title, title_justify="left", title_style="bold", box=SIMPLE_HEAD)
    for place, column in enumerate(table.columns):
        justify: JustifyMethod = "right" if place else "left"
        drawn.add_column(column, justify=justify, no_wrap=place == 0, style=_style(column))
    for row in table.rows:
        drawn.add_row(*row, style=_style(row[0]))
    return drawn


def _style(name: str) -> str:
    return "bold green" if name.startswith("netpoll") else ""

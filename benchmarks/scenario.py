"""What a scenario is: cells to be measured, who is measured, and which figures come of it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from itertools import product

from benchmarks.bench import Bench, Programs
from benchmarks.contenders import Contender
from benchmarks.histogram import Histogram
from benchmarks.steadiness import Flanks, Place

Value = int | str
Axes = Mapping[str, tuple[Value, ...]]

_SHOWN = {
    "conns": "{:,} connections",
    "depth": "{} under way",
    "file": "{:,} MiB",
    "names": "{:,} names",
}


@dataclass(frozen=True, slots=True)
class Cell:
    """One combination of a scenario's values."""

    scenario: str
    values: tuple[tuple[str, Value], ...]

    def number(self, name: str) -> int:
        """Return the value of this name, which is a number."""
        return int(dict(self.values)[name])

    def text(self, name: str) -> str:
        """Return the value of this name as text."""
        return str(dict(self.values)[name])

    @property
    def label(self) -> str:
        """Return what tells this cell from the others of its scenario."""
        return ", ".join(_show(name, value) for name, value in self.values)


def _show(name: str, value: Value) -> str:
    if value == 1 and name == "conns":
        return "1 connection"
    if name == "size":
        kibibytes, rest = divmod(int(value), 1024)
        return f"{value} B" if rest or not kibibytes else f"{kibibytes} KiB"
    return _SHOWN.get(name, "{}").format(value)


@dataclass(frozen=True, slots=True)
class Figure:
    """One number that a sample has, and how it is written."""

    name: str
    label: str
    digits: int = 2
    less_is_better: bool = True


@dataclass(frozen=True, slots=True)
class Sample:
    """What one measurement of one contender gave.

    ticks: the server's user and system time, which is good for the share of each only.
    flanks: what steadiness.py read before and behind it; None where it does not matter.
    steady: whether the cores were throughout where they have to be.
    """

    figures: dict[str, float]
    ticks: tuple[int, int] = (0, 0)
    latency: Histogram = field(default_factory=Histogram)
    flanks: Flanks | None = None
    steady: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Scenario:
    """One question, asked of several contenders.

    axes: the values of which each combination is a cell; quick: those of a quick run.
    reference: the contender to which the ratios of the first figure are.
    figures: the first one is the chief one.
    applies: tells whether a contender can be measured in a cell at all.
    cores: where the two cores have to be for it; None if that does not matter.
    missing: returns why nothing of it can be measured here; nothing if it can.
    """

    name: str
    title: str
    about: str
    axes: Axes
    quick: Axes
    contenders: tuple[Contender, ...]
    reference: str
    figures: tuple[Figure, ...]
    measure: Callable[[Cell, Contender, Bench], Sample]
    applies: Callable[[Cell, Contender], bool] = lambda _cell, _contender: True
    cores: Place | None = Place.FAR
    missing: Callable[[Programs], str] = lambda _programs: ""

    @property
    def chief(self) -> Figure:
        """Return the figure by which the contenders are compared."""
        return self.figures[0]

    def cells(self, *, quick: bool, chosen: Axes) -> list[Cell]:
        """Return the cells; the chosen values of an axis take the place of its own."""
        axes = self.quick if quick else self.axes
        values = {name: chosen.get(name) or axes[name] for name in axes}
        return [
            Cell(self.name, tuple(zip(values, combination, strict=True)))
            for combination in product(*values.values())
        ]

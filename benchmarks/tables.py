"""The tables that are shown on the terminal and on the page, from results alone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

from benchmarks.results import Results
from benchmarks.scenario import Cell, Figure, Scenario, Value
from benchmarks.scenarios.echo import ECHO
from benchmarks.spread import Spread
from benchmarks.targets import IN_SHORT, OURS, TARGETS, Target

_NOTHING = "-"
_MOST_DIGITS = 4
_DETAILED = 3
_ENOUGH = 5  # rounds; of fewer nothing is said about a goal
UNSTEADY = "~"
"""Stands before a figure for which the machine was not itself in any round."""


@dataclass(frozen=True, slots=True)
class Table:
    """Rows of text; the first column is names, the others are numbers."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def detail(results: Results, scenario: Scenario, cell: Cell) -> Table:
    """Return all figures of one cell, the best contender first."""
    columns = ["", scenario.chief.label, "± %", f"x {_reference(scenario)}"]
    columns += [figure.label for figure in scenario.figures[1:]]
    rows = [
        (name, *_chief_columns(results, scenario, cell, contender), *_others)
        for contender, name in _ranked(results, scenario, cell)
        for _others in [_figures(results, scenario, cell, contender)]
    ]
    title = f"{scenario.title}: {cell.label}" if cell.label else scenario.title
    return Table(title, tuple(columns), tuple(rows))


def all_of(results: Results, scenario: Scenario) -> list[Table]:
    """Return all tables of a scenario.

    Of a few cells all figures; of more, the chief figure, and all of those that stand in short.
    """
    cells = results.cells(scenario.name)
    if len(cells) <= _DETAILED:
        return [detail(results, scenario, cell) for cell in cells]
    parts = [matrix(results, scenario, list(group)) for _, group in groupby(cells, _size)]
    chief = [cell for _, cell, _ in IN_SHORT if cell in cells]
    return parts + [detail(results, scenario, cell) for cell in chief]


def _size(cell: Cell) -> Value | None:
    return dict(cell.values).get("size")


def matrix(results: Results, scenario: Scenario, cells: Sequence[Cell]) -> Table:
    """Return the chief figure of some cells, with the ratio to the reference.

    A column is a cell, or a contender where there are fewer of these.
    """
    names = {c.name: c.label for c in scenario.contenders}
    present = [name for name in names if any(name in results.contenders(cell) for cell in cells)]
    lines = [("", *(cell.label for cell in cells))]
    lines += [
        (names[name], *(_with_ratio(results, scenario, cell, name) for cell in cells))
        for name in present
    ]
    if len(present) < len(cells):
        lines = list(zip(*lines, strict=True))
    title = f"{scenario.title}: {scenario.chief.label}, in brackets x {_reference(scenario)}"
    return Table(title, lines[0], tuple(lines[1:]))


def goals(results: Results) -> Table:
    """Return what was to be reached and what was."""
    rows = [row for target in TARGETS if (row := _goal(results, target))]
    columns = ("", "measured", "95 %", "the C loop's", "must", "aim", "")
    return Table("Goals", columns, tuple(rows))


def in_short(results: Results) -> Table:
    """Return one row for each server, what it takes compared with netpoll, the quickest first.

    As ratios, for these are of samples that were taken one after the other.
    """
    columns = tuple(text for text, _, _ in IN_SHORT)
    _, first, chief = IN_SHORT[0]

    def place(pair: tuple[str, str]) -> float:
        spread = results.ratio(first, pair[0], OURS, chief)
        return spread.median if spread else float("inf")

    rows = [
        (label, *(_ratio(results.ratio(cell, name, OURS, figure)) for _, cell, figure in IN_SHORT))
        for name, label in sorted(_ranked(results, ECHO, first), key=place)
    ]
    title = "In short: processor time of an echo, and memory, netpoll's being 1"
    return Table(title, ("", *columns), tuple(rows))


def hindrances(results: Results) -> list[str]:
    """Return what holds the figures that are not as good as was aimed at, each reason once."""
    held: dict[str, list[str]] = {}
    for target in TARGETS:
        spread = target.reached(results)
        if target.held and spread is not None and not target.is_good(spread.median):
            held.setdefault(target.held, []).append(target.text)
    return [f"{'; '.join(figures)}: {reason}" for reason, figures in held.items()]


def number(value: float | None, digits: int) -> str:
    """Write a number; a dash for none."""
    return _NOTHING if value is None else f"{value:,.{digits}f}"


def close(value: float, bound: float) -> str:
    """Write a number that may lie close to a bound: so that it is seen on which side."""
    digits = 2
    while value != bound and digits < _MOST_DIGITS and round(value, digits) == bound:
        digits += 1
    return number(value, digits)


def _goal(results: Results, target: Target) -> tuple[str, ...] | None:
    found = target.reached(results)
    if found is None:
        return None
    sign = "≥" if target.at_least else "≤"
    limit = target.reached(results, "limit")
    low, high = found.within
    return (
        target.text,
        f"{close(found.median, target.bound)} {target.unit}".strip(),
        f"{number(low, 2)} to {number(high, 2)}",
        number(None if limit is None else limit.median, 2),
        *(_NOTHING if goal is None else f"{sign} {goal:g}" for goal in (target.must, target.aim)),
        _outcome(target, found),
    )


def _outcome(target: Target, found: Spread) -> str:
    """Say whether a goal was reached, and whether the rounds are of one mind about it."""
    if found.rounds < _ENOUGH:
        return _NOTHING
    ends = {target.satisfies(value, target.bound) for value in found.within}
    noise = ", within the noise" if len(ends) > 1 else ""
    if target.aim is not None and target.satisfies(found.median, target.aim):
        return "aim reached" if target.must is None else f"aim reached{noise}"
    if target.must is None:
        return "aim missed"
    return f"reached{noise}" if target.satisfies(found.median, target.must) else f"MISSED{noise}"


def _reference(scenario: Scenario) -> str:
    return scenario.reference


def _ranked(results: Results, scenario: Scenario, cell: Cell) -> list[tuple[str, str]]:
    """Return name and label of who was measured, by the chief figure."""
    present = results.contenders(cell)
    sign = 1 if scenario.chief.less_is_better else -1

    def place(name: str) -> float:
        spread = results.figure(cell, name, scenario.chief.name)
        return sign * spread.median if spread else float("inf")

    listed = [(c.name, c.label) for c in scenario.contenders if c.name in present]
    return sorted(listed, key=lambda pair: place(pair[0]))


def _chief_columns(
    results: Results, scenario: Scenario, cell: Cell, contender: str
) -> tuple[str, str, str]:
    chief = scenario.chief
    spread = results.figure(cell, contender, chief.name)
    ratio = results.ratio(cell, contender, scenario.reference, chief.name)
    mark = "" if results.is_steady(cell, contender) else UNSTEADY
    return (
        mark + _median(spread, chief),
        number(None if spread is None else spread.relative * 100, 0),
        _ratio(ratio),
    )


def _figures(results: Results, scenario: Scenario, cell: Cell, contender: str) -> list[str]:
    return [
        _median(results.figure(cell, contender, figure.name), figure)
        for figure in scenario.figures[1:]
    ]


def _with_ratio(results: Results, scenario: Scenario, cell: Cell, contender: str) -> str:
    spread = results.figure(cell, contender, scenario.chief.name)
    ratio = results.ratio(cell, contender, scenario.reference, scenario.chief.name)
    if spread is None:
        return _NOTHING
    mark = "" if results.is_steady(cell, contender) else UNSTEADY
    return f"{mark}{_median(spread, scenario.chief)} ({_ratio(ratio)})"


def _median(spread: Spread | None, figure: Figure) -> str:
    return number(None if spread is None else spread.median, figure.digits)


def _ratio(spread: Spread | None) -> str:
    return number(None if spread is None else spread.median, 2)

"""docs/performance.md: the part of it that a run writes, between two marks."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks import tables
from benchmarks.building import HERE
from benchmarks.results import Results
from benchmarks.scenario import Cell, Scenario
from benchmarks.scenarios import SCENARIOS
from benchmarks.steadiness import Place
from benchmarks.tables import Table
from benchmarks.targets import OURS

PAGE = HERE.parent / "docs" / "performance.md"
BEGIN = "<!-- figures: what stands up to the other mark is written by `make bench` -->"
END = "<!-- figures: the end -->"
_PLOTS = "../benchmarks/results"
QUICK = "a quick run: good to see that it works, not to compare"
_HOST = "the host's other guests among them"


def update(results: Results, page: Path = PAGE) -> None:
    """Write the results into the page; ValueError if it has no marks."""
    page.write_text(replace(page.read_text(encoding="utf-8"), text(results)), encoding="utf-8")


def replace(page: str, between: str) -> str:
    """Return the page with something else between the marks."""
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not (begin and end):
        raise ValueError("the page has no marks between which the figures go")
    return f"{before}{begin}\n\n{between.strip()}\n\n{end}{after}"


def text(results: Results) -> str:
    """Return the figures as Markdown."""
    parts = ["## The figures"]
    short = tables.in_short(results)
    if short.rows:
        parts.append(_section(short))
    parts.append("\n".join(f"- {line}" for line in conditions(results)))
    goals = tables.goals(results)
    if goals.rows:
        parts.append(_section(goals))
        parts += _list("What holds those that are not at their aim:", tables.hindrances(results))
    for scenario in SCENARIOS:
        if results.cells(scenario.name):
            parts += _scenario(results, scenario)
    return "\n\n".join(parts)


def conditions(results: Results) -> list[str]:
    """Return under what conditions the run was made."""
    about = results.about
    pace = about["pace"]
    low, high = (reading / 1000 for reading in about["probe_ns"])
    lines = [
        f"{about['date']}: {_machine(about['machine'])}",
        "versions: " + ", ".join(f"{name} {number}" for name, number in about["versions"].items()),
        f"rounds: {_rounds(results)}, {pace['seconds']:g} s a sample, {about['minutes']:g} minutes",
        f"others used {about['others']:.0%} of the processors meanwhile, {_HOST}",
    ]
    if about.get("commit"):
        lines.insert(2, f"commit: {about['commit']}")
    if about["wanders"]:
        lines.append(
            "the two cores come to lie now next to each other, where the limit takes"
            f" {low:.1f} µs for 64 B, now far apart, where it takes {high:.1f} µs; measured while"
            f" they were {(Place.NEAR if about['near'] else Place.FAR).value}; samples taken again"
            f" because that had changed: {about['repeated']}; left out, as it had all the same:"
            f" {about['unsteady']} of {len(results.records):,}"
        )
    if about["one_core"]:
        lines.append("client and server shared one core: compare nothing but processor time")
    if about["quick"]:
        lines.append(QUICK)
    return lines + [f"not measured: {name}: {reason}" for name, reason in results.skipped.items()]


def _rounds(results: Results) -> str:
    number: int = results.about["pace"]["rounds"]
    closely = len({record.round for record in results.records}) - number
    return (
        f"{number}, and {closely} short ones of what the goals compare"
        if closely > 0
        else f"{number}"
    )


def _machine(machine: Mapping[str, Any]) -> str:
    kind = "a virtual machine" if machine["virtual"] else "a machine"
    return (
        f"{kind} with {machine['cores']} cores ({machine['processor']}, {machine['architecture']}),"
        f" {machine['memory_gib']} GiB, {machine['kernel']}, {machine['python']},"
        f" {machine['compiler']}"
    )


def ahead(results: Results, scenario: Scenario, cell: Cell) -> list[str]:
    """Return who does better than netpoll in a cell, the reference aside."""
    found = []
    for contender in scenario.contenders:
        if contender.name.startswith(OURS) or contender.name == scenario.reference:
            continue
        ratio = results.ratio(cell, contender.name, OURS, scenario.chief.name)
        if ratio and (ratio.median < 1) == scenario.chief.less_is_better and ratio.median != 1:
            low, high = (tables.number(end, 2) for end in ratio.within)
            share = tables.close(ratio.median, 1)
            found.append(f"{contender.label} ({share} of netpoll's, {low} to {high})")
    return found


def _scenario(results: Results, scenario: Scenario) -> list[str]:
    cells = results.cells(scenario.name)
    parts = [f"### {scenario.title}", scenario.about]
    plots = [scenario.name, "connections"] if scenario.name == "echo" else [scenario.name]
    parts += [f"![{scenario.title}]({_PLOTS}/{plot}.png)" for plot in plots]
    parts += [_section(table) for table in tables.all_of(results, scenario)]
    lines = [
        f"{cell.label + ': ' if cell.label else ''}{', '.join(names)}"
        for cell in cells
        if (names := ahead(results, scenario, cell))
    ]
    return parts + _list("Ahead of netpoll, and with 95 % of certainty how far:", lines)


def _list(title: str, lines: Sequence[str]) -> list[str]:
    return [title + "\n\n" + "\n".join(f"- {line}" for line in lines)] if lines else []


def _section(table: Table) -> str:
    return f"**{table.title}**\n\n{markdown(table)}"


def markdown(table: Table) -> str:
    """Return a table as Markdown, netpoll's row or column in bold."""
    ruler = ["---", *["---:"] * (len(table.columns) - 1)]
    rows = [
        [
            f"**{cell}**" if row[0].startswith(OURS) or column.startswith(OURS) else cell
            for cell, column in zip(row, table.columns, strict=True)
        ]
        for row in table.rows
    ]
    return "\n".join(_row(cells) for cells in [table.columns, ruler, *rows])


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"

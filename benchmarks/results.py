"""The results of a run: what is written to a file, and what it says."""

import json
import re
from collections import defaultdict
from dataclasses import dataclass, field, replace
from pathlib import Path
from statistics import fmean
from typing import Any

from benchmarks.histogram import Histogram
from benchmarks.scenario import Cell, Sample, Value
from benchmarks.spread import Spread, ratios, spread

FORMAT = 2
# Of these the ticks of all rounds together tell more than the median of the rounds.
_SHARES = {"user": 0, "system": 1}
_TICKS = 25  # of fewer, a share says nothing
# Of these, the latencies of all rounds together: a round has too few for its farthest percentiles.
_PERCENTILES = {"p50": 50.0, "p99": 99.0, "p999": 99.9}


@dataclass(frozen=True, slots=True)
class Record:
    """One sample, and of what it is."""

    cell: Cell
    contender: str
    round: int
    sample: Sample


@dataclass
class Results:
    """All samples of a run. about: the machine, the versions, how it was measured."""

    about: dict[str, Any]
    skipped: dict[str, str] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)

    def cells(self, scenario: str) -> list[Cell]:
        """Return the cells of a scenario of which there are samples, in order."""
        cells = {record.cell for record in self.records if record.cell.scenario == scenario}
        return sorted(cells, key=lambda cell: [_sortable(value) for _, value in cell.values])

    def contenders(self, cell: Cell) -> set[str]:
        """Return who was measured in a cell."""
        return {record.contender for record in self.records if record.cell == cell}

    def by_round(self, cell: Cell, contender: str, figure: str) -> dict[int, float]:
        """Return a figure's value in each round that has one: the mean, if it has two."""
        return _by_round(self._of(cell, contender), figure)

    def figure(self, cell: Cell, contender: str, figure: str) -> Spread | None:
        """Return what the rounds say of a figure; None if there is nothing."""
        if figure in _SHARES:
            return self._share(cell, contender, _SHARES[figure])
        found = spread(list(self.by_round(cell, contender, figure).values()))
        together = self._percentile(cell, contender, figure)
        return replace(found, median=together) if found and together else found

    def ratio(self, cell: Cell, contender: str, other: str, figure: str) -> Spread | None:
        """Return a contender's figure divided by another one's, round by round.

        Of all rounds, if the two have no steady one in common.
        """
        names = (contender, other)
        ours, theirs = (self._percentile(cell, name, figure) for name in names)
        steady = (_by_round(self._of(cell, name), figure) for name in names)
        every = (_by_round(self._every(cell, name), figure) for name in names)
        found = spread(ratios(*steady) or ratios(*every))
        return replace(found, median=ours / theirs) if found and ours and theirs else found

    def latency(self, cell: Cell, contender: str) -> Histogram:
        """Return the latencies of all rounds together, for `merged_latencies` has them in one."""
        together = Histogram()
        for record in self._every(cell, contender):
            together += record.sample.latency
        return together

    def is_steady(self, cell: Cell, contender: str) -> bool:
        """Tell whether the machine was itself in at least one round."""
        return any(record.sample.steady for record in self._of(cell, contender))

    def _of(self, cell: Cell, contender: str) -> list[Record]:
        """Return the samples that count: the steady ones, or all if there is none."""
        all_of_it = self._every(cell, contender)
        return [r for r in all_of_it if r.sample.steady] or all_of_it

    def _every(self, cell: Cell, contender: str) -> list[Record]:
        return [r for r in self.records if r.cell == cell and r.contender == contender]

    def _percentile(self, cell: Cell, contender: str, figure: str) -> float | None:
        """Return the microseconds that a figure of latency is of all rounds together."""
        share = _PERCENTILES.get(figure)
        found = None if share is None else self.latency(cell, contender).percentile(share)
        return None if found is None else found / 1e3

    def _share(self, cell: Cell, contender: str, which: int) -> Spread | None:
        """Return the user or system part of the processor time."""
        cpu = self.figure(cell, contender, "cpu")
        ticks = [record.sample.ticks for record in self._of(cell, contender)]
        total = sum(sum(pair) for pair in ticks)
        if cpu is None or total < _TICKS:
            return None
        share = sum(pair[which] for pair in ticks) / total
        within = cpu.within[0] * share, cpu.within[1] * share
        return Spread(cpu.median * share, cpu.low * share, cpu.high * share, cpu.rounds, within)


def _by_round(records: list[Record], figure: str) -> dict[int, float]:
    values: dict[int, list[float]] = defaultdict(list)
    for record in records:
        if figure in record.sample.figures:
            values[record.round].append(record.sample.figures[figure])
    return {number: fmean(found) for number, found in values.items()}


def _sortable(value: Value) -> list[tuple[int, str]]:
    """Return what a value is ordered by, numbers inside a text among them."""
    return [
        (int(part), "") if part.isdecimal() else (0, part)
        for part in re.split(r"([0-9]+)", str(value))
    ]


def save(results: Results, path: Path) -> None:
    """Write the results, a sample a line."""
    lines = [json.dumps(_plain(record), separators=(",", ":")) for record in results.records]
    head = json.dumps(
        {"format": FORMAT, "about": results.about, "skipped": results.skipped}, indent=1
    )
    body = ",\n  ".join(lines)
    path.parent.mkdir(parents=True, exist_ok=True)
    new = path.with_suffix(".new")
    try:
        new.write_text(f'{head[:-2]},\n "samples": [\n  {body}\n ]\n}}\n', encoding="utf-8")
        new.replace(path)  # on a full disk the former results stay
    finally:
        new.unlink(missing_ok=True)


def load(path: Path) -> Results:
    """Read what `save` has written; ValueError if it is anything else."""
    try:
        told = json.loads(path.read_text(encoding="utf-8"))
        found = told["format"]
        if found == FORMAT:
            records = [_record(row) for row in told["samples"]]
            return Results(told["about"], told["skipped"], records)
    except (ValueError, TypeError, KeyError) as error:
        raise ValueError(f"{path} holds no results of make bench: {error!r}") from error
    raise ValueError(f"{path} is of format {found}, not {FORMAT}")


def merged_latencies(records: list[Record]) -> list[Record]:
    """Keep each contender's latencies once for a cell, in its first record.

    They are most of a file, and nobody looks at those of a single round.
    """
    groups: dict[tuple[Cell, str], list[Record]] = defaultdict(list)
    for record in records:
        groups[record.cell, record.contender].append(record)
    for first, *others in groups.values():
        for other in others:
            latency = first.sample.latency
            latency += other.sample.latency
            other.sample.latency.clear()
    return records


def _plain(record: Record) -> dict[str, Any]:
    sample = record.sample
    return {
        "scenario": record.cell.scenario,
        "cell": dict(record.cell.values),
        "contender": record.contender,
        "round": record.round,
        "figures": {name: float(f"{value:.6g}") for name, value in sample.figures.items()},
        "ticks": sample.ticks,
        "flanks": sample.flanks and [round(reading) for reading in sample.flanks],
        "steady": sample.steady,
        "latency": sample.latency.pairs(),
    }


def _record(row: dict[str, Any]) -> Record:
    user, system = row["ticks"]
    before, behind = row["flanks"] or (0, 0)
    sample = Sample(
        row["figures"],
        (user, system),
        Histogram(map(tuple, row["latency"])),
        (before, behind) if row["flanks"] else None,
        row["steady"],
    )
    cell = Cell(row["scenario"], tuple(row["cell"].items()))
    return Record(cell, row["contender"], row["round"], sample)

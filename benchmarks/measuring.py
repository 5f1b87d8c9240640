"""Taking the samples, each while the machine is in the state that it wants."""

import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from typing import Protocol

from benchmarks.agenda import Agenda
from benchmarks.bench import Bench
from benchmarks.plan import Item
from benchmarks.processes import MeasureError
from benchmarks.results import Record
from benchmarks.scenario import Sample
from benchmarks.steadiness import Place, Steadiness

ATTEMPTS = 3
_CHANCES = 2
_PAUSE = 0.1


class Shown(Protocol):
    """What is told how far the run is."""

    def show(self, item: Item) -> None:
        """Say what is measured now."""

    def advance(self, number: int = 1) -> None:
        """Say that so many items are done with."""


@dataclass
class Measuring:
    """What is known so far.

    failures: why a contender could not be measured in a cell. failed: how often that was so.
    """

    bench: Bench
    records: list[Record] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)
    failed: Counter[str] = field(default_factory=Counter)
    repeated: int = 0
    clock: Callable[[], float] = time.monotonic
    _began: float = 0
    _spent: float = 0  # on first attempts, so many of them:
    _taken: int = 0

    def run(self, agenda: Agenda, shown: Shown) -> None:
        """Measure everything."""
        self._began = self.clock()
        with closing(self.bench.kept):
            while agenda:
                item = self._next(agenda, shown)
                if item is None:
                    continue
                shown.show(item)
                if self._take(agenda, item):
                    shown.advance()

    def _next(self, agenda: Agenda, shown: Shown) -> Item | None:
        """Return what comes next, or wait a moment and return None."""
        steadiness = self.bench.steadiness
        place = steadiness.place(steadiness.recent())
        item = agenda.take(place, stays=not steadiness.wanders)
        if item is not None:
            return item
        if steadiness.wanders and self._has_time(len(agenda)) and steadiness.wait(_PAUSE):
            steadiness.reading()
            return None
        if dropped := agenda.drop(Place.NEAR):
            shown.advance(len(dropped))
            title = dropped[0].scenario.title
            self.failures[title] = "the cores did not lie next to each other for long enough"
            return None
        return agenda.take_any()

    def _take(self, agenda: Agenda, item: Item) -> bool:
        """Take a sample; return False if it is to be taken again."""
        began = self.clock()
        sample = self._measure(item)
        elapsed = self.clock() - began
        if item.attempt == 0:
            self._spent += elapsed
            self._taken += 1
        if sample is None:
            return True
        place, steadiness = agenda.wanted(item), self.bench.steadiness
        if (
            not holds(steadiness, sample, place)
            and item.attempt < ATTEMPTS
            and steadiness.patience > 0
            and self._has_time(len(agenda) + 1)
        ):
            steadiness.patience -= elapsed
            self.repeated += 1
            agenda.put_back(replace(item, attempt=item.attempt + 1))
            return False
        self.records.append(Record(item.cell, item.contender.name, item.round, sample))
        return True

    def _has_time(self, samples: int) -> bool:
        """Tell whether so many more samples are likely to be done within the limit."""
        each = self._spent / self._taken if self._taken else 0.0
        return self.clock() - self._began + samples * each < self.bench.pace.limit

    def _measure(self, item: Item) -> Sample | None:
        """Take a sample, or note why there is none; who has failed twice is not tried again."""
        name = f"{item.contender.name}: {item.scenario.title}, {item.cell.label}".rstrip(", ")
        if self.failed[name] >= _CHANCES:
            return None
        try:
            self.bench.kept.begin(item.group)
            bench = self.bench.closely() if item.group else self.bench
            return item.scenario.measure(item.cell, item.contender, bench)
        except (MeasureError, OSError) as error:
            self.failed[name] += 1
            again = "then not tried again" if self.failed[name] == _CHANCES else "the others count"
            self.failures[name] = f"{error} (in {self.failed[name]} of the rounds, {again})"
            return None


def holds(steadiness: Steadiness, sample: Sample, place: Place | None) -> bool:
    """Tell whether the cores were where they have to be."""
    return place is None or sample.flanks is None or steadiness.holds(sample.flanks, place)


def judged(
    records: Sequence[Record], steadiness: Steadiness, places: dict[str, Place | None]
) -> list[Record]:
    """Return the records, each with what all readings of the run say of its steadiness.

    places: what each scenario wants. The first samples were taken before both states were known.
    """
    return [
        replace(
            record,
            sample=replace(
                record.sample,
                steady=holds(steadiness, record.sample, places[record.cell.scenario]),
            ),
        )
        for record in records
    ]

"""Taking the samples."""

from dataclasses import dataclass, field

from benchmarks.bench import Bench
from benchmarks.plan import Item
from benchmarks.processes import MeasureError
from benchmarks.results import Record


@dataclass
class Measuring:
    """What is known so far. failures: why a contender could not be measured in a cell."""

    bench: Bench
    records: list[Record] = field(default_factory=list)
    failures: dict[str, str] = field(default_factory=dict)

    def take(self, item: Item) -> None:
        """Take a sample and note it, or why there is none; who has failed is not tried again."""
        name = f"{item.contender.name}: {item.scenario.title}, {item.cell.label}".rstrip(", ")
        if name in self.failures:
            return
        try:
            sample = item.scenario.measure(item.cell, item.contender, self.bench)
        except (MeasureError, OSError) as error:
            self.failures[name] = str(error)
            return
        self.records.append(Record(item.cell, item.contender.name, item.round, sample))

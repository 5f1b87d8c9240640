"""What every measurement needs: programs that were built, two cores, and how long to measure."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.cores import Cores
from benchmarks.kept import Kept
from benchmarks.steadiness import Steadiness


@dataclass(frozen=True, slots=True)
class Programs:
    """The compiled programs; None is one that cannot be built here."""

    pinned: Path
    load: Path
    limit: Path
    dns_server: Path
    go_server: Path | None
    go_tasks: Path | None
    go_together: Path | None
    go_files: Path | None
    go_datagrams: Path | None
    go_lookups: Path | None


@dataclass(frozen=True, slots=True)
class Pace:
    """How long to measure; times in seconds.

    passes: so many short samples, `slice` long, are taken behind each round of each of whom the
        goals compare, in turn; the servers stay meanwhile.
    warmup: what is dropped at the beginning of each sample.
    share: of the number of operations of those scenarios that count operations.
    readings: how many of the machine's state are taken before anything is measured.
    patience: what may be spent waiting for the other state of the machine; see steadiness.py.
    limit: as long as the rest is likely to be done by then, counted from the first sample, there is
        time for that.
    """

    rounds: int
    passes: int
    slice: tuple[float, float]
    warmup: float
    seconds: float
    share: float
    readings: int
    patience: float
    limit: float


FULL = Pace(
    rounds=5,
    passes=12,
    slice=(0.03, 0.1),
    warmup=0.1,
    seconds=0.3,
    share=1.0,
    readings=100,
    patience=300,
    limit=26 * 60,
)
QUICK = Pace(
    rounds=2,
    passes=0,
    slice=(0.02, 0.07),
    warmup=0.02,
    seconds=0.07,
    share=0.1,
    readings=10,
    patience=5,
    limit=100,
)


@dataclass(frozen=True, slots=True)
class Bench:
    """Where and how to measure."""

    programs: Programs
    cores: Cores
    pace: Pace
    steadiness: Steadiness
    kept: Kept = field(default_factory=Kept)

    def closely(self) -> "Bench":
        """Return the same for short samples."""
        warmup, seconds = self.pace.slice
        return replace(self, pace=replace(self.pace, warmup=warmup, seconds=seconds))

"""Results that were never measured."""

from benchmarks.histogram import Histogram
from benchmarks.results import Record, Results
from benchmarks.scenario import Cell, Sample

SMALL = Cell("echo", (("size", 64), ("conns", 50)))
MANY = Cell("echo", (("size", 64), ("conns", 1000)))

FLANKS = (4500.0, 4600.0)

ABOUT = {
    "date": "2030-01-02",
    "quick": False,
    "near": False,
    "wanders": False,
    "probe_ns": [1500, 4500],
    "pace": {"rounds": 3, "seconds": 0.5},
    "minutes": 20.5,
    "one_core": False,
    "others": 0.25,
    "repeated": 7,
    "unsteady": 1,
    "machine": {
        "cores": 2,
        "processor": "Abacus",
        "virtual": True,
        "architecture": "x86_64",
        "memory_gib": 8,
        "kernel": "Linux 6.1",
        "python": "CPython 3.13.0",
        "compiler": "cc 12",
    },
    "versions": {"greenlet": "3.2.0"},
}


def record(
    contender: str,
    cpu: float,
    *,
    cell: Cell = SMALL,
    number: int = 0,
    ticks: tuple[int, int] = (20, 60),
    steady: bool = True,
) -> Record:
    """Return a sample with a processor time, and the rate that goes with it."""
    figures = {"cpu": cpu, "rate": 1e6 / cpu}
    latency = Histogram([(100, 5), (200 + number, 1)])
    return Record(cell, contender, number, Sample(figures, ticks, latency, FLANKS, steady))


def results(*records: Record) -> Results:
    """Return the results of a run that gave these."""
    return Results(dict(ABOUT), {"curio": "curio is not installed"}, list(records))

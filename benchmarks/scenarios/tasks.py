"""Goroutines by themselves, without a network."""

import json

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.processes import MeasureError, command_of, run_pinned
from benchmarks.scenario import Cell, Figure, Sample, Scenario
from benchmarks.tasks import GREENLET, KINDS, RUNTIMES, UNKNOWN_TO_GREENLET

OPERATIONS = {
    "switch": (300_000, 100_000),
    "spawn": (200_000, 50_000),
    "join": (100_000, 30_000),
    "million": (1_000_000, 100_000),
    "sleep": (100_000, 100_000),
}
"""How many the quick ones do, and how many the others, which take a multiple of the time."""
_FAST = ("netpoll", "go")


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Run one kind of work in a process of its own."""
    kind = cell.text("kind")
    fast, slow = OPERATIONS[kind]
    # greenlet's switch is what netpoll's is compared with.
    is_fast = contender.name in _FAST or (contender is GREENLET and kind == "switch")
    return run(bench, contender, kind, fast if is_fast else slow)


def run(bench: Bench, contender: Contender, kind: str, number: int) -> Sample:
    """Run a program that does so many operations, or the pace's share of them."""
    operations = int(number * bench.pace.share)
    command = command_of(bench.programs, contender, (kind, str(operations)))
    environment = dict(contender.environment)
    return parse(run_pinned(bench.programs, bench.cores.server, command, environment))


def applies(cell: Cell, contender: Contender) -> bool:
    """Tell whether a contender has what this kind of work is about."""
    return contender is not GREENLET or cell.text("kind") not in UNKNOWN_TO_GREENLET


def parse(text: str) -> Sample:
    """Return the figures of one line."""
    try:
        told = json.loads(text)
        operations = told["operations"]
        return Sample(
            {
                "cpu": told["cpu_ns"] / operations,
                "wall": told["wall_ns"] / operations,
                "peak": told["peak_kib"] * 1024 / operations,
            }
        )
    except (ValueError, KeyError, TypeError) as error:
        raise MeasureError(f"it said {text[:80]!r}") from error


TASKS = Scenario(
    name="tasks",
    title="Goroutines",
    about="Processor time of one operation: a switch; a start with the run to the end; the same and"
    " waiting for it; the same, but a million of them at once (100,000 for those who take longer);"
    " a sleep, 100,000 at once.",
    axes={"kind": KINDS},
    quick={"kind": KINDS[:3]},
    contenders=RUNTIMES,
    reference="netpoll",
    figures=(
        Figure("cpu", "CPU ns", 0),
        Figure("wall", "elapsed ns", 0),
        Figure("peak", "most memory, B", 0),
    ),
    measure=measure,
    applies=applies,
    cores=None,
)

"""Many names at once, from a name server next door."""

import json

from benchmarks.bench import Bench, Programs
from benchmarks.contenders import Contender
from benchmarks.lookups import RESOLVERS, SYSTEM, place
from benchmarks.processes import MeasureError, command_of, pinned, run_pinned
from benchmarks.scenario import Cell, Figure, Sample, Scenario


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Look them all up, in a process of its own."""
    programs, core = bench.programs, bench.cores.server
    prefix, reason = place.find(programs)
    if reason:
        raise MeasureError(reason)
    inner = pinned(programs, core, command_of(programs, contender, [cell.text("names")]))
    command = place.command(bench, prefix, *inner)
    environment = dict(contender.environment)
    text, flanks = bench.steadiness.around(
        lambda: run_pinned(programs, bench.cores.client, command, environment)
    )
    return Sample(parse(text), flanks=flanks)


def missing(programs: Programs) -> str:
    """Return why there can be no name server of our own; nothing if there can."""
    return place.find(programs)[1]


def parse(text: str) -> dict[str, float]:
    """Return the figures of one line."""
    try:
        told = json.loads(text)
        figures = {"wall": told["wall_ns"] / 1e6, "cpu": told["cpu_ns"] / 1e6}
        figures["each"] = told["cpu_ns"] / told["operations"] / 1e3
    except (ValueError, KeyError, TypeError, ZeroDivisionError) as error:
        raise MeasureError(f"it said {text[:80]!r}") from error
    return figures


LOOKUPS = Scenario(
    name="lookups",
    title="Looking names up",
    about="Each name is another one, all are asked for at once, and each has an IPv4 and an IPv6"
    " address, which are checked. The name server is a program in C on the other core.",
    axes={"names": (1000,)},
    quick={"names": (100,)},
    contenders=RESOLVERS,
    reference=SYSTEM.name,
    figures=(
        Figure("wall", "elapsed ms", 1),
        Figure("cpu", "CPU ms", 1),
        Figure("each", "CPU µs/name", 0),
    ),
    measure=measure,
    missing=missing,
)

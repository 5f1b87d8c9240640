"""The command: measure, save, show."""

import random
import time
from collections.abc import Sequence
from dataclasses import asdict, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks import machine, page, plan, plots, tables, terminal
from benchmarks.arguments import LAST, RESULTS, WHOLE, Options, parse
from benchmarks.bench import FULL, QUICK, Bench
from benchmarks.building import BuildError, build
from benchmarks.contenders import Contender
from benchmarks.cores import choose
from benchmarks.driving import read_yardstick
from benchmarks.measuring import Measuring
from benchmarks.neighbours import Neighbours
from benchmarks.results import Results, load, merged_latencies, save
from benchmarks.scenarios import SCENARIOS
from benchmarks.steadiness import FEW, MANY, Steadiness

_DETAILED = 3
"""So many cells of a scenario are shown with all their figures; of more, the chief figure only."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    options = parse(argv)
    try:
        if options.show is not None:
            report(load(options.show), None)
            return 0
        results = measure(options)
    except (BuildError, OSError, ValueError) as error:
        terminal.say(f"benchmark: {error}")
        return 1
    except KeyboardInterrupt:
        return 130
    place = RESULTS if options.is_whole else LAST
    file = WHOLE if options.is_whole else LAST / "results.json"
    save(results, file)
    report(results, place)
    if options.is_whole:
        page.update(results)
    return 0


def measure(options: Options) -> Results:
    """Take all samples."""
    terminal.say("building what is measured ...")
    programs, no_go = build()
    pace = QUICK if options.quick else FULL
    pace = replace(
        pace, rounds=options.rounds or pace.rounds, seconds=options.seconds or pace.seconds
    )
    contenders, skipped = plan.available(options.scenarios, options.contenders, programs)
    if "go" in skipped:
        skipped["go"] = no_go
    for name, reason in skipped.items():
        terminal.say(f"skipped: {name}, {reason}")
    cores = choose()
    steady = Steadiness(partial(read_yardstick, programs, cores), pace.patience, options.near)
    steady.begin(FEW if options.quick else MANY)
    measuring = Measuring(Bench(programs, cores, pace, steady))
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    about = _run(options, measuring, contenders, seed)
    for name, reason in measuring.failures.items():
        terminal.say(f"failed: {name}: {reason}")
    return Results(about, {**skipped, **measuring.failures}, merged_latencies(measuring.records))


def _run(
    options: Options, measuring: Measuring, contenders: list[Contender], seed: int
) -> dict[str, Any]:
    """Measure round by round and return what there is to say about the run."""
    pace = measuring.bench.pace
    work = {
        scenario: scenario.cells(quick=options.quick, chosen=options.chosen)
        for scenario in options.scenarios
        if scenario.possible(measuring.bench)
    }
    rounds = list(plan.rounds(work, contenders, pace.rounds, random.Random(seed)))  # noqa: S311 - an order
    neighbours, began = Neighbours(), time.monotonic()
    with terminal.progress(sum(map(len, rounds))) as bar:
        for number, items in enumerate(rounds, 1):
            bar.begin(number, len(rounds))
            for item in items:
                bar.show(item)
                measuring.take(item)
                bar.advance()
    steady = measuring.bench.steadiness
    kernel, crossing = steady.ordinary()
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "quick": options.quick,
        "near": options.near,
        "moves": steady.moves,
        "pace": asdict(pace),
        "seed": seed,
        "minutes": round((time.monotonic() - began) / 60, 1),
        "one_core": not measuring.bench.cores.apart,
        "others": round(neighbours.share(), 3),
        "repeated": steady.repeated,
        "unsteady": steady.unsteady,
        "yardstick": {"kernel_ns": kernel, "crossing_ns": crossing},
        "machine": machine.describe(),
        "versions": machine.versions(contenders),
    }


def report(results: Results, place: Path | None) -> None:
    """Show the tables, and draw the plots where there is a place for them."""
    for scenario in SCENARIOS:
        cells = results.cells(scenario.name)
        if len(cells) > _DETAILED:
            terminal.show([tables.matrix(results, scenario)])
        else:
            terminal.show([tables.detail(results, scenario, cell) for cell in cells])
    goals = tables.goals(results)
    if goals.rows:
        terminal.show([goals])
    for line in page.conditions(results):
        terminal.say(line)
    if place is not None:
        plots.draw(results, place)
        terminal.say(f"results and plots: {_relative(place)}")


def _relative(place: Path) -> Path:
    return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place

"""The command: measure, save, show."""

import random
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from pathlib import Path
from tempfile import TemporaryFile
from typing import Any

from benchmarks import machine, page, plan, plots, tables, terminal
from benchmarks.agenda import Agenda
from benchmarks.arguments import LAST, RESULTS, WHOLE, Options, parse
from benchmarks.bench import FULL, QUICK, Bench, Pace, Programs
from benchmarks.building import BuildError, build
from benchmarks.contenders import Contender
from benchmarks.cores import Cores, choose
from benchmarks.driving import READ_SIZE, probe
from benchmarks.measuring import Measuring, judged
from benchmarks.neighbours import Neighbours
from benchmarks.peers import LIMIT
from benchmarks.processes import MeasureError, serving
from benchmarks.results import Results, load, merged_latencies, save
from benchmarks.scenarios import SCENARIOS
from benchmarks.steadiness import Steadiness

_PAUSE = 0.03


def main(argv: Sequence[str] | None = None) -> int:
    """Run the benchmark and return the exit status."""
    options = parse(argv)
    try:
        if options.show is not None:
            report(load(options.show), None)
            return 0
        place = RESULTS if options.is_whole else LAST
        assert_writable(place)
        results = measure(options)
    except (BuildError, MeasureError, OSError, ValueError) as error:
        terminal.say(f"benchmark: {error}")
        return 1
    except KeyboardInterrupt:
        terminal.say("benchmark: interrupted, nothing is saved")
        return 130
    file = WHOLE if options.is_whole else LAST / "results.json"
    try:
        # Before anything is shown: who looks at the first lines only has the rest all the same.
        save(results, file)
        plots.draw(results, place)
        if options.is_whole:
            page.update(results)
    except OSError as error:
        report(results, None)
        terminal.say(f"benchmark: {error}")
        return 1
    report(results, place)
    return 0


def assert_writable(place: Path) -> None:
    """Raise OSError if results cannot be written there, before anything is measured."""
    place.mkdir(parents=True, exist_ok=True)
    with TemporaryFile(dir=place):
        pass


def measure(options: Options) -> Results:
    """Take all samples."""
    terminal.say("building what is measured ...")
    programs, no_go = build()
    began = time.monotonic()
    pace = QUICK if options.quick else FULL
    pace = replace(pace, seconds=options.seconds or pace.seconds)
    if options.rounds is not None:
        pace = replace(pace, rounds=options.rounds, passes=0)
    scenarios, absent = plan.possible(options.scenarios, programs)
    contenders, skipped = plan.available(scenarios, options.contenders, programs)
    if "go" in skipped and no_go:
        skipped["go"] = no_go
    skipped |= absent
    for name, reason in skipped.items():
        terminal.say(f"skipped: {name} ({reason})")
    with watching(programs, choose(), pace) as bench:
        measuring = Measuring(bench)
        about = _run(replace(options, scenarios=scenarios), measuring, contenders)
    about["minutes"] = round((time.monotonic() - began) / 60, 1)
    for name, reason in measuring.failures.items():
        terminal.say(f"not measured: {name}: {reason}")
    return Results(about, {**skipped, **measuring.failures}, merged_latencies(measuring.records))


@contextmanager
def watching(programs: Programs, cores: Cores, pace: Pace) -> Iterator[Bench]:
    """Watch the state of the machine while the block runs, by a server that stays for it."""
    steadiness = Steadiness(lambda: probe(bench, server), pace.patience)
    bench = Bench(programs, cores, pace, steadiness)
    with serving(bench, LIMIT, "echo", READ_SIZE) as server:
        steadiness.begin(pace.readings, _PAUSE)
        yield bench


def _run(options: Options, measuring: Measuring, contenders: list[Contender]) -> dict[str, Any]:
    """Measure round by round and return what there is to say about the run."""
    pace, steadiness = measuring.bench.pace, measuring.bench.steadiness
    work = {
        scenario: scenario.cells(quick=options.quick, chosen=options.chosen)
        for scenario in options.scenarios
    }
    seed = random.SystemRandom().randrange(1 << 32) if options.seed is None else options.seed
    items = plan.rounds(work, contenders, pace, random.Random(seed))  # noqa: S311 - an order
    agenda = Agenda(items, near=options.near)
    neighbours = Neighbours()
    with terminal.progress(len(agenda)) as bar:
        measuring.run(agenda, bar)
    places = {item.scenario.name: agenda.wanted(item) for item in items}
    measuring.records = judged(measuring.records, steadiness, places)
    low, high = steadiness.extremes()
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "quick": options.quick,
        "near": options.near,
        "wanders": steadiness.wanders,
        "probe_ns": [round(low), round(high)],
        "pace": asdict(pace),
        "seed": seed,
        "one_core": not measuring.bench.cores.apart,
        "others": round(neighbours.share(), 3),
        "repeated": measuring.repeated,
        "unsteady": sum(not record.sample.steady for record in measuring.records),
        "commit": machine.commit(),
        "machine": machine.describe(),
        "versions": machine.versions(contenders),
    }


def report(results: Results, place: Path | None) -> None:
    """Show the tables, and say where the plots are."""
    if results.about["quick"]:
        terminal.remark(page.QUICK)
    for scenario in SCENARIOS:
        terminal.show(tables.all_of(results, scenario))
    goals = tables.goals(results)
    if goals.rows:
        terminal.show([goals])
    for line in page.conditions(results):
        terminal.say(line)
    if place is not None:
        terminal.say(f"results and plots: {_relative(place)}")


def _relative(place: Path) -> Path:
    return place.relative_to(Path.cwd()) if place.is_relative_to(Path.cwd()) else place

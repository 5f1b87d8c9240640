"""The order in which samples are taken while the machine changes between two states."""

from dataclasses import replace

import pytest

from benchmarks.agenda import Agenda
from benchmarks.bench import QUICK, Bench, Programs
from benchmarks.contenders import Contender
from benchmarks.cores import Cores
from benchmarks.measuring import ATTEMPTS, Measuring, judged
from benchmarks.plan import Item
from benchmarks.processes import MeasureError
from benchmarks.scenario import Cell, Sample, Scenario
from benchmarks.scenarios.echo import ECHO, NEAR
from benchmarks.scenarios.tasks import TASKS
from benchmarks.steadiness import Place, Steadiness

LOW, HIGH = 1500.0, 4500.0


class Machine:
    """Is near or far by a script, one letter a reading: N or F; the last one stays."""

    def __init__(self, script: str) -> None:
        self.script = list(script)

    def read(self) -> float:
        letter = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        return LOW if letter == "N" else HIGH


class Told:
    """Counts what it is told."""

    def __init__(self) -> None:
        self.shown: list[str] = []
        self.done = 0

    def show(self, item: Item) -> None:
        self.shown.append(item.scenario.name)

    def advance(self, number: int = 1) -> None:
        self.done += number


def bench(programs: Programs, script: str, patience: float = 10) -> Bench:
    """Return a bench on a machine of which both states are known; no reading is ever fresh."""
    machine = Machine("NF" * 10 + script)
    now = iter(range(10_000_000))
    steady = Steadiness(machine.read, patience, sleep=lambda _: None, clock=lambda: next(now))
    steady.begin(20, 0)
    return Bench(programs, Cores(1, 0), QUICK, steady)


def measured(scenario: Scenario) -> Scenario:
    """Return the scenario, with a measurement that takes no time."""

    def measure(_cell: Cell, _contender: object, bench: Bench) -> Sample:
        if scenario.cores is None:
            return Sample({"cpu": 1.0})
        before = bench.steadiness.recent()
        return Sample({"cpu": 1.0}, flanks=(before, bench.steadiness.reading()))

    return replace(scenario, measure=measure)


def items(*scenarios: Scenario) -> list[Item]:
    return [
        Item(scenario, scenario.cells(quick=False, chosen={})[0], scenario.contenders[0], 0)
        for scenario in map(measured, scenarios)
    ]


def taken(
    programs: Programs, script: str, *scenarios: Scenario, patience: float = 10
) -> tuple[list[str], Measuring, Told]:
    measuring, told = Measuring(bench(programs, script, patience)), Told()
    agenda = Agenda(items(*scenarios))
    total = len(agenda)
    measuring.run(agenda, told)
    assert told.done == total
    return [record.cell.scenario for record in measuring.records], measuring, told


def test_what_fits_the_state_is_taken_first(nothing_in_go: Programs) -> None:
    order, measuring, _ = taken(nothing_in_go, "NNNFFFF", ECHO, TASKS, NEAR)
    assert order == ["near", "echo", "tasks"]
    assert measuring.repeated == 0


def test_what_needs_one_core_fills_the_time_until_the_state_is_another(
    nothing_in_go: Programs,
) -> None:
    order, measuring, _ = taken(nothing_in_go, "NNNNFFF", ECHO, TASKS, TASKS)
    assert order == ["tasks", "tasks", "echo"]
    assert all(record.sample.steady for record in measuring.records)


def test_a_sample_during_which_the_state_changed_is_taken_again(nothing_in_go: Programs) -> None:
    order, measuring, told = taken(nothing_in_go, "FFNNNNFFF", ECHO, TASKS)
    assert told.shown == ["echo", "tasks", "echo"]
    assert order == ["tasks", "echo"]
    assert measuring.repeated == 1


def test_after_some_attempts_a_sample_is_kept_as_it_is(nothing_in_go: Programs) -> None:
    order, measuring, told = taken(nothing_in_go, "FFN" * 10, ECHO)
    assert order == ["echo"]
    assert told.shown == ["echo"] * (ATTEMPTS + 1)
    assert measuring.repeated == ATTEMPTS


def test_without_patience_it_is_taken_in_the_wrong_state(nothing_in_go: Programs) -> None:
    order, measuring, _ = taken(nothing_in_go, "N", ECHO, ECHO, patience=0)
    assert order == ["echo", "echo"]
    places: dict[str, Place | None] = {"echo": Place.FAR}
    found = judged(measuring.records, measuring.bench.steadiness, places)
    assert not any(record.sample.steady for record in found)


@pytest.mark.parametrize(("limit", "repeated"), [(5.5, 1), (4.5, 0)])
def test_a_sample_is_taken_again_only_while_the_rest_has_time(
    nothing_in_go: Programs, limit: float, repeated: int
) -> None:
    """A second each: one taken, three left, and the same once more."""
    its = bench(nothing_in_go, "FFN" + "F" * 20)
    seconds = 0.0

    def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
        nonlocal seconds
        seconds += 1
        return timeless.scenario.measure(cell, contender, bench)

    timeless, *_ = items(ECHO)
    scenario = replace(timeless.scenario, measure=measure)
    measuring = Measuring(replace(its, pace=replace(its.pace, limit=limit)), clock=lambda: seconds)
    measuring.run(Agenda([replace(timeless, scenario=scenario)] * 4), Told())
    assert measuring.repeated == repeated
    assert len(measuring.records) == 4


def test_without_patience_what_wants_the_rarer_state_is_left_out_and_said_so(
    nothing_in_go: Programs,
) -> None:
    order, measuring, _ = taken(nothing_in_go, "F", ECHO, NEAR, patience=0)
    assert order == ["echo"]
    assert list(measuring.failures) == [NEAR.title]


def test_all_readings_of_a_run_judge_its_first_samples(nothing_in_go: Programs) -> None:
    """Before the other state was seen, everything looked usual."""
    steady = Steadiness(lambda: LOW, 10, sleep=lambda _: None)
    steady.begin(5, 0)
    measuring = Measuring(Bench(nothing_in_go, Cores(1, 0), QUICK, steady))
    measuring.run(Agenda(items(ECHO, TASKS)), Told())
    steady.readings += [HIGH] * 5
    places = {"echo": Place.FAR, "tasks": None}
    found = judged(measuring.records, steady, places)
    assert {r.cell.scenario: r.sample.steady for r in found} == {"echo": False, "tasks": True}


def test_the_other_way_round_near_ones_can_be_asked_for() -> None:
    (item, other) = items(ECHO, TASKS)
    agenda = Agenda([item, other], near=True)
    assert (agenda.wanted(item), agenda.wanted(other)) == (Place.NEAR, None)
    assert agenda.take(Place.FAR) is other
    assert agenda.take(Place.FAR) is None
    assert agenda.take(Place.NEAR) is item


@pytest.mark.parametrize("error", [MeasureError("it fell over"), OSError("it fell over")])
def test_who_has_failed_twice_in_a_cell_is_not_tried_there_again(
    error: Exception, nothing_in_go: Programs
) -> None:
    tried: list[int] = []

    def fail(_cell: Cell, _contender: object, _bench: Bench) -> Sample:
        tried.append(1)
        raise error

    scenario = replace(ECHO, measure=fail)
    cell, contender = scenario.cells(quick=False, chosen={})[0], scenario.contenders[0]
    measuring, told = Measuring(bench(nothing_in_go, "F")), Told()
    measuring.run(Agenda(Item(scenario, cell, contender, n) for n in range(3)), told)
    assert (len(tried), told.done, measuring.records) == (2, 3, [])
    assert list(measuring.failures.values()) == [
        "it fell over (in 2 of the rounds, then not tried again)"
    ]


def test_one_failure_leaves_the_other_rounds_and_is_told(nothing_in_go: Programs) -> None:
    tried: list[int] = []

    def fail_first(_cell: Cell, _contender: object, _bench: Bench) -> Sample:
        tried.append(1)
        if len(tried) == 1:
            raise MeasureError("too slow")
        return Sample({"cpu": 1.0})

    scenario = replace(ECHO, measure=fail_first)
    cell, contender = scenario.cells(quick=False, chosen={})[0], scenario.contenders[0]
    measuring = Measuring(bench(nothing_in_go, "F"))
    measuring.run(Agenda(Item(scenario, cell, contender, n) for n in range(3)), Told())
    assert [record.round for record in measuring.records] == [1, 2]
    (reason,) = measuring.failures.values()
    assert reason == "too slow (in 1 of the rounds, the others count)"


def test_where_the_cores_stay_everything_comes_in_the_order_of_the_rounds() -> None:
    planned = items(ECHO, TASKS) + items(ECHO, TASKS)
    agenda = Agenda(planned)
    taken = [agenda.take(Place.FAR, stays=True) for _ in planned]
    assert taken == planned
    agenda = Agenda(planned)
    first = agenda.take(Place.FAR)
    assert first is not None
    agenda.put_back(first)
    assert agenda.take(Place.FAR, stays=True) is first

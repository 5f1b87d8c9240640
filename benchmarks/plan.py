"""What is to be measured, in which order."""

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from benchmarks.bench import Pace, Programs
from benchmarks.contenders import Contender
from benchmarks.scenario import Cell, Scenario
from benchmarks.steadiness import Place
from benchmarks.targets import compared


@dataclass(frozen=True, slots=True)
class Item:
    """One sample to be taken.

    attempt: how often it was taken before, with the cores elsewhere.
    group: samples of one group are short ones, of servers that stay.
    """

    scenario: Scenario
    cell: Cell
    contender: Contender
    round: int
    attempt: int = 0
    group: tuple[Cell, int] | None = None


def possible(
    scenarios: Sequence[Scenario], programs: Programs
) -> tuple[tuple[Scenario, ...], dict[str, str]]:
    """Return the scenarios that can be measured here, and why the others cannot."""
    missing = {s.title: reason for s in scenarios if (reason := s.missing(programs))}
    return tuple(s for s in scenarios if s.title not in missing), missing


def available(
    scenarios: Sequence[Scenario], wanted: Sequence[str], programs: Programs
) -> tuple[list[Contender], dict[str, str]]:
    """Return who can be measured, and why the others cannot.

    wanted: names; all if there are none. netpoll and who is a reference are measured in any case.
    """
    always = {"netpoll", *(scenario.reference for scenario in scenarios)}
    everybody = {contender: None for scenario in scenarios for contender in scenario.contenders}
    chosen = [c for c in everybody if not wanted or c.name in wanted or c.name in always]
    missing = {c: reason for c in chosen if (reason := c.missing(programs))}
    skipped = {c.name: reason for c, reason in missing.items()}
    return [c for c in chosen if c not in missing], skipped


def rounds(
    work: Mapping[Scenario, Sequence[Cell]],
    contenders: Sequence[Contender],
    pace: Pace,
    source: random.Random,
) -> list[Item]:
    """Return the items of all rounds.

    In each round the cells come in random order, and in each cell the contenders. Those of one cell
    follow one another, for they are compared round by round; where two cores take part, the
    reference is measured twice, at the beginning and at the end. Behind each round, what the goals
    compare is measured closely; each pass of that is a round of its own.
    """
    items: list[Item] = []
    passes = count()
    for _ in range(pace.rounds):
        items += _round(work, contenders, next(passes), source)
        items += _close(work, contenders, [next(passes) for _ in range(pace.passes)], source)
    return items


def _round(
    work: Mapping[Scenario, Sequence[Cell]],
    contenders: Sequence[Contender],
    number: int,
    source: random.Random,
) -> Iterator[Item]:
    for scenario, cell in _shuffled(work, source):
        for contender in _in_order(scenario, cell, contenders, source):
            yield Item(scenario, cell, contender, number)


def _close(
    work: Mapping[Scenario, Sequence[Cell]],
    contenders: Sequence[Contender],
    numbers: Sequence[int],
    source: random.Random,
) -> Iterator[Item]:
    """Return the items of some passes; of one only where each sample is a program of its own."""
    for scenario, cell in _shuffled(work, source):
        if scenario.cores is Place.NEAR:
            continue  # nobody waits for the rarer state for that
        these = [contender for contender in contenders if contender.name in compared(cell)]
        for number in numbers if scenario.cores else numbers[:1]:
            for contender in _in_order(scenario, cell, these, source):
                yield Item(scenario, cell, contender, number, group=(cell, numbers[0]))


def _shuffled(
    work: Mapping[Scenario, Sequence[Cell]], source: random.Random
) -> list[tuple[Scenario, Cell]]:
    cells = [(scenario, cell) for scenario, of_it in work.items() for cell in of_it]
    source.shuffle(cells)
    return cells


def _in_order(
    scenario: Scenario, cell: Cell, contenders: Sequence[Contender], source: random.Random
) -> list[Contender]:
    takes_part = [
        contender
        for contender in scenario.contenders
        if contender in contenders and scenario.applies(cell, contender)
    ]
    source.shuffle(takes_part)
    if scenario.cores is None:
        return takes_part
    reference = [contender for contender in takes_part if contender.name == scenario.reference]
    others = [contender for contender in takes_part if contender not in reference]
    return reference + others + reference

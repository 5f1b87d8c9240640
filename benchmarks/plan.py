"""What is to be measured, in which order."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.bench import Pace, Programs
from benchmarks.contenders import Contender
from benchmarks.scenario import Cell, Scenario
from benchmarks.steadiness import Place
from benchmarks.targets import compared


@dataclass(frozen=True, slots=True)
class Item:
    """One sample to be taken. attempt: how often it was taken before, with the cores elsewhere."""

    scenario: Scenario
    cell: Cell
    contender: Contender
    round: int
    attempt: int = 0


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
    reference is measured twice, at the beginning and at the end. Each round is followed by some of
    what the goals compare alone, for that is what a few per cent matter for.
    """
    items = []
    for index in range(pace.rounds * (1 + pace.more)):
        closely = index % (1 + pace.more) != 0
        cells = [(scenario, cell) for scenario, of_it in work.items() for cell in of_it]
        source.shuffle(cells)
        for scenario, cell in cells:
            takes_part = [
                contender
                for contender in scenario.contenders
                if contender in contenders
                and scenario.applies(cell, contender)
                and (not closely or _is_compared(scenario, cell, contender))
            ]
            order = _in_order(scenario, takes_part, source)
            items += [Item(scenario, cell, contender, index) for contender in order]
    return items


def _is_compared(scenario: Scenario, cell: Cell, contender: Contender) -> bool:
    """Tell whether a goal is a ratio of this one's. Nobody waits for the rarer state for that."""
    return scenario.cores is not Place.NEAR and contender.name in compared(cell)


def _in_order(
    scenario: Scenario, takes_part: list[Contender], source: random.Random
) -> list[Contender]:
    source.shuffle(takes_part)
    if scenario.cores is None:
        return takes_part
    reference = [contender for contender in takes_part if contender.name == scenario.reference]
    others = [contender for contender in takes_part if contender not in reference]
    return reference + others + reference

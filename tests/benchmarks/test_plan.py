import random
from collections import Counter
from dataclasses import replace
from itertools import groupby
from pathlib import Path

from benchmarks import plan
from benchmarks.bench import QUICK, Programs
from benchmarks.contenders import Contender
from benchmarks.peers.files import GO as GO_FILES
from benchmarks.plan import Item
from benchmarks.scenario import Scenario
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.echo import ECHO, NEAR
from benchmarks.scenarios.sendfile import SENDFILES
from benchmarks.scenarios.tasks import TASKS
from benchmarks.tasks import GREENLET


def planned(number: int, seed: int, *scenarios: Scenario, passes: int = 0) -> list[list[Item]]:
    """Return the items of each round."""
    work = {scenario: scenario.cells(quick=False, chosen={}) for scenario in scenarios}
    contenders = [c for scenario in scenarios for c in scenario.contenders]
    pace = replace(QUICK, rounds=number, passes=passes)
    items = plan.rounds(work, contenders, pace, random.Random(seed))
    by_number = sorted(items, key=lambda item: item.round)  # keeps their order otherwise
    return [list(of_it) for _, of_it in groupby(by_number, key=lambda item: item.round)]


def names(items: list[Item]) -> list[tuple[str, str]]:
    return [(item.cell.label, item.contender.name) for item in items]


def test_each_round_measures_everybody_in_every_cell_once_and_the_reference_twice() -> None:
    for number, items in enumerate(planned(3, 1, ECHO)):
        counts = Counter(names(items))
        assert len(counts) == 12 * len(ECHO.contenders)
        for (_, contender), count in counts.items():
            assert count == (2 if contender == ECHO.reference else 1)
        assert {item.round for item in items} == {number}


def test_what_the_goals_compare_is_measured_closely_as_well() -> None:
    first, *closely, third = planned(2, 1, ECHO, NEAR, TASKS, passes=3)[:5]
    assert [len(first), first[0].group] == [len(third), None]
    assert sorted(names(first)) == sorted(names(planned(1, 1, ECHO, NEAR, TASKS)[0]))
    ours, limit, go = "netpoll", "limit", "go"
    several = [
        *(("64 B, 50 connections", who) for who in (ours, limit, limit, go)),
        *(("64 B, 50 connections", who) for who in ("uvloop-protocol", "gevent")),
        *(("64 B, 1,000 connections", who) for who in (ours, limit, limit, go)),
        *(("16 KiB, 50 connections", who) for who in (ours, limit, limit, go)),
    ]
    once = [("switch", ours), ("switch", "greenlet"), ("spawn", ours)]
    for number, items in enumerate(closely):
        assert sorted(names(items)) == sorted(several if number else several + once)
        assert all(item.scenario is not NEAR for item in items)
        assert {item.group for item in items} == {(item.cell, 1) for item in items}


def test_the_reference_comes_first_and_last_where_two_cores_take_part() -> None:
    (items,) = planned(1, 1, ECHO, TASKS)
    for cell, of_it in groupby(items, key=lambda item: item.cell):
        order = [item.contender.name for item in of_it]
        if cell.scenario == ECHO.name:
            assert order[0] == order[-1] == ECHO.reference
        else:
            assert order.count(TASKS.reference) == 1


def test_those_of_one_cell_follow_one_another() -> None:
    (items,) = planned(1, 1, ECHO, TASKS)
    cells = [cell for cell, _ in groupby(item.cell for item in items)]
    assert len(cells) == len(set(cells))


def test_rounds_have_the_cells_in_different_orders() -> None:
    orders = [
        [cell for cell, _ in groupby(item.cell for item in items)] for items in planned(2, 1, ECHO)
    ]
    assert orders[0] != orders[1]
    assert set(orders[0]) == set(orders[1])


def test_rounds_have_different_orders_and_a_seed_repeats_them() -> None:
    first, second = planned(2, 1, ECHO)
    assert names(first) != names(second)
    assert planned(2, 1, ECHO) == [first, second]
    assert planned(2, 2, ECHO) != [first, second]


def test_nobody_is_measured_where_it_does_not_apply() -> None:
    (items,) = planned(1, 1, TASKS)
    kinds = {item.cell.text("kind") for item in items if item.contender is GREENLET}
    assert kinds == {"switch", "spawn", "million"}


def test_who_is_missing_is_skipped_with_a_reason(nothing_in_go: Programs) -> None:
    contenders, skipped = plan.available(SCENARIOS, [], nothing_in_go)
    assert skipped["go"] == "it was not built"
    assert "go" not in {c.name for c in contenders}


def test_one_that_was_not_built_is_missing_where_it_is_needed_and_nowhere_else(
    nothing_in_go: Programs,
) -> None:
    programs = replace(nothing_in_go, go_files=Path("there"))
    contenders, skipped = plan.available([ECHO, SENDFILES], [], programs)
    assert skipped["go"] == "it was not built"
    assert [c for c in contenders if c.name == "go"] == [GO_FILES]


def test_a_scenario_for_which_something_is_missing_is_left_out_with_a_reason(
    nothing_in_go: Programs,
) -> None:
    impossible = replace(TASKS, missing=lambda _: "no time")
    assert plan.possible([ECHO, impossible], nothing_in_go) == ((ECHO,), {TASKS.title: "no time"})


def test_netpoll_and_the_reference_are_measured_even_if_nobody_asked_for_them(
    nothing_in_go: Programs,
) -> None:
    contenders, _ = plan.available([ECHO], ["threads"], nothing_in_go)
    assert [c.name for c in contenders] == ["limit", "netpoll", "threads"]


def test_contenders_of_the_same_name_are_all_wanted(nothing_in_go: Programs) -> None:
    contenders, _ = plan.available([ECHO, TASKS], ["netpoll"], nothing_in_go)
    assert [c.name for c in contenders] == ["limit", "netpoll", "netpoll"]
    assert all(isinstance(c, Contender) for c in contenders)

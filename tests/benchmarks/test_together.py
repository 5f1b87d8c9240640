"""The programs in which goroutines, tasks, greenlets and threads work together."""

import json
import os
import subprocess
from dataclasses import replace

import pytest

from benchmarks import building
from benchmarks.bench import FULL, QUICK, Pace, Programs
from benchmarks.contenders import Contender
from benchmarks.scenario import Cell
from benchmarks.scenarios.tasks import parse
from benchmarks.scenarios.together import OPERATIONS, TOGETHER, applies, operations
from benchmarks.together import CONTENDERS, KINDS, PRODUCERS, RIVALS, UNKNOWN

NUMBER = 2000
BY_NAME = {contender.name: contender for contender in CONTENDERS}
IN_PYTHON = [contender for contender in CONTENDERS if contender.name != "go"]
CELLS = TOGETHER.cells(quick=False, chosen={})


def run(command: list[str], kind: str, **environment: str) -> str:
    """Run a program to its end and return what it prints."""
    done = subprocess.run(
        [*command, kind, str(NUMBER)],
        cwd=building.HERE.parent,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_measured(line: str) -> None:
    """Check that a line tells of so many operations as were asked for, and of their time."""
    assert json.loads(line)["operations"] == NUMBER
    figures = parse(line).figures
    assert 0 < figures["cpu"] < 1e9
    assert 0 < figures["wall"] < 1e9
    assert figures["peak"] >= 0


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.label)
@pytest.mark.parametrize("peer", IN_PYTHON, ids=lambda peer: peer.name)
def test_each_program_does_each_kind_that_it_is_asked_for(
    peer: Contender, cell: Cell, nothing_in_go: Programs
) -> None:
    if not applies(cell, peer):
        return
    if reason := peer.missing(nothing_in_go):
        pytest.skip(reason)
    command = peer.command(nothing_in_go)
    assert command is not None
    assert_measured(run(command, cell.text("kind")))


@pytest.mark.timeout(300)  # the first time it compiles Go's own library
def test_the_program_in_go_does_each_kind_that_it_is_asked_for(nothing_in_go: Programs) -> None:
    place = building.GO_PROGRAMS["together"]
    program, reason = building.build_go("go-together", place / "go_together" / "main.go")
    if building.find_go() is None:
        pytest.skip(reason)
    assert program is not None, reason
    go = BY_NAME["go"]
    command = go.command(replace(nothing_in_go, go_together=program))
    assert command == [str(program)]
    for cell in CELLS:
        if applies(cell, go):
            assert_measured(run(command, cell.text("kind"), **dict(go.environment)))


def test_nobody_is_asked_for_what_it_has_not() -> None:
    asked = {
        name: [cell.text("kind") for cell in CELLS if applies(cell, contender)]
        for name, contender in BY_NAME.items()
    }
    assert asked["netpoll"] == asked["asyncio"] == list(KINDS)
    for name in ("gevent", "trio", "threads"):
        assert not [kind for kind in asked[name] if kind.startswith("select")]
    assert {kind for kind in KINDS if kind not in asked["go"]} == {"blocking"}
    assert set(UNKNOWN) <= set(BY_NAME)
    assert all(kinds <= set(KINDS) for kinds in UNKNOWN.values())


def test_each_kind_has_its_numbers_and_the_slower_ones_do_no_more() -> None:
    assert tuple(OPERATIONS) == KINDS
    for kind, (fast, slow) in OPERATIONS.items():
        assert operations(kind, BY_NAME["netpoll"]) == operations(kind, BY_NAME["go"]) == fast
        assert operations(kind, BY_NAME["trio"]) == slow <= fast


@pytest.mark.parametrize("pace", [FULL, QUICK], ids=["full", "quick"])
@pytest.mark.parametrize(("kind", "parties"), [("contended lock", RIVALS), ("fan-in", PRODUCERS)])
def test_what_is_shared_out_among_many_is_shared_out_without_a_rest(
    kind: str, parties: int, pace: Pace
) -> None:
    for number in OPERATIONS[kind]:
        each, rest = divmod(int(number * pace.share), parties)
        assert each > 0
        assert rest == 0


def test_a_quick_run_has_channels_select_locks_and_threads() -> None:
    kinds = {cell.text("kind") for cell in TOGETHER.cells(quick=True, chosen={})}
    assert {"hand-over", "select of 2", "lock", "blocking"} <= kinds
    assert kinds < set(KINDS)


def test_the_million_is_a_million_and_the_timers_are_all_of_them() -> None:
    assert OPERATIONS["wait group"][0] == 1_000_000
    assert OPERATIONS["timers"] == (100_000, 100_000)

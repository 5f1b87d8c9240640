from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import building
from benchmarks.bench import Programs
from benchmarks.contenders import Contender, in_go
from benchmarks.peers import SERVERS
from benchmarks.scenario import Axes, Cell, Scenario
from benchmarks.scenarios import SCENARIOS
from benchmarks.scenarios.echo import ECHO
from benchmarks.scenarios.tasks import TASKS, applies, parse
from benchmarks.targets import TARGETS
from benchmarks.tasks import GREENLET

each_scenario = pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.name)


def test_no_two_scenarios_have_the_same_name() -> None:
    assert len({scenario.name for scenario in SCENARIOS}) == len(SCENARIOS)


@each_scenario
def test_contenders_are_told_apart_by_name_and_label(scenario: Scenario) -> None:
    assert len({c.name for c in scenario.contenders}) == len(scenario.contenders)
    assert len({c.label for c in scenario.contenders}) == len(scenario.contenders)


@each_scenario
def test_the_reference_and_netpoll_take_part(scenario: Scenario) -> None:
    assert {scenario.reference, "netpoll"} <= {c.name for c in scenario.contenders}


@each_scenario
def test_a_quick_run_has_the_same_axes_and_no_more_cells(scenario: Scenario) -> None:
    assert list(scenario.quick) == list(scenario.axes)
    whole, quick = (scenario.cells(quick=quick, chosen={}) for quick in (False, True))
    assert 1 <= len(quick) <= len(whole)


@each_scenario
def test_cells_are_told_apart_by_their_labels(scenario: Scenario) -> None:
    cells = scenario.cells(quick=False, chosen={})
    assert len({cell.label for cell in cells}) == len(cells)


def test_cells_are_all_combinations() -> None:
    cells = ECHO.cells(quick=False, chosen={})
    assert len(cells) == 12
    assert Cell("echo", (("size", 16384), ("conns", 5000))) in cells


def test_chosen_values_take_the_place_of_an_axis() -> None:
    chosen: Axes = {"size": (64, 16384), "conns": (7,), "flavour": (1,)}
    cells = ECHO.cells(quick=True, chosen=chosen)
    assert [cell.values for cell in cells] == [
        (("size", 64), ("conns", 7)),
        (("size", 16384), ("conns", 7)),
    ]


@pytest.mark.parametrize(
    ("values", "label"),
    [
        ((("size", 64), ("conns", 1)), "64 B, 1 connection"),
        ((("size", 16384), ("conns", 1000)), "16 KiB, 1,000 connections"),
        ((("size", 1500), ("depth", 16)), "1500 B, 16 under way"),
        ((("direction", "server sends"),), "server sends"),
        ((("file", 1024),), "1,024 MiB"),
        ((("names", 1000),), "1,000 names"),
        ((), ""),
    ],
)
def test_a_label_reads_as_words(values: tuple[tuple[str, int | str], ...], label: str) -> None:
    assert Cell("echo", values).label == label


def test_each_target_is_measured_by_a_whole_run() -> None:
    by_name = {scenario.name: scenario for scenario in SCENARIOS}
    for target in TARGETS:
        scenario = by_name[target.cell.scenario]
        assert target.cell in scenario.cells(quick=False, chosen={}), target
        names = {c.name for c in scenario.contenders if scenario.applies(target.cell, c)}
        assert {"netpoll", target.over or "netpoll"} <= names, target


def test_the_aim_of_a_target_is_harder_than_what_must_be() -> None:
    for target in TARGETS:
        assert target.aim is None or target.satisfies(target.aim, target.bound), target


def test_who_was_not_built_is_missing_and_says_so(nothing_in_go: Programs) -> None:
    (go,) = [server for server in SERVERS if server.name == "go"]
    (limit,) = [server for server in SERVERS if server.name == "limit"]
    assert go.missing(nothing_in_go) == "it was not built"
    assert limit.missing(nothing_in_go) == ""


def test_who_is_not_installed_is_missing_and_says_so(nothing_in_go: Programs) -> None:
    absent = Contender("absent", "absent", lambda _: ["absent"], "no_such_module_here")
    assert absent.missing(nothing_in_go) == "no_such_module_here is not installed"


def test_who_needs_a_program_that_is_not_there_is_missing_and_says_so(
    nothing_in_go: Programs,
) -> None:
    absent = Contender("absent", "absent", lambda _: ["absent"], tool="no-such-program-here")
    assert absent.missing(nothing_in_go) == "no-such-program-here is not installed"


def test_a_program_in_go_runs_on_one_thread_once_it_is_built(nothing_in_go: Programs) -> None:
    server = in_go("go", "go_files")
    assert server.missing(nothing_in_go) == "it was not built"
    assert server.command(replace(nothing_in_go, go_files=Path("there"))) == ["there"]
    assert server.environment == (("GOMAXPROCS", "1"),)


def test_every_program_in_go_has_its_source() -> None:
    for name, place in building.GO_PROGRAMS.items():
        assert (place / f"go_{name}" / "main.go").is_file()


def test_who_cannot_be_imported_is_missing_and_says_so(
    nothing_in_go: Programs, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "too_old_for_this.py").write_text("import nothing_of_the_kind", encoding="ascii")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.syspath_prepend(str(tmp_path))
    broken = Contender("broken", "broken", lambda _: ["broken"], "too_old_for_this")
    assert "No module named 'nothing_of_the_kind'" in broken.missing(nothing_in_go)


def test_a_bare_greenlet_is_not_asked_for_what_it_has_not() -> None:
    kinds = {cell.text("kind"): cell for cell in TASKS.cells(quick=False, chosen={})}
    assert applies(kinds["switch"], GREENLET)
    assert not applies(kinds["join"], GREENLET)


def test_what_a_program_of_tasks_says_is_per_operation() -> None:
    line = '{"operations": 4, "cpu_ns": 100, "wall_ns": 200, "peak_kib": 8}'
    assert parse(line).figures == {"cpu": 25, "wall": 50, "peak": 2048}

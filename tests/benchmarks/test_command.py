"""The command as a program: what it says when something is in its way."""

import sys
from pathlib import Path
from types import SimpleNamespace

import pytest

from benchmarks import command, plots
from benchmarks.processes import MeasureError
from benchmarks.results import Results
from tests.benchmarks.samples import record, results


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return where results go instead of the place of the last run."""
    monkeypatch.setattr(command, "LAST", tmp_path)
    return tmp_path


def measured(*_: object) -> Results:
    return results(record("limit", 1.0), record("netpoll", 2.0))


def test_what_was_measured_is_saved_and_shown(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(command, "measure", measured)
    drawn: list[Path] = []
    monkeypatch.setattr(plots, "draw", lambda _, place: drawn.append(place))
    assert command.main(["echo"]) == 0
    assert ((place / "results.json").exists(), drawn) == (True, [place])
    assert "netpoll" in capsys.readouterr().out


def test_plots_of_a_former_run_go_when_there_are_new_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    former = tmp_path / "bulk.png"
    former.write_bytes(b"of another run")
    monkeypatch.setitem(sys.modules, "matplotlib", None)  # it is not installed
    plots.draw(results(), tmp_path)
    assert former.exists()
    library = SimpleNamespace(use=lambda _: None, rcParams={})
    monkeypatch.setitem(sys.modules, "matplotlib", library)
    plots.draw(results(), tmp_path)
    assert not former.exists()


def test_what_cannot_be_saved_is_shown_all_the_same(
    place: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(command, "measure", measured)
    monkeypatch.setattr(command, "save", full)
    assert command.main(["echo"]) == 1
    shown = capsys.readouterr()
    assert "netpoll" in shown.out
    assert "No space left on device" in shown.err
    assert list(place.iterdir()) == []


@pytest.mark.usefixtures("place")
@pytest.mark.parametrize(
    ("problem", "told"),
    [
        (MeasureError("too many open files"), (1, "benchmark: too many open files\n")),
        (KeyboardInterrupt(), (130, "benchmark: interrupted, nothing is saved\n")),
    ],
)
def test_what_ends_a_run_is_told_in_a_line(
    problem: BaseException,
    told: tuple[int, str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def fail(*_: object) -> Results:
        raise problem

    monkeypatch.setattr(command, "measure", fail)
    assert (command.main(["echo"]), capsys.readouterr().err) == told


def test_nothing_is_measured_where_the_results_cannot_go(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setattr(command, "LAST", tmp_path / "file")
    monkeypatch.setattr(command, "measure", lambda _: pytest.fail("it was measured"))
    assert command.main(["echo"]) == 1
    assert "file" in capsys.readouterr().err

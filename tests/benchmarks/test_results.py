from pathlib import Path

import pytest

from benchmarks.histogram import Histogram, middle
from benchmarks.results import load, merged_latencies, save
from benchmarks.scenario import Cell
from tests.benchmarks.samples import MANY, SMALL, record, results


def test_what_is_saved_is_loaded_again(tmp_path: Path) -> None:
    saved = results(
        record("netpoll", 1.25), record("limit", 1.0, cell=MANY, number=1, steady=False)
    )
    file = tmp_path / "new" / "results.json"
    save(saved, file)
    loaded = load(file)
    assert (loaded.about, loaded.skipped) == (saved.about, saved.skipped)
    for ours, theirs in zip(loaded.records, saved.records, strict=True):
        assert (ours.cell, ours.contender, ours.round) == (
            theirs.cell,
            theirs.contender,
            theirs.round,
        )
        assert ours.sample.figures == theirs.sample.figures
        assert (ours.sample.ticks, ours.sample.steady, ours.sample.flanks) == (
            theirs.sample.ticks,
            theirs.sample.steady,
            theirs.sample.flanks,
        )
        assert ours.sample.latency.pairs() == theirs.sample.latency.pairs()


def test_a_file_of_another_format_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    file.write_text('{"format": 0}', encoding="ascii")
    with pytest.raises(ValueError, match="format 0"):
        load(file)


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 2}', "\xff"])
def test_a_file_of_something_else_is_named(content: str, tmp_path: Path) -> None:
    file = tmp_path / "odd.json"
    file.write_bytes(content.encode("latin-1"))
    with pytest.raises(ValueError, match=r"odd\.json holds no results of make bench"):
        load(file)


def test_cells_come_in_order_of_their_numbers() -> None:
    assert results(record("limit", 1, cell=MANY), record("limit", 1)).cells("echo") == [SMALL, MANY]


def test_numbers_inside_a_text_are_numbers_too() -> None:
    two, ten, lock = (
        Cell("together", (("kind", kind),)) for kind in ("select of 2", "select of 10", "lock")
    )
    found = results(*(record("netpoll", 1, cell=cell) for cell in (ten, two, lock)))
    assert found.cells("together") == [lock, two, ten]


def test_a_figure_is_the_median_of_the_rounds() -> None:
    found = results(*(record("limit", cpu, number=i) for i, cpu in enumerate((3.0, 1.0, 2.0))))
    spread = found.figure(SMALL, "limit", "cpu")
    assert spread is not None
    assert (spread.median, spread.rounds) == (2.0, 3)


def test_samples_of_a_machine_that_was_not_itself_count_only_if_there_are_no_others() -> None:
    odd = record("netpoll", 9.0, steady=False)
    alone, beside = results(odd), results(odd, record("netpoll", 2.0, number=1))
    assert not alone.is_steady(SMALL, "netpoll")
    assert beside.is_steady(SMALL, "netpoll")
    assert alone.by_round(SMALL, "netpoll", "cpu") == {0: 9.0}
    assert beside.by_round(SMALL, "netpoll", "cpu") == {1: 2.0}


def test_a_ratio_is_that_of_the_same_rounds() -> None:
    found = results(
        record("netpoll", 2.0, number=0),
        record("netpoll", 8.0, number=1),
        record("limit", 4.0, number=1),
        record("limit", 1.0, number=2),
    )
    spread = found.ratio(SMALL, "netpoll", "limit", "cpu")
    assert spread is not None
    assert (spread.median, spread.rounds) == (2.0, 1)


def test_a_ratio_without_a_common_steady_round_is_that_of_all_rounds() -> None:
    found = results(
        record("netpoll", 2.0, number=0, steady=False),
        record("netpoll", 9.0, number=1),
        record("limit", 1.0, number=0),
        record("limit", 3.0, number=1, steady=False),
    )
    spread = found.ratio(SMALL, "netpoll", "limit", "cpu")
    assert spread is not None
    assert (spread.low, spread.high) == (2.0, 3.0)


def test_what_was_measured_twice_in_a_round_counts_as_its_mean() -> None:
    found = results(
        record("limit", 4.0, number=0),
        record("limit", 6.0, number=0),
        record("limit", 9.0, number=1),
        record("netpoll", 10.0, number=0),
    )
    assert found.by_round(SMALL, "limit", "cpu") == {0: 5.0, 1: 9.0}
    ratio = found.ratio(SMALL, "netpoll", "limit", "cpu")
    assert ratio is not None
    assert (ratio.median, ratio.rounds) == (2.0, 1)


def test_user_and_system_share_out_the_processor_time_by_the_ticks_of_all_rounds() -> None:
    found = results(
        record("netpoll", 2.0, number=0, ticks=(0, 80)),
        record("netpoll", 2.0, number=1, ticks=(40, 40)),
    )
    user, system = (found.figure(SMALL, "netpoll", name) for name in ("user", "system"))
    assert user is not None
    assert system is not None
    assert (user.median, system.median) == (0.5, 1.5)


def test_without_ticks_nothing_is_said_of_user_and_system() -> None:
    assert results(record("netpoll", 2.0, ticks=(0, 0))).figure(SMALL, "netpoll", "user") is None


def test_a_latency_is_that_of_all_rounds_together() -> None:
    found = results(*(record("netpoll", 1.0, number=i) for i in range(3)))
    spread = found.figure(SMALL, "netpoll", "p999")
    assert spread is None  # no round has one
    for each in found.records:
        each.sample.figures["p999"] = 7.0
        latency = each.sample.latency
        latency += Histogram([(300, 20 if each.round == 1 else 0)])
    spread, ratio = (
        found.figure(SMALL, "netpoll", "p999"),
        found.ratio(SMALL, "netpoll", "netpoll", "p999"),
    )
    assert spread is not None
    assert ratio is not None
    assert spread.median == middle(300) / 1e3
    assert (spread.low, spread.high, ratio.median) == (7.0, 7.0, 1.0)


@pytest.mark.parametrize("odd", [None, 0, 1])
def test_merging_latencies_loses_none(odd: int | None) -> None:
    records = [record("netpoll", 1.0, number=i, steady=i != odd) for i in range(3)]
    records.append(record("limit", 1.0))
    before = results(*records).latency(SMALL, "netpoll").pairs()
    merged = results(*merged_latencies(records))
    assert merged.latency(SMALL, "netpoll").pairs() == before
    assert [len(record.sample.latency) for record in records] == [18, 0, 0, 6]


def test_results_that_cannot_be_written_leave_the_former_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "results.json"
    save(results(record("netpoll", 1.0)), file)

    def full(path: Path, *_: object, **__: object) -> int:
        path.write_bytes(b"{")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(OSError, match="No space left"):
        save(results(), file)
    assert len(load(file).records) == 1
    assert [each.name for each in tmp_path.iterdir()] == ["results.json"]

from dataclasses import replace

import pytest

from benchmarks import page, tables
from benchmarks.results import Results
from benchmarks.scenario import Cell
from benchmarks.scenarios.datagrams import DATAGRAMS
from benchmarks.scenarios.echo import ECHO
from benchmarks.scenarios.together import TOGETHER
from benchmarks.targets import TARGETS
from tests.benchmarks.samples import MANY, SMALL, record, results


@pytest.fixture
def found() -> Results:
    """Return five rounds in which netpoll takes a fifth more than the limit, and Go less."""
    return results(
        *(
            record(name, cpu * slower, number=number)
            for number, slower in enumerate((1.0, 3.0, 2.0, 2.0, 2.0))
            for name, cpu in (("limit", 1.0), ("netpoll", 1.2), ("go", 1.1), ("gevent", 4.0))
        )
    )


def test_the_best_comes_first_with_its_ratio_to_the_reference(found: Results) -> None:
    table = tables.detail(found, ECHO, SMALL)
    assert table.title == "Echo: 64 B, 50 connections"
    assert table.columns[:4] == ("", "CPU µs/req", "± %", "x limit")
    assert [row[:4] for row in table.rows] == [
        ("C, bare epoll loop (the limit)", "2.00", "50", "1.00"),
        ("Go net, GOMAXPROCS=1", "2.20", "50", "1.10"),
        ("netpoll", "2.40", "50", "1.20"),
        ("gevent, StreamServer", "8.00", "50", "4.00"),
    ]
    assert all(len(row) == len(table.columns) for row in table.rows)


def test_in_short_the_quickest_server_comes_first_and_what_was_not_measured_is_a_dash(
    found: Results,
) -> None:
    found.records.append(record("netpoll", 5.04, cell=MANY))
    table = tables.in_short(found)
    assert table.columns[1] == "64 B, 50 connections"
    assert table.rows[0] == ("C, bare epoll loop (the limit)", "0.83", "-", "-", "-", "-")
    assert table.rows[1] == ("Go net, GOMAXPROCS=1", "0.92", "-", "-", "-", "-")
    assert table.rows[2] == ("netpoll", "1.00", "1.00", "-", "-", "-")
    found.records += [record("trio", 24.0, number=number) for number in range(5)]
    assert [row[0] for row in tables.in_short(found).rows][3:] == ["gevent, StreamServer", "trio"]
    assert page.text(found).index("In short") < page.text(found).index("rounds:")
    assert "In short" not in page.text(results())


def test_a_matrix_has_a_column_for_each_cell_and_a_dash_for_nothing(found: Results) -> None:
    found.records.append(record("limit", 5.0, cell=MANY))
    table = tables.matrix(found, ECHO, [SMALL, MANY])
    assert table.columns == ("", "64 B, 50 connections", "64 B, 1,000 connections")
    assert table.rows[0][1:] == ("2.00 (1.00)", "5.00 (1.00)")
    assert table.rows[1] == ("netpoll", "2.40 (1.20)", "-")


def test_with_more_cells_than_contenders_a_row_is_a_cell() -> None:
    cells = [Cell("together", (("kind", kind),)) for kind in ("buffered", "lock", "timers")]
    found = results(
        *(record("netpoll", 2.0, cell=cell) for cell in cells),
        *(record("go", 1.0, cell=cell) for cell in cells[1:]),
    )
    table = tables.matrix(found, TOGETHER, cells)
    assert table.columns == ("", "netpoll", "Go, GOMAXPROCS=1")
    assert table.rows == (
        ("buffered", "2 (1.00)", "-"),
        ("lock", "2 (1.00)", "1 (0.50)"),
        ("timers", "2 (1.00)", "1 (0.50)"),
    )


def test_a_figure_of_a_machine_that_was_not_itself_is_marked() -> None:
    odd = results(record("limit", 1.0, steady=False))
    assert tables.detail(odd, ECHO, SMALL).rows[0][1] == "~1.00"
    assert tables.matrix(odd, ECHO, [SMALL]).rows[0][1] == "~1.00 (1.00)"


def test_goals_say_what_was_reached_and_what_was_not(found: Results) -> None:
    rows = {row[0]: row[1:] for row in tables.goals(found).rows}
    start = "echo 64 B, 50 connections: "
    assert rows == {
        start + "CPU per request / limit": (
            "1.20 x",
            "1.20 to 1.20",
            "1.00",
            "≤ 1.2",
            "≤ 1.1",
            "reached",
        ),
        start + "CPU per request / go": (
            "1.09 x",
            "1.09 to 1.09",
            "0.91",
            "≤ 1",
            "-",
            "MISSED",
        ),
        start + "requests per second / gevent": (
            "3.33 x",
            "3.33 to 3.33",
            "4.00",
            "≥ 2",
            "≥ 2.5",
            "aim reached",
        ),
    }


@pytest.mark.parametrize(
    ("ratios", "told"),
    [
        ((0.8, 0.9, 0.9, 0.9, 0.95), "reached"),
        ((0.8, 0.9, 0.9, 0.9, 1.05), "reached, within the noise"),
        ((0.9, 1.05, 1.1, 1.1, 1.1), "MISSED, within the noise"),
        ((1.1, 1.05, 1.2, 1.2, 1.2), "MISSED"),
        ((0.5, 1.5, 0.5, 0.5), "-"),
    ],
)
def test_goals_say_whether_the_rounds_are_of_one_mind(ratios: tuple[float, ...], told: str) -> None:
    found = results(
        *(record("netpoll", ratio, number=i) for i, ratio in enumerate(ratios)),
        *(record("go", 1.0, number=i) for i in range(len(ratios))),
    )
    (row,) = tables.goals(found).rows
    assert row[-1] == told


def test_a_goal_with_an_aim_and_no_must_is_judged_by_that(found: Results) -> None:
    cell = Cell("tasks", (("kind", "switch"),))
    found.records += [record("netpoll", 300.0, cell=cell, number=number) for number in range(5)]
    rows = {row[0]: row[1:] for row in tables.goals(found).rows}
    assert rows["a switch"] == ("300.00 ns", "300.00 to 300.00", "-", "-", "≤ 100", "aim missed")


def test_of_every_aim_the_page_can_say_what_holds_it() -> None:
    assert [target.text for target in TARGETS if target.aim is not None and not target.held] == []


def test_of_many_cells_there_is_a_table_for_each_size_and_all_figures_of_what_goals_compare() -> (
    None
):
    cells = ECHO.cells(quick=False, chosen={})
    several = ("limit", "netpoll", "go", "trio")
    found = results(*(record(name, 1.0, cell=cell) for cell in cells for name in several))
    shown = tables.all_of(found, ECHO)
    assert [len(table.columns) - 1 for table in shown[:3]] == [4, 4, 4]
    assert [table.title for table in shown[3:]] == [
        "Echo: 64 B, 50 connections",
        "Echo: 64 B, 1,000 connections",
        "Echo: 64 B, 5,000 connections",
        "Echo: 16 KiB, 50 connections",
    ]
    assert [table.title for table in tables.all_of(results(record("limit", 1.0)), ECHO)] == [
        "Echo: 64 B, 50 connections"
    ]


def test_the_page_says_what_holds_a_figure_that_is_not_at_its_aim(found: Results) -> None:
    first, second = tables.hindrances(found)
    assert first.startswith("echo 64 B, 50 connections: CPU per request / limit: ")
    assert second.startswith("echo 64 B, 50 connections: CPU per request / go: ")
    assert f"- {first}\n- {second}" in page.text(found)


def test_what_holds_several_figures_is_said_once(found: Results) -> None:
    for name, cpu in (("limit", 1.0), ("netpoll", 1.4)):
        found.records.append(record(name, cpu, cell=MANY))
    first, _ = tables.hindrances(found)
    assert first.startswith(
        "echo 64 B, 50 connections: CPU per request / limit;"
        " echo 64 B, 1,000 connections: CPU per request / limit: "
    )


def test_the_page_names_who_is_ahead_of_netpoll(found: Results) -> None:
    assert page.ahead(found, ECHO, SMALL) == [
        "Go net, GOMAXPROCS=1 (0.92 of netpoll's, 0.92 to 0.92)"
    ]


def test_neither_the_reference_nor_another_way_of_netpoll_s_is_ahead_of_it() -> None:
    cell = Cell("datagrams", (("kind", "sent back"),))
    found = results(
        *(
            record(name, cpu, cell=cell)
            for name, cpu in (("netpoll", 2.0), ("netpoll-batches", 1.0), ("go", 1.5))
        )
    )
    assert page.ahead(found, DATAGRAMS, cell) == [
        "Go, UDPConn, GOMAXPROCS=1 (0.75 of netpoll's, 0.75 to 0.75)"
    ]
    assert page.ahead(found, replace(DATAGRAMS, reference="go"), cell) == []


def test_the_page_says_under_which_conditions_and_what_is_missing(found: Results) -> None:
    lines = "\n".join(page.conditions(found))
    for words in ("2 cores", "others used 25%", "rounds: 3", "curio: curio is not installed"):
        assert words in lines
    assert "one core" not in lines


def test_the_page_says_in_which_state_of_the_machine_it_was_measured(found: Results) -> None:
    def told(**about: bool) -> str:
        return "\n".join(page.conditions(Results({**found.about, **about})))

    assert "far apart" not in told(wanders=False)
    assert "while they were far apart" in told(wanders=True)
    assert "while they were next to each other" in told(wanders=True, near=True)
    assert "takes 1.5 µs" in told(wanders=True)


def test_the_page_says_which_state_of_the_code_was_measured(found: Results) -> None:
    lines = page.conditions(Results({**found.about, "commit": "abc1234-dirty"}))
    assert "commit: abc1234-dirty" in lines
    assert not [line for line in page.conditions(found) if line.startswith("commit")]


def test_only_what_is_between_the_marks_is_replaced(found: Results) -> None:
    before = f"top\n{page.BEGIN}\nformer\n{page.END}\nbottom\n"
    after = page.replace(before, page.text(found))
    assert after.startswith(f"top\n{page.BEGIN}\n\n## The figures\n\n**In short: ")
    assert after.endswith(f"\n\n{page.END}\nbottom\n")
    assert "former" not in after
    assert page.replace(after, "former").count(page.END) == 1


@pytest.mark.parametrize("text", ["", page.BEGIN, page.END, page.END + page.BEGIN])
def test_a_page_without_marks_is_left_alone(text: str) -> None:
    with pytest.raises(ValueError, match="marks"):
        page.replace(text, "new")


def test_the_page_that_there_is_has_its_marks() -> None:
    assert page.replace(page.PAGE.read_text(encoding="utf-8"), "new")


def test_markdown_has_a_ruler_and_netpoll_in_bold() -> None:
    rows = (("netpoll", "1"), ("netpoll, batches", "3"), ("go", "2"))
    table = tables.Table("t", ("", "ns"), rows)
    assert page.markdown(table).splitlines() == [
        "|  | ns |",
        "| --- | ---: |",
        "| **netpoll** | **1** |",
        "| **netpoll, batches** | **3** |",
        "| go | 2 |",
    ]


def test_where_netpoll_is_a_column_that_is_in_bold() -> None:
    table = tables.Table("t", ("", "netpoll", "go"), (("lock", "1", "2"),))
    assert page.markdown(table).splitlines()[-1] == "| lock | **1** | 2 |"


@pytest.mark.parametrize(
    ("value", "text"),
    [(1.0, "1.00"), (1.004, "1.004"), (0.9996, "0.9996"), (0.994, "0.99"), (1.00001, "1.0000")],
)
def test_a_number_close_to_its_bound_shows_on_which_side_it_lies(value: float, text: str) -> None:
    assert tables.close(value, 1) == text

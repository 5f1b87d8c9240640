import re
import resource

import pytest

from benchmarks import arguments
from benchmarks.arguments import parse
from benchmarks.scenarios import SCENARIOS


def test_without_arguments_everything_is_measured() -> None:
    options = parse([])
    assert options.scenarios == SCENARIOS
    assert options.is_whole


@pytest.mark.parametrize(
    "line",
    [
        "echo",
        "--quick",
        "--conns 50",
        "--size 64 1024",
        "--peers go",
        "--rounds 3",
        "--seconds 2",
        "--near",
    ],
)
def test_a_part_is_not_the_whole(line: str) -> None:
    assert not parse(line.split()).is_whole


def test_a_part_has_only_what_was_asked_for() -> None:
    options = parse(["echo", "idle", "--conns", "50", "100", "--peers", "go,trio", "gevent"])
    assert [scenario.name for scenario in options.scenarios] == ["echo", "idle"]
    assert options.chosen == {"conns": (50, 100)}
    assert options.contenders == ("go", "trio", "gevent")


@pytest.mark.parametrize(
    "line", ["ecko", "--peers go,gogo", "--conns 0", "--conns many", "--seconds 0", "--rounds -1"]
)
def test_nonsense_is_refused(line: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as refusal:
        parse(line.split())
    assert refusal.value.code == 2
    assert re.split("[ ,]", line)[-1] in capsys.readouterr().err


@pytest.mark.parametrize(
    ("files", "conns", "fits"),
    [(1000, "900", True), (1000, "901", False), (resource.RLIM_INFINITY, "1000000", True)],
)
def test_there_are_no_more_connections_than_files(
    files: int, conns: str, *, fits: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arguments, "getrlimit", lambda _: (256, files))
    if fits:
        assert parse(["--conns", conns]).chosen == {"conns": (int(conns),)}
    else:
        with pytest.raises(SystemExit):
            parse(["--conns", conns])


def test_help_names_every_scenario(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(["--help"])
    shown = capsys.readouterr().out
    assert all(scenario.title in shown for scenario in SCENARIOS)

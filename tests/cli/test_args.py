import pytest

from netpoll import __version__
from netpoll.cli.args import DemoOptions, EchoOptions, parse


def test_echo_listens_for_this_machine_alone_by_default() -> None:
    assert parse(["echo"]) == EchoOptions(listen="127.0.0.1:8888", until_eof=False)


def test_demo_has_a_default_for_everything() -> None:
    options = DemoOptions(connections=None, seconds=5.0, size=64, timeout=5.0, address=None)
    assert parse(["demo"]) == options


@pytest.mark.parametrize(
    "argv",
    [
        [],
        ["serve"],
        ["echo", "8888"],
        ["demo", "--connections", "0"],
        ["demo", "--connections", "-1"],
        ["demo", "--connections", "many"],
        ["demo", "--seconds", "0"],
        ["demo", "--seconds", "nan"],
        ["demo", "--seconds", "inf"],
        ["demo", "--seconds", "soon"],
        ["demo", "--size", "0"],
        ["demo", "--size", "65537"],
    ],
    ids=" ".join,
)
def test_what_makes_no_sense_is_status_2_and_a_message(
    argv: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(argv)
    shown = capsys.readouterr()
    assert (exit_.value.code, shown.out) == (2, "")
    assert "usage: netpoll" in shown.err
    assert "values" not in shown.err  # a message is no Python name


@pytest.mark.parametrize("argv", [["--help"], ["echo", "--help"], ["demo", "--help"]])
def test_help_ends_with_examples(argv: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(argv)
    assert exit_.value.code == 0
    assert "examples:\n  netpoll " in capsys.readouterr().out


def test_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_:
        parse(["--version"])
    assert (exit_.value.code, capsys.readouterr().out) == (0, f"netpoll {__version__}\n")


@pytest.mark.parametrize(
    ("argv", "usage", "unknown"),
    [
        (["echo", "8888"], "usage: netpoll echo ", "8888"),
        (["demo", "--port", "8888"], "usage: netpoll demo ", "--port 8888"),
        (["--port"], "usage: netpoll [-h]", "--port"),
    ],
)
def test_an_option_that_there_is_not_is_answered_with_those_that_there_are(
    argv: list[str], usage: str, unknown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        parse(argv)
    err = capsys.readouterr().err
    assert err.startswith(usage)
    assert err.endswith(f"error: unrecognized arguments: {unknown}\n")

"""The demo on a terminal, with rich and without."""

import os
import re
import subprocess
import sys

import pytest

from tests.program import PATIENCE

PROGRAM = "import sys; {} from netpoll.cli import main; sys.exit(main(sys.argv[1:]))"
DEMO = ("demo", "--connections", "20", "--seconds", "0.5")
FACTS = [
    r"connections +20",
    r"messages +[\d,]+",
    r"bytes compared +[\d,]+, none wrong",
    r"messages per second +[\d,]+",
    r"latency p50 +[\d.]+ \w?s",
    r"latency p99 +[\d.]+ \w?s",
    r"latency p99\.9 +[\d.]+ \w?s",
    r"server CPU per message +[\d.]+ \w?s",
    r"server memory per connection +-?[\d.]+ KiB",
]


def on_a_terminal(setup: str = "") -> str:
    """Run the demo with a terminal for its output, and return what appeared there."""
    screen, terminal = os.openpty()
    command = [sys.executable, "-c", PROGRAM.format(setup), *DEMO]
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    with (
        os.fdopen(screen, "rb", buffering=0) as output,
        subprocess.Popen(command, stdout=terminal, stderr=terminal, env=environment) as process,
    ):
        os.close(terminal)
        shown = b""
        try:
            while data := output.read(65536):
                shown += data
        except OSError:
            pass  # EIO: nobody has the terminal open any more
        assert process.wait(PATIENCE) == 0
    return shown.decode()


def without_colour(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


@pytest.mark.parametrize("fact", FACTS)
def test_the_facts_are_the_same_with_rich_and_without(fact: str, plain: str, rich: str) -> None:
    assert re.search(fact, without_colour(plain))
    assert re.search(fact, without_colour(rich).replace("│", " "))


@pytest.fixture(scope="module")
def plain() -> str:
    return on_a_terminal("sys.modules['rich'] = None;")


@pytest.fixture(scope="module")
def rich() -> str:
    pytest.importorskip("rich")
    return on_a_terminal()


def test_the_plain_bar_grows(plain: str) -> None:
    filled = [len(bar) for bar in re.findall(r"\[(#*)\.*\] [\d.]+/0.5 s", plain)]
    assert filled == sorted(filled)
    assert filled[-1] > filled[0]


def test_the_plain_bar_is_gone_at_the_end(plain: str) -> None:
    before, _, _ = plain.partition("echo server at")
    *_, blank, rest = before.split("\r")
    assert (blank.strip(), rest) == ("", "")


def test_plain_text_has_no_escape_sequences(plain: str) -> None:
    assert "\x1b" not in plain


def test_rich_shows_a_bar(rich: str) -> None:
    assert re.search("echoing 64-byte messages .*━", without_colour(rich))

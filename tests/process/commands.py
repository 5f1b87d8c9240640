"""Programs that the tests start."""

import sys

SLEEP = ["sleep", "3600"]
CAT = ["cat"]


def python(source: str) -> list[str]:
    """Return the command of a Python program, which starts quickly."""
    return [sys.executable, "-S", "-E", "-c", source]


DEAF = python(
    "import os, signal\n"
    "for number in (signal.SIGINT, signal.SIGTERM): signal.signal(number, signal.SIG_IGN)\n"
    "os.write(1, b'\\n'); signal.pause()"
)
"""Ends by no signal that can be caught; says when that is so."""

"""Programs that the tests start."""

import sys
from typing import Any

from netpoll.process import Popen

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


def talk(child: Popen[Any], *args: Any, **options: Any) -> tuple[Any, Any]:
    """Return what communicate does; of a stream that is no pipe, its type leaves out the None."""
    return child.communicate(*args, **options)

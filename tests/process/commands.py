"""Programs that the tests start."""

import sys

SLEEP = ["sleep", "3600"]
CAT = ["cat"]


def python(source: str) -> list[str]:
    """Return the command of a Python program, which starts quickly."""
    return [sys.executable, "-S", "-E", "-c", source]

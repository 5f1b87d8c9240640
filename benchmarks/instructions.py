"""Count the instructions of an echo, a switch, a hand-over and the like, with valgrind's callgrind.

    python -m benchmarks.instructions [--save] [--keep DIRECTORY]

Unlike times these numbers are nearly the same in every run, so they can be compared from commit to
commit, on one machine with one Python. Each is the difference of two runs of different lengths, in
which starting and ending cancel out. They are instructions of the process; the kernel's are not
among them. An echo is the server's part of it; as how many connections are ready at a time varies,
so does its number, by a few per cent. --save writes down what the next run is compared with, --keep
keeps callgrind's files for callgrind_annotate.
"""

import argparse
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import terminal
from benchmarks.building import HERE, BuildError, build_load, build_pinned
from benchmarks.tables import Table, number

FILE = HERE / "results" / "instructions.json"
TASKS, TOGETHER = "benchmarks.tasks.netpoll_tasks", "benchmarks.together.netpoll_together"
_COLLECTED = re.compile(r"Collected : (\d+)")
_PATIENCE = 180.0


class CountError(Exception):
    """Nothing could be counted; the text says why."""


@dataclass(frozen=True, slots=True)
class Count:
    """One number. run: takes a length and a place for files, returns instructions."""

    name: str
    short: int
    long: int
    run: Callable[[int, Path], int]
    per_operation: float = 1.0

    def take(self, place: Path) -> float:
        """Return the instructions of one operation."""
        difference = self.run(self.long, place) - self.run(self.short, place)
        return difference / (self.long - self.short) / self.per_operation


def main(argv: Sequence[str] | None = None) -> int:
    """Count, and show the numbers beside those that were saved."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.instructions", description=__doc__)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.add_argument("--save", action="store_true")
    parser.add_argument("--keep", type=Path, metavar="DIRECTORY")
    options = parser.parse_args(argv)
    if shutil.which("valgrind") is None:
        terminal.say("valgrind is not installed")
        return 1
    try:
        found = count_all(options.keep)
    except (CountError, BuildError, OSError, subprocess.TimeoutExpired) as error:
        terminal.say(f"instructions: {error}")
        return 1
    saved = json.loads(FILE.read_text(encoding="utf-8")) if FILE.exists() else {}
    terminal.show([table(found, saved)])
    if options.save:
        FILE.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
    return 0


def count_all(keep: Path | None) -> dict[str, Any]:
    """Return all numbers, and with what they were counted."""
    load = build_load()
    counts = (
        # Not with one connection: whether the next message is there already when the poller first
        # looks for it would be left to chance.
        Count("echo, 50 connections", 1000, 6000, partial(_echo, load, 50)),
        Count("echo, 1,000 connections", 1000, 6000, partial(_echo, load, 1000)),
        # The programs do a tenth of the operations beforehand, as a warm-up.
        Count("switch", 3000, 33000, partial(_run, TASKS, "switch"), 1.1),
        Count("start and end", 2000, 22000, partial(_run, TASKS, "spawn"), 1.1),
        Count("start and join", 1000, 11000, partial(_run, TASKS, "join"), 1.1),
        Count("hand-over", 3000, 33000, partial(_run, TOGETHER, "hand-over"), 1.1),
        Count("lock and unlock", 10000, 110000, partial(_run, TOGETHER, "lock"), 1.1),
    )
    with tempfile.TemporaryDirectory() as scratch:
        place = (keep or Path(scratch)).absolute()
        place.mkdir(parents=True, exist_ok=True)
        numbers = {}
        for count in counts:
            terminal.say(f"counting under valgrind, some ten seconds: {count.name}")
            numbers[count.name] = round(count.take(place))
    return {
        "python": platform.python_version(),
        "greenlet": version("greenlet"),
        "machine": platform.machine(),
        "instructions": numbers,
    }


def table(found: Mapping[str, Any], saved: Mapping[str, Any]) -> Table:
    """Return the numbers beside the saved ones; those of another Python are no comparison."""
    same = all(saved.get(name) == found[name] for name in ("python", "greenlet", "machine"))
    before = saved["instructions"] if same else {}
    rows = [
        (name, number(now, 0), number(before.get(name), 0), _change(now, before.get(name)))
        for name, now in found["instructions"].items()
    ]
    return Table("Instructions", ("", "now", "saved", "change"), tuple(rows))


def _change(now: int, before: int | None) -> str:
    return f"{now / before - 1:+.1%}" if before else "-"


def _run(module: str, kind: str, length: int, place: Path) -> int:
    program = [sys.executable, "-m", module, kind, str(length)]
    result = subprocess.run(
        [*_valgrind(place / f"{kind}.{length}"), *program],
        cwd=HERE.parent,
        env=_environment(),
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    return collected(result.stderr)


def _echo(load: Path, connections: int, length: int, place: Path) -> int:
    program = [sys.executable, str(HERE / "peers" / "netpoll_server.py"), "echo", "65536"]
    core = str(min(os.sched_getaffinity(0)))
    with subprocess.Popen(
        [str(build_pinned()), core, *_valgrind(place / f"echo-{connections}.{length}"), *program],
        env=_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as server:
        try:
            _drive(load, server, connections, length)
            server.terminate()  # valgrind writes its figures when the signal ends the program
            return collected(server.communicate(timeout=_PATIENCE)[1])
        finally:
            server.kill()


def _drive(load: Path, server: "subprocess.Popen[str]", connections: int, length: int) -> None:
    line = server.stdout.readline() if server.stdout else ""
    port = line.rpartition(":")[2].strip()
    if not port:
        raise CountError("the server does not listen")
    command = [str(load), "echo", "--port", port, "--connections", str(connections)]
    result = subprocess.run(
        [*command, "--requests", str(length)],
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if result.returncode != 0:
        raise CountError(result.stderr.strip())


def collected(text: str) -> int:
    """Return the number of instructions that valgrind reports."""
    found = _COLLECTED.search(text)
    if found is None:
        raise CountError(f"valgrind has not counted: {text[-200:].strip()}")
    return int(found[1])


def _valgrind(file: Path) -> list[str]:
    return ["valgrind", "--tool=callgrind", f"--callgrind-out-file={file}"]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONHASHSEED": "0"}


if __name__ == "__main__":
    sys.exit(main())

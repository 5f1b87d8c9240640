"""The processes that are measured, each on its core; they end with their block in every case."""

import os
import select
import subprocess
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

from benchmarks.bench import Bench, Programs
from benchmarks.building import HERE
from benchmarks.contenders import Contender

_PATIENCE = 20.0
_LONGEST = 120.0
_ANNOUNCEMENT = "listening on "


class MeasureError(Exception):
    """A measurement came to nothing; the text says why."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server that listens on 127.0.0.1."""

    process: "subprocess.Popen[str]"
    port: int
    errors: IO[str]

    @property
    def pid(self) -> int:
        """Return the number of its process."""
        return self.process.pid

    def assert_runs(self) -> None:
        """Raise MeasureError if it has ended."""
        if self.process.poll() is not None:
            status, reason = self.process.returncode, last_written(self.errors)
            raise MeasureError(f"the server ended with status {status}: {reason}")


@contextmanager
def serving(bench: Bench, contender: Contender, *arguments: str | int) -> Iterator[Server]:
    """Run a contender's server on the server's core, or have one that is kept there."""
    if bench.kept.keeps:
        key = contender.name, arguments
        yield bench.kept.get(key, lambda: _served(bench, contender, arguments))
    else:
        with _served(bench, contender, arguments) as server:
            yield server


@contextmanager
def _served(bench: Bench, contender: Contender, arguments: Sequence[str | int]) -> Iterator[Server]:
    with (
        tempfile.TemporaryFile("w+") as errors,
        started(bench, contender, [str(each) for each in arguments], errors) as process,
    ):
        yield Server(process, _port(process, errors), errors)


@contextmanager
def started(
    bench: Bench, contender: Contender, arguments: Sequence[str], errors: IO[str]
) -> Iterator["subprocess.Popen[str]"]:
    """Run a contender on the server's core, and kill it at the end if it still runs."""
    with subprocess.Popen(
        pinned(
            bench.programs, bench.cores.server, command_of(bench.programs, contender, arguments)
        ),
        cwd=HERE.parent,
        env={**os.environ, **dict(contender.environment)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


def command_of(programs: Programs, contender: Contender, arguments: Sequence[str]) -> list[str]:
    """Return the command that runs a contender with these arguments."""
    command = contender.command(programs)
    if command is None:
        raise MeasureError("it was not built")
    return [*command, *arguments, *contender.last]


def pinned(programs: Programs, core: int, command: Sequence[str]) -> list[str]:
    """Return the command that does the same on one core."""
    return [str(programs.pinned), str(core), *command]


def run_pinned(
    programs: Programs,
    core: int,
    command: Sequence[str],
    environment: Mapping[str, str] | None = None,
) -> str:
    """Run a program to its end on a core and return what it prints; MeasureError if it fails."""
    try:
        result = subprocess.run(
            pinned(programs, core, command),
            cwd=HERE.parent,
            env={**os.environ, **(environment or {})},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise MeasureError(f"not done after {error.timeout:.0f} s") from error
    if result.returncode != 0:
        raise MeasureError(last_line(result.stderr) or f"status {result.returncode}")
    return result.stdout


def read_line(process: "subprocess.Popen[str]") -> str:
    """Return the next line that a process prints; nothing if it ends or says nothing for long."""
    assert process.stdout is not None  # noqa: S101 - it was started with a pipe
    ready, _, _ = select.select([process.stdout], [], [], _PATIENCE)
    return process.stdout.readline() if ready else ""


def last_written(errors: IO[str]) -> str:
    """Return the last line that a process wrote on standard error."""
    errors.seek(0)
    return last_line(errors.read())


def last_line(text: str) -> str:
    """Return the last line; of a Python traceback it is the one that counts."""
    return text.strip().rpartition("\n")[2]


def _port(process: "subprocess.Popen[str]", errors: IO[str]) -> int:
    line = read_line(process)
    if not line.startswith(_ANNOUNCEMENT):
        process.kill()
        process.wait()
        raise MeasureError(f"the server does not listen: {last_written(errors) or line!r}")
    return int(line.rpartition(":")[2])

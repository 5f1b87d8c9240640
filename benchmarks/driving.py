"""The load generator: what it is told, and what it tells."""

import json
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

from benchmarks import steadiness
from benchmarks.bench import Bench, Programs
from benchmarks.cores import Cores
from benchmarks.histogram import Histogram
from benchmarks.processes import MeasureError, Server, run_pinned
from benchmarks.scenario import Sample

_MICROSECOND = 1e3  # nanoseconds
READ_SIZE = 65536
"""Bytes that every server asks for in one read, where that can be said."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted between warm-up and end; steady: whether the machine was itself."""

    seconds: float
    operations: int
    bytes: int
    server_ns: int
    user_ticks: int
    system_ticks: int
    client_ns: int
    latency: Histogram
    slow: Histogram
    steady: bool = True


def parse(text: str) -> Reading:
    """Return what a line of the load generator says; MeasureError if it says nothing useful."""
    try:
        fields: dict[str, Any] = json.loads(text)
        latency, slow = Histogram(fields.pop("latency")), Histogram(fields.pop("slow"))
        reading = Reading(**fields, latency=latency, slow=slow)
    except (ValueError, TypeError, KeyError) as error:
        raise MeasureError(f"the load generator said {text[:80]!r}") from error
    if reading.operations == 0 or reading.seconds <= 0:
        raise MeasureError("not one operation was completed")
    return reading


def drive(bench: Bench, server: Server, mode: str, **options: int) -> Reading:
    """Drive a server and return what was counted; MeasureError if a single byte was wrong."""
    given = {
        "port": server.port,
        "pid": server.pid,
        "warmup": bench.pace.warmup,
        "seconds": bench.pace.seconds,
        # On one core, a client that never sleeps would leave the server nothing.
        "spin": int(bench.cores.apart),
        **options,
    }
    command = [str(bench.programs.load), mode]
    for name, value in given.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    reading, steady = bench.steadiness.steadily(partial(_run, bench, server, command))
    return replace(reading, steady=steady)


def read_yardstick(programs: Programs, cores: Cores) -> steadiness.Reading:
    """Take a reading of the machine."""
    command = [str(programs.yardstick), str(cores.server), str(cores.client)]
    kernel, crossing = run_pinned(programs, cores.server, command).split()
    return steadiness.Reading(int(kernel), int(crossing))


def _run(bench: Bench, server: Server, command: list[str]) -> Reading:
    try:
        text = run_pinned(bench.programs, bench.cores.client, command)
    except MeasureError:
        server.assert_runs()  # if it has ended, that is the better reason
        raise
    server.assert_runs()
    return parse(text)


def sample(reading: Reading, latency: Histogram) -> Sample:
    """Return the figures that all driven scenarios have; cpu, user and system are per operation."""
    figures = {
        "cpu": reading.server_ns / reading.operations / _MICROSECOND,
        "rate": reading.operations / reading.seconds,
        "busy": reading.server_ns / reading.seconds / 1e9,
        "client_busy": reading.client_ns / reading.seconds / 1e9,
    }
    for name, share in (("p50", 50), ("p99", 99), ("p999", 99.9)):
        value = latency.percentile(share)
        if value is not None:
            figures[name] = value / _MICROSECOND
    ticks = reading.user_ticks, reading.system_ticks
    return Sample(figures, ticks, latency, steady=reading.steady)

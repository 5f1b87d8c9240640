"""The load generator: what it is told, and what it tells."""

import json
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.bench import Bench
from benchmarks.histogram import Histogram
from benchmarks.processes import MeasureError, Server, run_pinned
from benchmarks.scenario import Sample
from benchmarks.steadiness import Flanks

_MICROSECOND = 1e3  # nanoseconds
_PROBE = 0.01, 0.04  # seconds of warm-up, and of what counts
_PROBE_ATTEMPTS = 5
_PROBE_OPTIONS = {"connections": 50, "size": 64}
READ_SIZE = 65536
"""Bytes that every server asks for in one read, where that can be said."""


@dataclass(frozen=True, slots=True)
class Reading:
    """What was counted between warm-up and end.

    flanks: the state of the machine around it. lost: datagrams.
    """

    seconds: float
    operations: int
    bytes: int
    server_ns: int
    user_ticks: int
    system_ticks: int
    client_ns: int
    latency: Histogram
    slow: Histogram
    flanks: Flanks | None = None
    lost: int = 0


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
    pace = bench.pace
    command = _command(bench, server, mode, (pace.warmup, pace.seconds), options)
    reading, flanks = bench.steadiness.around(lambda: _run(bench, server, command))
    return replace(reading, flanks=flanks)


def probe(bench: Bench, server: Server) -> float:
    """Return the nanoseconds of processor time that a server takes for one request just now."""
    command = _command(bench, server, "echo", _PROBE, _PROBE_OPTIONS)
    for _ in range(_PROBE_ATTEMPTS - 1):
        # So short a load may see not one request where others want the processors.
        with suppress(MeasureError):
            return _per_request(_run(bench, server, command))
    return _per_request(_run(bench, server, command))


def _per_request(reading: Reading) -> float:
    return reading.server_ns / reading.operations


def _command(
    bench: Bench,
    server: Server,
    mode: str,
    span: tuple[float, float],
    options: Mapping[str, int],
) -> list[str]:
    """Return the command of a load; span: seconds of warm-up, and of what counts."""
    warmup, seconds = span
    given = {
        "port": server.port,
        "pid": server.pid,
        "warmup": warmup,
        "seconds": seconds,
        # On one core, a client that never sleeps would leave the server nothing.
        "spin": int(bench.cores.apart),
        **options,
    }
    command = [str(bench.programs.load), mode]
    for name, value in given.items():
        command += [f"--{name.replace('_', '-')}", str(value)]
    return command


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
    return Sample(figures, ticks, latency, flanks=reading.flanks)

"""redis-benchmark, against Redis itself and against servers in Python."""

import csv
import os
import shutil

from benchmarks.bench import Bench, Programs
from benchmarks.contenders import Contender
from benchmarks.peers.resp import REDIS, SERVERS
from benchmarks.peers.resp.client import Client
from benchmarks.processes import MeasureError, Server, run_pinned, serving
from benchmarks.procfs import cpu_ns, cpu_ticks
from benchmarks.scenario import Axes, Cell, Figure, Sample, Scenario

TOOL = "redis-benchmark"
SIZE = 64  # bytes of a value
KEY = b"key:__rand_int__"
"""The one key that redis-benchmark uses, by this name unless it is told to make up others."""
REQUESTS = {1: 20_000, 16: 60_000}
"""How many are measured, by how many are under way on each connection."""
_WARM_UP = 10  # of so many requests one is before the others


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Have redis-benchmark give one command over and over."""
    with serving(bench, contender) as server, Client(server.port) as client:
        before = os.urandom(SIZE // 2).hex().encode()
        client.ask(b"SET", KEY, before)
        taken = _drive(cell, server, bench)
        verify(cell.text("command"), before, client.ask(b"GET", KEY))
        server.assert_runs()
    return taken


def verify(command: str, before: bytes, after: bytes) -> None:
    """Raise MeasureError unless the command has done to the value what it should have."""
    if len(after) != SIZE or (after == before) != (command == "GET"):
        raise MeasureError(f"after redis-benchmark's {command} the value was {after[:80]!r}")


def _drive(cell: Cell, server: Server, bench: Bench) -> Sample:
    requests = max(1, int(REQUESTS[cell.number("depth")] * bench.pace.share))

    def run(number: int) -> str:
        return run_pinned(bench.programs, bench.cores.client, command(cell, server.port, number))

    def load() -> tuple[str, int, tuple[int, int]]:
        run(-(-requests // _WARM_UP))
        used, (user, system) = cpu_ns(server.pid), cpu_ticks(server.pid)
        text = run(requests)
        user_now, system_now = cpu_ticks(server.pid)
        return text, cpu_ns(server.pid) - used, (user_now - user, system_now - system)

    (text, used, ticks), flanks = bench.steadiness.around(load)
    figures = parse(text) | {"cpu": used / requests / 1e3}
    return Sample(figures, ticks, flanks=flanks)


def command(cell: Cell, port: int, requests: int) -> list[str]:
    """Return the command that gives so many commands."""
    options = {
        "-h": "127.0.0.1",
        "-p": port,
        "-c": cell.number("conns"),
        "-P": cell.number("depth"),
        "-n": requests,
        "-d": SIZE,
        "-t": cell.text("command").lower(),
    }
    return [TOOL, *(str(word) for pair in options.items() for word in pair), "--csv"]


def parse(text: str) -> dict[str, float]:
    """Return the figures of its table, which has a row for the one command."""
    try:
        (row,) = csv.DictReader(text.splitlines())
        return {
            "rate": float(row["rps"]),
            "p50": float(row["p50_latency_ms"]) * 1e3,
            "p99": float(row["p99_latency_ms"]) * 1e3,
        }
    except (ValueError, KeyError, TypeError) as error:
        raise MeasureError(f"{TOOL} said {text[:80]!r}") from error


def missing(_programs: Programs) -> str:
    """Return why it cannot be measured here; nothing if it can."""
    return "" if shutil.which(TOOL) else f"{TOOL} is not installed"


_FIGURES = (
    Figure("cpu", "CPU µs/req"),
    Figure("user", "user"),
    Figure("system", "system"),
    Figure("rate", "req/s", 0, less_is_better=False),
    Figure("p50", "p50 µs", 0),
    Figure("p99", "p99 µs", 0),
)


def _scenario(name: str, title: str, about: str, depth: int) -> Scenario:
    others: Axes = {"conns": (50,), "depth": (depth,)}
    return Scenario(
        name=name,
        title=title,
        about=about,
        axes={"command": ("GET", "SET"), **others},
        quick={"command": ("GET",), **others},
        contenders=SERVERS,
        reference=REDIS.name,
        figures=_FIGURES,
        measure=measure,
        missing=missing,
    )


SINGLE = _scenario(
    "redis",
    "Redis' protocol",
    "redis-benchmark gives a command, waits for the answer, gives the next; values of"
    f" {SIZE} bytes. netpoll is examples/resp_server.py, gevent the same engine.",
    1,
)
PIPELINED = _scenario(
    "redis-pipeline",
    "Redis' protocol, pipelined",
    "The same with -P 16: sixteen commands are sent at a time.",
    16,
)

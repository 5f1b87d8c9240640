"""What connections cost that do nothing."""

import subprocess
import time

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import MeasureError, Server, pinned, read_line, serving
from benchmarks.procfs import cpu_ns, resident_kib, wakeups
from benchmarks.scenario import Cell, Figure, Sample, Scenario

_READ_SIZE = 4096  # some servers have a buffer of this size for each connection
_PATIENCE = 30.0


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Open connections, each with one echo behind it, and look what the server has grown by."""
    connections = cell.number("conns")
    with serving(bench, contender, "echo", _READ_SIZE) as server:
        before = resident_kib(server.pid)
        with _client(bench, server, connections) as client:
            try:
                if read_line(client) != "open\n":
                    raise MeasureError(_complaint(client))
                figures = _at_rest(server, bench.pace.seconds)
                after = resident_kib(server.pid)
                _let_go(client)
            finally:
                client.kill()
        server.assert_runs()
    return Sample({"memory": (after - before) / connections, "base": before, **figures})


def _client(bench: Bench, server: Server, connections: int) -> "subprocess.Popen[str]":
    command = [str(bench.programs.load), "idle"]
    command += ["--port", str(server.port), "--connections", str(connections)]
    return subprocess.Popen(
        pinned(bench.programs, bench.cores.client, command),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _at_rest(server: Server, seconds: float) -> dict[str, float]:
    """Return what the server does per second while nobody wants anything of it."""
    time.sleep(0.05)  # what the last connection has set off may come to its end
    begin, cpu, woken = time.monotonic(), cpu_ns(server.pid), wakeups(server.pid)
    time.sleep(seconds)
    elapsed = time.monotonic() - begin
    return {
        "idle_cpu": (cpu_ns(server.pid) - cpu) / elapsed / 1e3,
        "wakeups": (wakeups(server.pid) - woken) / elapsed,
    }


def _let_go(client: "subprocess.Popen[str]") -> None:
    """Have every connection answer once more."""
    client.communicate("\n", timeout=_PATIENCE)
    if client.returncode != 0:
        raise MeasureError("a connection that had been idle did not answer")


def _complaint(client: "subprocess.Popen[str]") -> str:
    client.kill()
    _, errors = client.communicate(timeout=_PATIENCE)
    return errors.strip() or "the connections could not be opened in time"


IDLE = Scenario(
    name="idle",
    title="Idle connections",
    about="Resident memory of the server per connection that has had one message echoed and then"
    " does nothing, with reads of 4 KiB; and what the server does meanwhile.",
    axes={"conns": (1000, 10000)},
    quick={"conns": (1000,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=(
        Figure("memory", "KiB/connection"),
        Figure("base", "KiB without any", 0),
        Figure("wakeups", "wake-ups/s", 1),
        Figure("idle_cpu", "CPU µs/s", 0),
    ),
    measure=measure,
    cores=None,
)

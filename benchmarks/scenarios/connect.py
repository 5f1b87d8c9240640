"""The whole life of a connection."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE, drive, sample
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario
from benchmarks.scenarios.echo import LATENCIES


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Make and end connections, so many at a time."""
    with serving(bench, contender, "echo", READ_SIZE) as server:
        reading = drive(bench, server, "cycle", connections=cell.number("conns"))
    return sample(reading, reading.latency)


CONNECT = Scenario(
    name="connect",
    title="Connect, echo, close",
    about="Each client connects, has 64 bytes echoed, closes, and waits for the server to close.",
    axes={"conns": (50,)},
    quick={"conns": (50,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=(
        Figure("cpu", "CPU µs/conn"),
        Figure("user", "user"),
        Figure("system", "system"),
        Figure("rate", "conn/s", 0, less_is_better=False),
        *LATENCIES,
    ),
    measure=measure,
)

"""Echo: small, medium and large messages, one under way on each connection or several."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE, drive, sample
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario
from benchmarks.steadiness import Place

LATENCIES = (
    Figure("p50", "p50 µs", 0),
    Figure("p99", "p99 µs", 0),
    Figure("p999", "p99.9 µs", 0),
)
FIGURES = (
    Figure("cpu", "CPU µs/req"),
    Figure("user", "user"),
    Figure("system", "system"),
    Figure("rate", "req/s", 0, less_is_better=False),
    *LATENCIES,
)


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Keep messages under way on all connections."""
    values = dict(cell.values)
    options = {
        "connections": cell.number("conns"),
        "size": cell.number("size"),
        "depth": int(values.get("depth", 1)),
    }
    with serving(bench, contender, "echo", READ_SIZE) as server:
        reading = drive(bench, server, "echo", **options)
    return sample(reading, reading.latency)


ECHO = Scenario(
    name="echo",
    title="Echo",
    about="Each connection sends a message, waits until all of it has come back, sends the next.",
    axes={"size": (64, 1024, 16384), "conns": (1, 50, 1000, 5000)},
    quick={"size": (64,), "conns": (1, 50)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=FIGURES,
    measure=measure,
)

NEAR = Scenario(
    name="near",
    title="Echo between cores next to each other",
    about="The same while the client's core and the server's share caches, which makes the kernel's"
    " part of a request small. Only where the cores move about.",
    axes={"size": (64,), "conns": (50,)},
    quick={"size": (64,), "conns": (50,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=FIGURES,
    measure=measure,
    cores=Place.NEAR,
)

PIPELINE = Scenario(
    name="pipeline",
    title="Pipelined echo",
    about="The same with several messages under way on each connection.",
    axes={"size": (64,), "conns": (50,), "depth": (16,)},
    quick={"size": (64,), "conns": (50,), "depth": (16,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=FIGURES,
    measure=measure,
)

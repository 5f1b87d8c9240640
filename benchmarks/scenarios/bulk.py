"""One-way throughput, to the server and from it."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE, drive, sample
from benchmarks.histogram import Histogram
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario

RECEIVE, SEND = "server receives", "server sends"
_MODES = {RECEIVE: "sink", SEND: "source"}


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Let bytes flow one way; an operation is a MiB."""
    mode = _MODES[cell.text("direction")]
    with serving(bench, contender, mode, READ_SIZE) as server:
        reading = drive(bench, server, mode, connections=cell.number("conns"))
    return sample(reading, Histogram())


BULK = Scenario(
    name="bulk",
    title="One-way throughput",
    about="Bytes flow one way as fast as they go; servers read and write 64 KiB at a time.",
    axes={"direction": (RECEIVE, SEND), "conns": (1,)},
    quick={"direction": (SEND,), "conns": (1,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=(
        Figure("cpu", "CPU µs/MiB", 0),
        Figure("user", "user", 0),
        Figure("system", "system", 0),
        Figure("rate", "MiB/s", 0, less_is_better=False),
    ),
    measure=measure,
)

"""How long it takes until a connection is served that is quiet most of the time."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE, drive, sample
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario

SLOW = 10
INTERVAL_US = 1000


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Take the latency of the slow connections; rate and processor time are those of the fast."""
    with serving(bench, contender, "echo", READ_SIZE) as server:
        reading = drive(
            bench,
            server,
            "echo",
            connections=cell.number("conns"),
            slow=SLOW,
            interval_us=INTERVAL_US,
        )
    return sample(reading, reading.slow)


WAKEUP = Scenario(
    name="wakeup",
    title="Wake-up latency under load",
    about=f"{SLOW} connections send 64 bytes about every millisecond, while the others echo without"
    " pause. The latencies are those of the slow ones.",
    axes={"conns": (50,)},
    quick={"conns": (50,)},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=(
        Figure("p999", "p99.9 µs", 0),
        Figure("p50", "p50 µs", 0),
        Figure("p99", "p99 µs", 0),
        Figure("rate", "fast req/s", 0, less_is_better=False),
    ),
    measure=measure,
)

"""UDP: datagrams that are sent back, and more of them than can be received."""

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import Reading, drive, sample
from benchmarks.peers.datagrams import RECEIVERS, SINGLY
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario

SIZE = 64
SOCKETS, UNDER_WAY = 10, 16
"""The client's sockets and the datagrams on each: fewer than the server's socket has room for."""

ECHO, FLOOD = "sent back", "received only"
_MODES = {ECHO: "echo", FLOOD: "flood"}


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Send, and have them sent back or counted."""
    mode = _MODES[cell.text("kind")]
    with serving(bench, contender, mode, SIZE) as server:
        if mode == "flood":
            reading = drive(bench, server, "flood", size=SIZE)
        else:
            options = {"connections": SOCKETS, "depth": UNDER_WAY, "size": SIZE}
            reading = drive(bench, server, "datagrams", **options)
    return with_loss(sample(reading, reading.latency), reading)


def with_loss(taken: Sample, reading: Reading) -> Sample:
    """Return the sample with the share of datagrams that were lost, in per cent."""
    taken.figures["loss"] = 100 * reading.lost / (reading.lost + reading.operations)
    return taken


DATAGRAMS = Scenario(
    name="datagrams",
    title="Datagrams",
    about=f"UDP, {SIZE} bytes each, on one socket of the server: sent back, with"
    f" {SOCKETS * UNDER_WAY} under way; and received only, while the client sends as fast as it"
    " can. What the server's socket has no room for is lost.",
    axes={"kind": (ECHO, FLOOD)},
    quick={"kind": (ECHO,)},
    contenders=RECEIVERS,
    reference=SINGLY.name,
    figures=(
        Figure("cpu", "CPU µs/datagram"),
        Figure("user", "user"),
        Figure("system", "system"),
        Figure("rate", "datagrams/s", 0, less_is_better=False),
        Figure("loss", "lost %", 1),
        Figure("p50", "p50 µs", 0),
        Figure("p99", "p99 µs", 0),
    ),
    measure=measure,
)

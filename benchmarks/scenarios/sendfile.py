"""A large file that goes to a client."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.bench import Bench
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE, Reading, drive
from benchmarks.peers.files import SENDERS, SENDFILE
from benchmarks.processes import serving
from benchmarks.scenario import Cell, Figure, Sample, Scenario

MEMORY = Path("/dev/shm")  # noqa: S108 - a file without a name
_MIB, _GIB = 1 << 20, 1 << 30


def measure(cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Fetch the file twice, of which the second time counts."""
    size = cell.number("file") * _MIB
    with file_of(size) as path, serving(bench, contender, path, READ_SIZE) as server:
        return sample(drive(bench, server, "file", size=size, requests=1))


@contextmanager
def file_of(size: int) -> Iterator[str]:
    """Return the path of a file in memory that holds 0, 1 ... 255 again and again."""
    chunk = bytes(range(256)) * (_MIB // 256)
    with tempfile.TemporaryFile(dir=MEMORY if MEMORY.is_dir() else None) as file:
        for _ in range(size // _MIB):
            file.write(chunk)
        file.flush()
        yield f"/proc/{os.getpid()}/fd/{file.fileno()}"


def sample(reading: Reading) -> Sample:
    """Return the figures; cpu, user and system are in seconds per GiB."""
    figures = {
        "cpu": reading.server_ns / 1e9 / (reading.bytes / _GIB),
        "rate": reading.bytes / 1e9 / reading.seconds,
        "busy": reading.server_ns / 1e9 / reading.seconds,
    }
    ticks = reading.user_ticks, reading.system_ticks
    return Sample(figures, ticks, flanks=reading.flanks)


SENDFILES = Scenario(
    name="sendfile",
    title="A file to a client",
    about="A file that is in memory, over a new connection; the client compares every byte. Who"
    " reads and writes does so 64 KiB at a time.",
    axes={"file": (1024,)},
    quick={"file": (64,)},
    contenders=SENDERS,
    reference=SENDFILE.name,
    figures=(
        Figure("cpu", "CPU s/GiB", 3),
        Figure("user", "user", 3),
        Figure("system", "system", 3),
        Figure("rate", "GB/s", 2, less_is_better=False),
    ),
    measure=measure,
)

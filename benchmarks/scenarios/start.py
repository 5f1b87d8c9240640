"""How long until it runs: importing, and starting a server up to its first answer."""

import os
import socket
import sys
import tempfile
import time

from benchmarks.bench import Bench, Programs
from benchmarks.contenders import Contender
from benchmarks.driving import READ_SIZE
from benchmarks.peers import LIMIT, SERVERS
from benchmarks.processes import MeasureError, serving, started
from benchmarks.procfs import cpu_ns
from benchmarks.scenario import Cell, Figure, Sample, Scenario

_MESSAGE = b"x" * 64
_PATIENCE = 20.0


def _python(_programs: Programs) -> list[str]:
    return [sys.executable, "-c"]


NOTHING = Contender("python", "python itself", _python, last=("pass",))
IMPORTS = (
    NOTHING,
    *(
        Contender(name, f"import {name}", _python, name, name, last=(f"import {name}",))
        for name in ("netpoll", "uvloop", "gevent", "curio", "trio")
    ),
    Contender("asyncio", "import asyncio", _python, last=("import asyncio",)),
)


def measure_import(_cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Run an interpreter that imports and ends."""
    begin = time.monotonic_ns()
    with (
        tempfile.TemporaryFile("w+") as errors,
        started(bench, contender, (), errors) as process,
    ):
        _, status, used = os.wait4(process.pid, 0)
        elapsed = time.monotonic_ns() - begin
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode != 0:
        raise MeasureError("the import failed")
    return Sample({"wall": elapsed / 1e6, "cpu": (used.ru_utime + used.ru_stime) * 1e3})


def measure_start(_cell: Cell, contender: Contender, bench: Bench) -> Sample:
    """Start a server, connect to it and have one message echoed."""
    begin = time.monotonic_ns()
    with serving(bench, contender, "echo", READ_SIZE) as server:
        with socket.create_connection(("127.0.0.1", server.port), timeout=_PATIENCE) as conn:
            conn.sendall(_MESSAGE)
            answer = conn.recv(len(_MESSAGE), socket.MSG_WAITALL)
        elapsed = time.monotonic_ns() - begin
        used = cpu_ns(server.pid)
    if answer != _MESSAGE:
        raise MeasureError("the first message did not come back")
    return Sample({"wall": elapsed / 1e6, "cpu": used / 1e6})


_FIGURES = (Figure("wall", "elapsed ms", 1), Figure("cpu", "CPU ms", 1))

IMPORT = Scenario(
    name="import",
    title="Importing",
    about="An interpreter that imports and ends.",
    axes={},
    quick={},
    contenders=IMPORTS,
    reference=NOTHING.name,
    figures=_FIGURES,
    measure=measure_import,
    cores=None,
)

START = Scenario(
    name="start",
    title="Start to first echo",
    about="From starting the server's process to the first message that has come back.",
    axes={},
    quick={},
    contenders=SERVERS,
    reference=LIMIT.name,
    figures=_FIGURES,
    measure=measure_start,
    cores=None,
)

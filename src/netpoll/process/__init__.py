"""Processes: `run` and `Popen` as in subprocess, whose waits park.

    done = process.run(["git", "log", "-1"], capture_output=True, check=True, timeout=10)

    with process.Popen(["sort"], stdin=process.PIPE, stdout=process.PIPE) as sort:
        ...

The exceptions, constants and CompletedProcess are subprocess's own. No handler of SIGCHLD, and
nobody else's children are waited for. Linux 5.4 or later.
"""

from subprocess import (
    DEVNULL,
    PIPE,
    STDOUT,
    CalledProcessError,
    CompletedProcess,
    SubprocessError,
    TimeoutExpired,
)

from netpoll.process.popen import Popen
from netpoll.process.runner import run

__all__ = [
    "DEVNULL",
    "PIPE",
    "STDOUT",
    "CalledProcessError",
    "CompletedProcess",
    "Popen",
    "SubprocessError",
    "TimeoutExpired",
    "run",
]

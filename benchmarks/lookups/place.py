"""Whether a place of our own for look-ups can be made here, and how."""

import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import cache

from benchmarks.bench import Bench, Programs
from benchmarks.building import HERE
from benchmarks.cores import choose
from benchmarks.lookups.inside import PREFIXES, wrapped
from benchmarks.processes import last_line

_PATIENCE = 20.0
_NOTHING = (sys.executable, "-c", "")


def command(bench: Bench, prefix: tuple[str, ...], *inner: str) -> list[str]:
    """Return what runs a command there, the name server on the client's core."""
    server = bench.cores.client, int(bench.cores.apart)
    return _command(bench.programs, prefix, server, inner)


def _command(
    programs: Programs, prefix: tuple[str, ...], server: tuple[int, int], inner: Sequence[str]
) -> list[str]:
    core, spin = map(str, server)
    return wrapped(prefix, core, str(programs.pinned), str(programs.dns_server), spin, *inner)


@cache
def find(programs: Programs) -> tuple[tuple[str, ...], str]:
    """Return what has to be put before a command to run it there; or nothing and the reason."""
    if shutil.which("unshare") is None:
        return (), "there is no unshare, from util-linux, to make a network of its own"
    reason = ""
    for prefix in PREFIXES:
        result = subprocess.run(
            _command(programs, prefix, (choose().client, 0), _NOTHING),
            cwd=HERE.parent,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_PATIENCE,
            check=False,
        )
        if result.returncode == 0:
            return prefix, ""
        reason = reason or last_line(result.stderr)
    return (), f"a network of its own needs root here: {reason}"

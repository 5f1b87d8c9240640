"""What the figures were measured on: enough to judge them, nothing that names a machine."""

import os
import platform
import subprocess
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from benchmarks.building import HERE, compiler, find_go
from benchmarks.contenders import Contender

_GIB = 1 << 30


def describe() -> dict[str, Any]:
    """Return the machine's properties."""
    return {
        "cores": len(os.sched_getaffinity(0)),
        "processor": _processor(),
        "virtual": " hypervisor " in _cpuinfo("flags") + " ",
        "architecture": platform.machine(),
        "memory_gib": round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / _GIB),
        "kernel": "{} {}.{}".format(platform.system(), *platform.release().split(".")[:2]),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
        "compiler": _first_line([*compiler(), "--version"]),
    }


def commit() -> str:
    """Return which state of this repository was measured; nothing if it is no clone."""
    return _first_line(["git", "-C", str(HERE), "describe", "--always", "--dirty"])


def versions(contenders: list[Contender]) -> dict[str, str]:
    """Return the version of each package that was measured."""
    found = {"greenlet": _version("greenlet")}
    for contender in contenders:
        if contender.distribution:
            found[contender.distribution] = _version(contender.distribution)
    go = find_go()
    if go is not None:
        words = _first_line([go, "version"]).split()
        found["go"] = words[2].removeprefix("go") if len(words) > 2 else ""  # noqa: PLR2004
    if any(contender.tool == "redis-server" for contender in contenders):
        found["redis"] = redis_version(_first_line(["redis-server", "--version"]))
    return {name: number for name, number in sorted(found.items()) if number}


def redis_version(line: str) -> str:
    """Return the version in what redis-server says of itself: "Redis server v=7.0.15 sha=..."."""
    return next((word[2:] for word in line.split() if word.startswith("v=")), "")


def _version(distribution: str) -> str:
    try:
        return version(distribution)
    except PackageNotFoundError:
        return ""


def _processor() -> str:
    return _cpuinfo("model name") or platform.machine()


def _cpuinfo(label: str) -> str:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
    except OSError:
        return ""
    for line in text.splitlines():
        name, _, value = line.partition(":")
        if name.strip() == label:
            return f" {value.strip()}" if label == "flags" else value.strip()
    return ""


def _first_line(command: list[str]) -> str:
    try:
        result = subprocess.run(command, capture_output=True, text=True, check=False, timeout=20)
    except OSError:
        return ""
    return result.stdout.partition("\n")[0]

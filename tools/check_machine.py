"""Say plainly what this machine lacks to build the package, before a compiler's traceback does.

Run by the interpreter that is to build it. Status 0 and no output: nothing is missing. Keeps to
what old interpreters understand, because one of them is what it may have to complain about.
"""

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

OLDEST, NEWEST = (3, 11), (3, 14)
VERSION = "{0[0]}.{0[1]}".format(sys.version_info)
SAMPLE = "#include <Python.h>\n#include <sys/socket.h>\nint main(void) { return 0; }\n"


def install(debian: str, fedora: str) -> str:
    """Return the lines that name the packages to install."""
    names = ("Debian, Ubuntu", debian), ("Fedora", fedora)
    return "".join("\n    {0:16}{1}".format(system + ":", command) for system, command in names)


def python_problem() -> str:
    """Return what is wrong with the interpreter itself, or nothing."""
    if sys.implementation.name != "cpython":
        return "{0} is {1}; netpoll needs CPython".format(sys.executable, sys.implementation.name)
    if OLDEST <= sys.version_info[:2] <= NEWEST:
        return ""
    return (
        "{0} is Python {1}; netpoll needs CPython {2[0]}.{2[1]} to {3[0]}.{3[1]}\n"
        "  Name another one: make PYTHON=/path/to/python3.12, or install one:"
    ).format(sys.executable, VERSION, OLDEST, NEWEST) + install(
        "apt install python3.12 python3.12-venv python3.12-dev",
        "dnf install python3.12 python3.12-devel",
    )


def system_problem() -> str:
    """Return what is wrong with the operating system, or nothing."""
    if platform.system() == "Linux":
        return ""
    return "this is {0}; netpoll has a poller for Linux (epoll) only".format(platform.system())


def venv_problem() -> str:
    """Return a message if no virtual environment with pip can be made, or nothing."""
    try:
        import ensurepip  # noqa: F401, PLC0415 - Debian leaves it out, which is the question
        import venv  # noqa: F401, PLC0415
    except ImportError as error:
        return "{0} cannot make virtual environments ({1}). Install:".format(
            sys.executable, error
        ) + install(
            "apt install python{0}-venv".format(VERSION),
            "dnf install python3-libs",
        )
    return ""


def compiler() -> "list[str]":
    """Return the command that setuptools will compile with."""
    return shlex.split(os.environ.get("CC") or sysconfig.get_config_var("CC") or "cc")


def compiler_problem() -> str:
    """Return a message if there is no C compiler, or nothing."""
    command = compiler()
    if shutil.which(command[0]):
        return ""
    return "no C compiler: {0} is not there ({1}). Install, or set CC=:".format(
        command[0], "from CC" if os.environ.get("CC") else "the one Python was built with"
    ) + install("apt install gcc libc6-dev", "dnf install gcc")


def headers_problem() -> str:
    """Return a message if Python's C headers are not installed, or nothing."""
    header = Path(sysconfig.get_path("include"), "Python.h")
    if header.exists():
        return ""
    return "no Python headers: {0} is not there. Install:".format(header) + install(
        "apt install python{0}-dev".format(VERSION),
        "dnf install python3-devel",
    )


def compile_problem() -> str:
    """Return a message if a file of four lines does not compile, or nothing."""
    places = ["-I" + sysconfig.get_path(name) for name in ("include", "platinclude")]
    with tempfile.TemporaryDirectory() as directory:
        Path(directory, "sample.c").write_text(SAMPLE)
        result = subprocess.run(
            [*compiler(), *places, "-c", "sample.c", "-o", "sample.o"],
            cwd=directory,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            universal_newlines=True,
            check=False,
        )
    if result.returncode == 0:
        return ""
    return "the C compiler cannot compile a small file that includes Python.h:\n    {0}".format(
        "\n    ".join(result.stdout.splitlines()[:6])
    ) + install("apt install gcc libc6-dev", "dnf install gcc")


def problems() -> "list[str]":
    """Return one message for each thing that is missing."""
    if python_problem():
        return [python_problem()]  # the rest is to be asked of another interpreter
    found = [system_problem(), venv_problem(), compiler_problem(), headers_problem()]
    return [message for message in found if message] or list(filter(None, [compile_problem()]))


if __name__ == "__main__":
    missing = problems()
    for message in missing:
        sys.stderr.write("netpoll cannot be built here: " + message + "\n")
    sys.exit(1 if missing else 0)

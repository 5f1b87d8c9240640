"""Run `make test` with each CPython that the package supports and this machine has.

Each version has an environment of its own (.venv-3.12), and two are tested at a time. With
--others, the version that runs this script is left out. A version that is absent, or cannot build
the package, is named and skipped.
"""

import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
AT_ONCE = 2
CHECK = Path(__file__).with_name("check_machine.py")


def candidates(version: str) -> list[Path]:
    """Return the files that may be this version: those on PATH, then pyenv's."""
    on_path = [Path(place, f"python{version}") for place in os.get_exec_path()]
    by_pyenv = sorted(Path.home().glob(f".pyenv/versions/{version}.*/bin/python{version}"))
    return [path for path in on_path + by_pyenv if os.access(path, os.X_OK)]


def runs(python: Path, version: str) -> bool:
    """Tell whether the file is this version; pyenv's shims of versions not chosen fail to run."""
    code = "import sys; print('{0[0]}.{0[1]}'.format(sys.version_info))"
    result = subprocess.run([python, "-c", code], capture_output=True, text=True, check=False)
    return result.returncode == 0 and result.stdout.strip() == version


def find(version: str) -> tuple[Path | None, str]:
    """Return the first interpreter that can build the package, or None and the reason."""
    reason = "not on this machine"
    for python in candidates(version):
        if not runs(python, version):
            continue
        check = subprocess.run([python, CHECK], capture_output=True, text=True, check=False)
        if check.returncode == 0:
            return python, ""
        reason = check.stderr.strip()
    return None, reason


def make(target: str, version: str, python: Path, output: IO[str] | None = None) -> bool:
    """Make a target in the environment of a version; return whether that went well."""
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", target]
    command += [f"PYTHON={python}", f"VENV=.venv-{version}"]
    # What failed with one version is not what failed with another.
    cache = f"-o cache_dir=.venv-{version}/.pytest_cache"
    command += [f"ARGS={cache} {os.environ.get('ARGS', '')}"]
    return subprocess.call(command, stdout=output, stderr=output and subprocess.STDOUT) == 0


def test(version: str, python: Path) -> bool:
    """Run the suite with one version, and print what it has printed when it has ended."""
    with TemporaryFile("w+") as output:
        well = make("test", version, python, output)
        output.seek(0)
        print(f"--- CPython {version}: {python}\n{output.read()}", flush=True)
    return well


def main() -> int:
    """Test every version and print the summary; return the exit status."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    left_out = running if "--others" in sys.argv[1:] else None
    found = {version: find(version) for version in VERSIONS if version != left_out}
    lines = [f"CPython {v}: skipped, {reason}" for v, (p, reason) in found.items() if p is None]
    pythons = {version: python for version, (python, _) in found.items() if python is not None}
    built = {v: python for v, python in pythons.items() if make("build", v, python)}
    # The builds share a directory; the suites share nothing, and wait for much of their time.
    with ThreadPoolExecutor(AT_ONCE) as threads:
        well = dict(zip(built, threads.map(test, built, built.values()), strict=True))
    for version, python in pythons.items():
        result = "not built" if version not in built else "passed" if well[version] else "FAILED"
        lines.append(f"CPython {version}: {result} ({python})")
    print("---", *lines, sep="\n")
    return 0 if all(well.get(version) for version in pythons) else 1


if __name__ == "__main__":
    sys.exit(main())

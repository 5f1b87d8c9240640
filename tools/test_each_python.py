"""Run the suite with each CPython that the package supports and this machine has.

The version that runs this script is tested in the environment of `make test`, each other one in one
of its own (.venv-3.12). A version that is absent, or cannot build the package, is named and
skipped. With --again, what failed is run once more, when nothing else is running: a busy machine
may upset a test of timing once; what fails twice is broken.
"""

import os
import subprocess
import sys
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TypeAlias

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
RUNNING = f"{sys.version_info.major}.{sys.version_info.minor}"
CHECK = Path(__file__).with_name("check_machine.py")
Output: TypeAlias = IO[str] | None


def candidates(version: str) -> list[Path]:
    """Return the files that may be this version: those on PATH, then pyenv's."""
    if version == RUNNING:
        return [Path(sys.executable)]
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


def make(target: str, version: str, python: Path, args: str = "", output: Output = None) -> bool:
    """Make a target in the environment of a version; return whether that went well."""
    command = [os.environ.get("MAKE", "make"), "--no-print-directory", target, f"ARGS={args}"]
    if version != RUNNING:
        command += [f"PYTHON={python}", f"VENV=.venv-{version}"]
    return subprocess.call(command, stdout=output, stderr=output and subprocess.STDOUT) == 0


def test(version: str, python: Path, *more: str) -> bool:
    """Run the suite with one version, and print what it has printed when it has ended."""
    args = [os.environ.get("ARGS", ""), *more]
    if version != RUNNING:  # what failed with one version is not what failed with another
        args.append(f"-o cache_dir=.venv-{version}/.pytest_cache")
    with TemporaryFile("w+") as output:
        well = make("test", version, python, " ".join(args), output)
        output.seek(0)
        print(f"--- CPython {version}: {python}\n{output.read()}", flush=True)
    return well


def test_all(pythons: Mapping[str, Path]) -> dict[str, bool]:
    """Run the suite with all versions at once; return for each that was built how it went.

    One is built after the other, for the builds share a directory. The suites share nothing, and
    wait for a part of their time.
    """
    with ThreadPoolExecutor(len(VERSIONS)) as threads:
        suites = {
            version: threads.submit(test, version, python)
            for version, python in pythons.items()
            if make("build", version, python)
        }
    return {version: suite.result() for version, suite in suites.items()}


def main() -> int:
    """Test every version and print the summary; return the exit status."""
    found = {version: find(version) for version in VERSIONS}
    lines = [f"CPython {v}: skipped, {reason}" for v, (p, reason) in found.items() if p is None]
    pythons = {version: python for version, (python, _) in found.items() if python is not None}
    well = test_all(pythons)
    if "--again" in sys.argv[1:]:
        for version in [version for version, passed in well.items() if not passed]:
            print(f"--- CPython {version}: what failed, once more", flush=True)
            well[version] = test(version, pythons[version], "--last-failed")
    for version, python in pythons.items():
        result = "not built" if version not in well else "passed" if well[version] else "FAILED"
        lines.append(f"CPython {version}: {result} ({python})")
    print("---", *lines, sep="\n")
    return 0 if all(well.get(version) for version in pythons) else 1


if __name__ == "__main__":
    sys.exit(main())

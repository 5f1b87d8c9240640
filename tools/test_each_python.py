"""Run `make test` with each CPython that the package supports and this machine has.

Each version has an environment of its own (.venv-3.12). With --others, the version that runs this
script is left out. A version that is absent, or cannot build the package, is named and skipped.
"""

import os
import subprocess
import sys
from pathlib import Path

VERSIONS = ("3.11", "3.12", "3.13", "3.14")
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


def test(version: str) -> tuple[bool, str]:
    """Run the suite with one version; return whether that is well, and a line that says so."""
    python, reason = find(version)
    if python is None:
        return True, f"CPython {version}: skipped, {reason}"
    print(f"--- CPython {version}: {python}", flush=True)
    make = [os.environ.get("MAKE", "make"), "--no-print-directory", "test"]
    status = subprocess.call([*make, f"PYTHON={python}", f"VENV=.venv-{version}"])
    return status == 0, f"CPython {version}: {'passed' if status == 0 else 'FAILED'} ({python})"


def main() -> int:
    """Test every version and print the summary; return the exit status."""
    running = f"{sys.version_info.major}.{sys.version_info.minor}"
    left_out = running if "--others" in sys.argv[1:] else None
    results = [test(version) for version in VERSIONS if version != left_out]
    print("---", *(line for _, line in results), sep="\n")
    return 0 if all(well for well, _ in results) else 1


if __name__ == "__main__":
    sys.exit(main())

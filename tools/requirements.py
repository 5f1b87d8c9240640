"""Print the requirements of pyproject.toml's named groups, one per line, for pip's -r.

build: of the build itself; run: of the installed package; any other name: of that extra.
"""

import sys
import tomllib
from pathlib import Path


def requirements(groups: list[str]) -> list[str]:
    """Return the requirements of all the groups. Raises KeyError for a group that is none."""
    table = tomllib.loads(Path("pyproject.toml").read_text(encoding="utf-8"))
    known: dict[str, list[str]] = {
        "build": table["build-system"]["requires"],
        "run": table["project"]["dependencies"],
        **table["project"]["optional-dependencies"],
    }
    return sorted({requirement for group in groups for requirement in known[group]})


if __name__ == "__main__":
    print("\n".join(requirements(sys.argv[1:])))

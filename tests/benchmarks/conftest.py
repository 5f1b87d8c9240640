"""Programs for those who need some."""

from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from benchmarks import building
from benchmarks.bench import Programs


@pytest.fixture(scope="session")
def nothing_in_go() -> Programs:
    """Return programs that are not there, but for those in Go, which are known not to be."""
    names = [field.name for field in fields(Programs)]
    paths: dict[str, Any] = {n: None if n.startswith("go_") else Path("nowhere") for n in names}
    return Programs(**paths)


@pytest.fixture(scope="session")
def load(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the load generator."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(building, "BUILD", tmp_path_factory.mktemp("build"))
        return building.build_load()

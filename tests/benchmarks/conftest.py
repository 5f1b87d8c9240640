"""Programs for those who need some."""

from pathlib import Path

import pytest

from benchmarks.bench import Programs


@pytest.fixture
def nothing_in_go() -> Programs:
    """Return programs that are not there, but for those in Go, which are known not to be."""
    nowhere = Path("nowhere")
    return Programs(nowhere, nowhere, nowhere, None, None)

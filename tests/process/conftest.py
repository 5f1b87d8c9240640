"""No test may leave a process behind, not even a zombie."""

import time
from collections.abc import Iterator

import psutil
import pytest

SETTLED_WITHIN = 5.0


@pytest.fixture(autouse=True)
def leaves_no_process() -> Iterator[None]:
    """Fail a test after which a child of this process is left, running or not reaped."""
    before = set(psutil.Process().children())
    yield
    end = time.monotonic() + SETTLED_WITHIN
    while left := set(psutil.Process().children()) - before:
        assert time.monotonic() < end, left
        time.sleep(0.001)

"""What the tests of netpoll.sync share."""

import gc
import sys
from collections.abc import Iterator

import pytest


@pytest.fixture
def at_every_allocation() -> Iterator[None]:
    """Have the collector run at each allocation, over all that a test makes.

    What there is before is left out of it: it takes long, and does not change. From 3.12 on a
    collection waits for the next step of Python code.
    """
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(1, 1, 1)
    try:
        yield
    finally:
        gc.set_threshold(*before)


@pytest.fixture
def switching_often() -> Iterator[None]:
    """Have the threads take turns as often as the interpreter can."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        yield
    finally:
        sys.setswitchinterval(before)

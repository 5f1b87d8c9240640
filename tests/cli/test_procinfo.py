import mmap
import os
import subprocess
import sys

import pytest

from netpoll.cli.procinfo import cpu_seconds, resident_bytes


def test_processor_time_is_what_the_process_itself_sees() -> None:
    before = sum(os.times()[:2])
    while sum(os.times()[:2]) < before + 0.05:
        pass
    seen = cpu_seconds(os.getpid())
    assert seen == pytest.approx(sum(os.times()[:2]), abs=0.03)


def test_memory_in_use_is_seen() -> None:
    size = 8 << 20
    with mmap.mmap(-1, size) as held:  # not from malloc, which may keep what was freed before
        before = resident_bytes(os.getpid())
        for page in range(0, size, mmap.PAGESIZE):
            held[page] = 1
        after = resident_bytes(os.getpid())
    assert before is not None
    assert after is not None
    assert after - before == pytest.approx(size, rel=0.2)


@pytest.fixture(scope="module")
def gone() -> int:
    """Return the number of a process that there was."""
    with subprocess.Popen([sys.executable, "-c", ""]) as process:
        process.wait()
        return process.pid


def test_of_a_process_that_is_gone_nothing_is_known(gone: int) -> None:
    assert (cpu_seconds(gone), resident_bytes(gone)) == (None, None)


def test_of_no_process_nothing_is_known() -> None:
    assert (cpu_seconds(None), resident_bytes(None)) == (None, None)

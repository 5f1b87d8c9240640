"""The load generator puts a duration into the bucket of which the harness thinks."""

import ctypes
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.building import HERE, compiler
from benchmarks.histogram import middle

Counts = ctypes.c_uint64 * ((64 - 5) << 5)
SOURCE = HERE / "native" / "load" / "histogram.c"


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> ctypes.CDLL:
    """Build the load generator's histogram as a library."""
    file: Path = tmp_path_factory.mktemp("build") / "histogram.so"
    subprocess.run([*compiler(), "-shared", "-fPIC", str(SOURCE), "-o", str(file)], check=True)
    return ctypes.CDLL(str(file))


def bucket(library: ctypes.CDLL, ns: int) -> int:
    counts = Counts()
    library.histogram_add(ctypes.byref(counts), ctypes.c_int64(ns))
    assert sum(counts) == 1
    return list(counts).index(1)


@given(st.integers(0, 1 << 40))
def test_the_middle_of_its_bucket_is_not_far_off(library: ctypes.CDLL, ns: int) -> None:
    assert middle(bucket(library, ns)) == pytest.approx(ns, rel=0.016, abs=0.5)


def test_a_clock_that_goes_backwards_counts_as_no_time(library: ctypes.CDLL) -> None:
    assert bucket(library, -5) == 0


def test_the_longest_duration_has_a_bucket(library: ctypes.CDLL) -> None:
    assert bucket(library, (1 << 63) - 1) == len(Counts()) - 1

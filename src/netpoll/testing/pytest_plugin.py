"""For pytest: the mark `netpoll`, and the fixtures `virtual_clock` and `no_leaks`.

    @pytest.mark.netpoll                    the test runs as the main goroutine of a run
    @pytest.mark.netpoll(timeout=5)         and has to end within 5 s of its clock
    @pytest.mark.netpoll(shuffle=17)        in the order of seed 17
    @pytest.mark.netpoll(seeds=1000)        a thousand times, in the orders of the seeds from 0 on

What a goroutine raises and nobody joins is a failure of the test. Fixtures are made before the run
and end after it; with `seeds` they are made once. What a fixture has begun with `go` goes on in the
(first) run, and ends with it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import pytest

from netpoll import testing
from netpoll._runtime import report
from netpoll._runtime.lifecycle import check_plain, run
from netpoll._runtime.scheduler import ensure_scheduler
from netpoll._runtime.scope import timeout as time_limit
from netpoll.errors import ScopeTimeout
from netpoll.testing import failures

MARK = "netpoll"


@dataclass(frozen=True, kw_only=True)
class Options:
    """The arguments of the mark."""

    timeout: float | None = None
    shuffle: int | None = None
    seeds: int | None = None

    def __post_init__(self) -> None:
        if self.shuffle is not None and self.seeds is not None:
            raise TypeError("either shuffle, one seed, or seeds, a number of them")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line(
        "markers",
        "netpoll(*, timeout=None, shuffle=None, seeds=None): run the test as the main goroutine of "
        "a run, within so many seconds of its clock, in the order of a seed, or in each of the "
        "orders of so many seeds",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call(item: pytest.Item) -> Iterator[None]:
    """Put a test that is marked into a run."""
    mark = item.get_closest_marker(MARK)
    if mark is None or not isinstance(item, pytest.Function):
        return (yield)
    options = _options(mark)
    function = item.obj
    item.obj = _in_run(function, options, strict="no_leaks" in item.fixturenames)
    try:
        return (yield)
    finally:
        item.obj = function


def _options(mark: pytest.Mark) -> Options:
    try:
        return Options(*mark.args, **mark.kwargs)
    except TypeError as error:
        pytest.fail(f"pytest.mark.netpoll: {error}", pytrace=False)


def _in_run(
    function: Callable[..., object], options: Options, *, strict: bool
) -> Callable[..., None]:
    """Return what calls a test in the way that its mark says."""

    @functools.wraps(function)
    def test(*args: Any, **kwargs: Any) -> None:
        check_plain("run", function)

        def main() -> None:
            with testing.no_leaks() if strict else nullcontext():
                _in_time(options.timeout, functools.partial(function, *args, **kwargs))

        if options.seeds is not None:
            testing.each_seed(main, options.seeds)
            return
        order = nullcontext() if options.shuffle is None else testing.shuffled(options.shuffle)
        with failures.heard(), order:
            run(main)

    return test


def _in_time(seconds: float | None, call: Callable[[], object]) -> None:
    """Fail, saying what everybody does, if the call does not end in time."""
    limit = time_limit(seconds)
    try:
        with limit:
            call()
    except ScopeTimeout as error:
        if error.scope is not limit:
            raise
        goroutines = ensure_scheduler().goroutines()
        error.add_note(f"when the test's time was over:\n{report.dump(goroutines)}")
        raise


@pytest.fixture
def virtual_clock() -> Iterator[testing.VirtualClock]:
    """Give the test a time that jumps to the next timer when all its goroutines are parked."""
    with testing.virtual_clock() as clock:
        yield clock


@pytest.fixture
def no_leaks() -> Iterator[None]:
    """Fail a test that leaves goroutines, descriptors, threads or timers behind."""
    with testing.no_leaks():
        yield

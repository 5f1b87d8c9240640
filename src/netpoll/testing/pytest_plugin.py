"""For pytest: the mark `netpoll`, and the fixtures `virtual_clock` and `no_leaks`.

    @pytest.mark.netpoll                    the test runs as the main goroutine of a run
    @pytest.mark.netpoll(timeout=5)         and has to end within 5 s of its clock
    @pytest.mark.netpoll(shuffle=17)        in the order of seed 17
    @pytest.mark.netpoll(seeds=1000)        a thousand times, in the orders of the seeds from 0 on

What a goroutine raises and nobody joins is a failure of the test. What fixtures of the test have
begun with `go` goes on in the run, which then ends after them: to their ends they find what they
have begun. With `seeds` it ends with the first of the runs; and the fixtures, such as tmp_path, are
made once for all. The goroutines of a fixture with a wider scope end with the first test.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, fields
from typing import Any

import pytest

from netpoll import testing
from netpoll._runtime import report
from netpoll._runtime.alarm import Alarm
from netpoll._runtime.clock import monotonic_ns
from netpoll._runtime.ending import run_openly
from netpoll._runtime.goroutine import current
from netpoll._runtime.lifecycle import check_plain, end_own, run
from netpoll._runtime.scheduler import attached_scheduler, ensure_scheduler
from netpoll._runtime.scope import timeout as time_limit
from netpoll.errors import ScopeTimeout
from netpoll.testing import failures

MARK = "netpoll"
_open_run = pytest.StashKey[bool]()
_leaks_told = pytest.StashKey[bool]()


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
    item.obj = _in_run(item, function, options)
    try:
        return (yield)
    finally:
        item.obj = function


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item) -> Iterator[None]:
    """End the run of a test whose fixtures had goroutines in it, after these fixtures."""
    if not item.stash.get(_open_run, False):
        return (yield)
    with failures.heard():
        try:
            return (yield)
        finally:
            end_own()


def _options(mark: pytest.Mark) -> Options:
    known = [each.name for each in fields(Options)]
    given = [*map(repr, mark.args), *(repr(name) for name in mark.kwargs if name not in known)]
    wrong = f"takes {', '.join(known)}, each by its name; not {', '.join(given)}" if given else ""
    if not wrong:
        try:
            return Options(**mark.kwargs)
        except TypeError as error:
            wrong = str(error)
    pytest.fail(f"pytest.mark.netpoll: {wrong}", pytrace=False)


def _in_run(
    item: pytest.Function, function: Callable[..., object], options: Options
) -> Callable[..., None]:
    """Return what calls a test in the way that its mark says."""
    strict = "no_leaks" in item.fixturenames

    @functools.wraps(function)
    def test(*args: Any, **kwargs: Any) -> None:
        check_plain("run", function)

        def main() -> None:
            with _leaks_looked_for(item) if strict else nullcontext():
                _in_time(options.timeout, functools.partial(function, *args, **kwargs))

        if options.seeds is not None:
            testing.each_seed(main, options.seeds)
            return
        order = nullcontext() if options.shuffle is None else testing.shuffled(options.shuffle)
        with failures.heard(), order:
            if _goroutines():  # those of fixtures
                item.stash[_open_run] = True
                run_openly(main)
            else:
                run(main)

    return test


def _goroutines() -> bool:
    """Tell whether there are goroutines already, besides the main one."""
    scheduler = attached_scheduler()
    return scheduler is not None and len(scheduler.goroutines()) > 1


@contextmanager
def _leaks_looked_for(item: pytest.Item) -> Iterator[None]:
    """Look for leaks in the run, and note if some are told of: the fixture would find them too."""
    through = False
    try:
        with testing.no_leaks():
            yield
            through = True
    except AssertionError:
        item.stash[_leaks_told] = through
        raise


def _in_time(seconds: float | None, call: Callable[[], object]) -> None:
    """Fail, saying what everybody does at that moment, if the call does not end in time."""
    if seconds is None:
        call()
        return
    limit = time_limit(None)
    seen: list[str] = []

    def end() -> None:
        # While main still does what it does: its cancellation wakes it.
        others = [each for each in ensure_scheduler().goroutines() if each is not current()]
        seen.append(report.dump(others))
        limit.deadline = 0

    began = monotonic_ns()
    alarm = Alarm(seconds, end)
    try:
        with limit:
            call()
    except ScopeTimeout as error:
        if error.scope is limit and seen:
            error.add_note(f"when the test's time, {seconds:g} s, was over:\n{seen[0]}")
        raise
    finally:
        alarm.stop()
    # One that blocks its thread, and does not park any more, has been told of nothing.
    took = (monotonic_ns() - began) / 1e9
    if took > seconds:
        raise ScopeTimeout(f"the test was to take {seconds:g} s at most: {took:.2f} s", limit)


@pytest.fixture
def virtual_clock() -> Iterator[testing.VirtualClock]:
    """Give the test a time that jumps to the next timer when all its goroutines are parked."""
    with testing.virtual_clock() as clock:
        yield clock


class _Told(Exception):
    """The test has failed by what it left behind."""


@pytest.fixture
def no_leaks(request: pytest.FixtureRequest) -> Iterator[None]:
    """Fail a test that leaves goroutines, descriptors, threads or timers behind."""
    with suppress(_Told), testing.no_leaks():
        yield
        if request.node.stash.get(_leaks_told, False):
            raise _Told

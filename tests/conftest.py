"""What every test is held to: nothing is leaked, and no exception goes by unseen."""

import gc
import signal
import threading
import time
from collections.abc import Iterator

import pytest

import netpoll
from netpoll._poll import splice
from netpoll._runtime import lifecycle, report
from netpoll._runtime.scheduler import attached_scheduler
from tests.running import open_descriptors

# A shell gives background jobs an ignored SIGINT; the programs that tests start would inherit it.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Unhandled = list[tuple[netpoll.Goroutine, BaseException]]

SETTLED_WITHIN = 2.0
"""Seconds in which a thread that nobody waits for may end and close what it has open."""


@pytest.fixture(scope="session", autouse=True)
def thawed() -> Iterator[None]:
    """Undo at the end what `frozen` does."""
    yield
    gc.unfreeze()


@pytest.fixture(scope="module", autouse=True)
def frozen(thawed: None) -> None:
    """Leave what is there before a file of tests out of the collections in it.

    That is the ten thousand tests themselves and the reports of those that have run. Many tests
    have garbage collected again and again.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture
def unhandled(monkeypatch: pytest.MonkeyPatch) -> Unhandled:
    """Return what the excepthook was called with; a test takes out what it expects."""
    seen: Unhandled = []
    monkeypatch.setattr(netpoll, "excepthook", lambda *call: seen.append(call))
    return seen


@pytest.fixture
def left_behind(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of goroutines that outlived a run; a test takes out what it expects."""
    seen: list[str] = []
    monkeypatch.setattr(
        report,
        "left_behind",
        lambda goroutines, _grace: seen.extend(goroutine.name for goroutine in goroutines),
    )
    return seen


@pytest.fixture(autouse=True)
def leaks_nothing(unhandled: Unhandled, left_behind: list[str]) -> Iterator[None]:
    """Fail a test that leaks a descriptor, a goroutine, a thread or a signal handler."""
    descriptors = open_descriptors()
    threads = set(threading.enumerate())
    handler = signal.getsignal(signal.SIGINT)
    yield
    still_running = end_scheduler()
    splice.drop_pipes()
    assert not still_running, "a goroutine is still there after the test"
    assert not left_behind, "a goroutine did not end when it was cancelled"
    assert_settles(descriptors, threads)
    assert signal.getsignal(signal.SIGINT) is handler, "the handler of SIGINT is another one now"
    assert not unhandled, "a goroutine failed, and nobody joined it"


def end_scheduler() -> list[str]:
    """End what a test without a run made of this thread; return the goroutines that were left."""
    scheduler = attached_scheduler()
    if scheduler is None:
        return []
    main = scheduler.main_goroutine()
    names = [repr(g) for g in scheduler.goroutines() if g is not main]
    lifecycle.end(scheduler)
    return names


def assert_settles(descriptors: dict[int, str], threads: set[threading.Thread]) -> None:
    """Wait until descriptors and threads are those from before the test; fail if that never is."""
    end = time.monotonic() + SETTLED_WITHIN
    while (now := open_descriptors()) != descriptors or extra_threads(threads):
        gc.collect()
        if time.monotonic() > end:
            assert not extra_threads(threads), "a thread is still running after the test"
            assert now == descriptors, "not the descriptors that were open before the test"
        time.sleep(0.001)


def extra_threads(threads: set[threading.Thread]) -> set[threading.Thread]:
    """Return the threads begun since, without the pool's, which linger on purpose."""
    return {t for t in threading.enumerate() if t.name != "netpoll-blocking"} - threads

"""Cancellation and success at the same moment: it takes nothing away."""

import threading
from collections.abc import Callable
from contextlib import suppress
from functools import partial

import pytest

from netpoll import (
    Cancelled,
    GoroutineCancelled,
    blocking,
    go,
    gosched,
    lowlevel,
    net,
    sleep,
)
from tests.conftest import Unhandled
from tests.running import begin, in_run, pair, parked


@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_cancelled_read_takes_no_data_with_it(cancelled_first: bool) -> None:
    for primed in (False, True):  # primed: the last read was short, the next parks unasked
        for turns in range(4):
            with pair() as (end, peer):
                if primed:
                    peer.write(b"first")
                    assert end.read_bytes(100) == b"first"
                reader = begin(end.read_bytes, 100)
                if cancelled_first:
                    reader.cancel()
                    peer.write(b"data")
                else:
                    peer.write(b"data")
                    reader.cancel()
                for _ in range(turns):
                    gosched()
                try:
                    assert reader.join(10) == b"data"
                except GoroutineCancelled:
                    assert go(end.read_bytes, 100).join(10) == b"data"


@in_run
def test_a_cancelled_reader_in_line_is_passed_over() -> None:
    for readers in range(2, 5):
        for victim in range(readers):
            with pair() as (end, peer):
                waiting = [begin(end.read_bytes, 1) for _ in range(readers)]
                waiting[victim].cancel()
                peer.write(b"abcdefgh"[: readers - 1])
                got = [g.join(10) for i, g in enumerate(waiting) if i != victim]
                assert b"".join(got) == b"abcdefgh"[: readers - 1]
                with pytest.raises(GoroutineCancelled):
                    waiting[victim].join(10)


@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_lock_granted_to_a_cancelled_goroutine_is_not_lost(cancelled_first: bool) -> None:
    with pair() as (end, peer):
        first = begin(end.read_bytes, 1)
        second = begin(end.read_bytes, 1)
        third = begin(end.read_bytes, 1)

        def cancel_later() -> None:
            first.join()
            second.cancel()

        peer.write(b"abc")
        go(second.cancel if cancelled_first else cancel_later)
        got = [first.join(10)]
        with suppress(GoroutineCancelled):
            got.append(second.join(10))
        got.append(third.join(10))
        with suppress(TimeoutError):
            end.settimeout(0)
            got.append(end.read_bytes(10))
        assert b"".join(got) == b"abc"


@pytest.mark.parametrize("turns", range(4))
@in_run
def test_a_cancelled_accept_loses_no_connection(turns: int) -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        acceptor = begin(listener.accept)
        with net.dial("tcp", str(listener.local_addr)) as conn:
            for _ in range(turns):
                gosched()
            acceptor.cancel()
            try:
                accepted = acceptor.join(10)
            except GoroutineCancelled:
                accepted = listener.accept()
            with accepted:
                conn.write(b"x")
                assert accepted.read(1) == b"x"


@pytest.mark.parametrize("cancelled_first", [True, False])
@in_run
def test_a_permit_is_not_lost_to_a_cancellation(cancelled_first: bool) -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            lowlevel.park()
            seen.append("permit")
        except Cancelled:
            seen.append("cancelled")
            assert lowlevel.park() is True
            seen.append("permit")
        with pytest.raises(Cancelled):
            lowlevel.park()
        seen.append("cancelled")

    goroutine = parked(go(work))
    steps: list[Callable[[], None]] = [goroutine.cancel, partial(lowlevel.ready, goroutine)]
    for step in steps if cancelled_first else steps[::-1]:
        step()
    goroutine.join(10)
    assert seen in (["permit", "cancelled"], ["cancelled", "permit", "cancelled"])


@in_run
def test_a_join_that_has_its_result_keeps_it() -> None:
    seen: list[object] = []
    target = go(lowlevel.park)

    def work() -> None:
        seen.append(target.join())
        with pytest.raises(Cancelled):
            sleep(1)
        seen.append("cancelled at the next park")

    joiner = parked(go(work))

    def wake_and_cancel() -> None:
        lowlevel.ready(target)
        gosched()
        joiner.cancel()

    go(wake_and_cancel)
    joiner.join(10)
    assert seen == [True, "cancelled at the next park"]


@in_run
def test_a_write_that_is_cancelled_says_how_much_was_written(unhandled: Unhandled) -> None:
    with pair() as (end, peer):
        caught: list[Cancelled] = []

        def work() -> None:
            try:
                end.write(bytes(8 << 20))
            except Cancelled as exception:
                caught.append(exception)
                raise

        writer = parked(go(work))
        writer.cancel()
        with pytest.raises(GoroutineCancelled):
            writer.join()
        written: int = caught[0].bytes_written  # type: ignore[attr-defined]
        end.close()
        got = 0
        while data := peer.read_bytes(1 << 20):
            got += len(data)
        assert got == written


@in_run
def test_a_cancelled_call_on_a_thread_leaves_the_thread_to_itself() -> None:
    begun, end, ended = threading.Event(), threading.Event(), threading.Event()

    def call() -> None:
        begun.set()
        end.wait()
        ended.set()

    caller = parked(go(blocking, call))
    begun.wait()
    caller.cancel()
    with pytest.raises(GoroutineCancelled):
        caller.join(10)
    assert not ended.is_set()
    end.set()
    assert ended.wait(10)

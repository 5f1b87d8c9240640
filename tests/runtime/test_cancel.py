"""Cancellation: it reaches each kind of park, again and again, and takes nothing away."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from functools import partial
from typing import ParamSpec, TypeVar

import pytest

from netpoll import (
    Cancelled,
    Goroutine,
    GoroutineCancelled,
    blocking,
    current,
    go,
    gosched,
    lowlevel,
    net,
    run,
    sleep,
)
from tests.conftest import Unhandled
from tests.running import in_run, on_thread, pair, parked

Park = Callable[[], object]
P = ParamSpec("P")
T = TypeVar("T")

# ---- the kinds of parks, each of which would last for ever


@contextmanager
def sleeping() -> Iterator[Park]:
    yield lambda: sleep(3600)


@contextmanager
def parking() -> Iterator[Park]:
    yield lowlevel.park


@contextmanager
def parking_for_long() -> Iterator[Park]:
    yield lambda: lowlevel.park(3600)


@contextmanager
def yielding() -> Iterator[Park]:
    def forever() -> None:
        while True:
            gosched()

    yield forever


@contextmanager
def joining() -> Iterator[Park]:
    other = go(sleep, 3600)
    try:
        yield other.join
    finally:
        other.cancel()


@contextmanager
def joining_for_long() -> Iterator[Park]:
    other = go(sleep, 3600)
    try:
        yield lambda: other.join(3600)
    finally:
        other.cancel()


@contextmanager
def reading() -> Iterator[Park]:
    with pair() as (end, _):
        yield lambda: end.read_bytes(1)


@contextmanager
def reading_into() -> Iterator[Park]:
    with pair() as (end, _):
        yield lambda: end.readinto(bytearray(1))


@contextmanager
def reading_with_a_timeout() -> Iterator[Park]:
    with pair() as (end, _):
        end.settimeout(3600)
        yield lambda: end.read_bytes(1)


@contextmanager
def writing() -> Iterator[Park]:
    with pair() as (end, _):
        yield lambda: end.write(bytes(8 << 20))


@contextmanager
def writing_several() -> Iterator[Park]:
    with pair() as (end, _):
        yield lambda: end.writev([bytes(4 << 20), bytes(4 << 20)])


@contextmanager
def accepting() -> Iterator[Park]:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        yield listener.accept


@contextmanager
def connecting() -> Iterator[Park]:
    # A listener whose queue is full answers no more (listen(2)).
    with ExitStack() as stack:
        full = stack.enter_context(socket.socket())
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            filler = stack.enter_context(socket.socket())
            filler.setblocking(False)
            filler.connect_ex(full.getsockname())
        yield lambda: net.dial("tcp", f"127.0.0.1:{full.getsockname()[1]}")


@contextmanager
def in_line_to_read() -> Iterator[Park]:
    with pair() as (end, _):
        first = parked(go(end.read_bytes, 1))
        yield lambda: end.read_bytes(1)
        first.cancel()
        gosched()


@contextmanager
def in_line_to_write() -> Iterator[Park]:
    with pair() as (end, _):
        first = parked(go(end.write, bytes(8 << 20)))
        yield lambda: end.write(b"x")
        first.cancel()
        gosched()


@contextmanager
def waiting_for_a_descriptor() -> Iterator[Park]:
    ours, theirs = socket.socketpair()
    with ours, theirs, lowlevel.PollDesc(ours.fileno()) as pd:
        yield pd.wait_readable


@contextmanager
def calling_on_a_thread() -> Iterator[Park]:
    end = threading.Event()
    try:
        yield lambda: blocking(end.wait)
    finally:
        end.set()


Kind = Callable[[], AbstractContextManager[Park]]
KINDS: list[Kind] = [
    sleeping,
    parking,
    parking_for_long,
    yielding,
    joining,
    joining_for_long,
    reading,
    reading_into,
    reading_with_a_timeout,
    writing,
    writing_several,
    accepting,
    connecting,
    in_line_to_read,
    in_line_to_write,
    waiting_for_a_descriptor,
    calling_on_a_thread,
]
each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def begin(fn: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> Goroutine[T]:
    """Start a goroutine and let it come to its first park."""
    goroutine = go(fn, *args, **kwargs)
    gosched()
    gosched()
    return goroutine


# ---- in each kind of park


@each_kind
@in_run
def test_a_cancelled_goroutine_leaves_its_park(kind: Kind) -> None:
    with kind() as park:
        goroutine = begin(park)
        goroutine.cancel()
        with pytest.raises(GoroutineCancelled):
            goroutine.join(10)


@each_kind
@in_run
def test_a_goroutine_cancelled_before_it_parks_does_not_park(kind: Kind) -> None:
    with kind() as park:

        def work() -> None:
            current().cancel()
            park()

        with pytest.raises(GoroutineCancelled):
            go(work).join(10)


@each_kind
@in_run
def test_each_further_park_of_a_cancelled_goroutine_raises(kind: Kind) -> None:
    heard = 0
    with kind() as park:

        def work() -> str:
            nonlocal heard
            for _ in range(5):
                with pytest.raises(Cancelled):
                    park()
                heard += 1
            return "ended by itself"

        goroutine = begin(work)
        goroutine.cancel()
        assert goroutine.join(10) == "ended by itself"
    assert heard == 5


@each_kind
@in_run
def test_finally_blocks_run_and_may_not_park(kind: Kind) -> None:
    seen: list[str] = []
    with kind() as park:

        def work() -> None:
            try:
                park()
            finally:
                seen.append("cleaned up")
                park()
                seen.append("parked in finally")

        goroutine = begin(work)
        goroutine.cancel()
        with pytest.raises(GoroutineCancelled):
            goroutine.join(10)
    assert seen == ["cleaned up"]


@each_kind
@in_run
def test_a_goroutine_that_swallows_its_cancellation_freezes_nobody(kind: Kind) -> None:
    stop = False
    with kind() as park:

        def work() -> None:
            while not stop:
                with suppress(Cancelled):
                    park()

        goroutine = begin(work)
        goroutine.cancel()
        sleep(0.002)
        assert [go(lambda: 1).join() for _ in range(3)] == [1, 1, 1]
        with pair() as (one, two):
            echo = go(one.read_bytes, 1)
            two.write(b"x")
            assert echo.join(10) == b"x"
        stop = True
        goroutine.join(10)


@each_kind
@in_run
def test_another_thread_may_cancel(kind: Kind) -> None:
    with kind() as park:

        def work() -> None:
            while True:
                park()

        goroutine = begin(work)
        canceller = go(blocking, goroutine.cancel)
        with pytest.raises(GoroutineCancelled):
            goroutine.join(10)
        canceller.join()


@pytest.mark.parametrize("step", range(len(KINDS)))
@in_run
def test_a_cancellation_at_any_of_a_row_of_parks_runs_all_finally_blocks(step: int) -> None:
    entered: list[str] = []
    left: list[str] = []
    with ExitStack() as stack:
        parks = [stack.enter_context(kind()) for kind in KINDS[: step + 1]]

        def work(depth: int) -> None:
            try:
                entered.append(KINDS[depth].__name__)
                if depth < step:
                    with suppress(TimeoutError):
                        lowlevel.park(0.0001)
                    work(depth + 1)
                parks[depth]()
            finally:
                left.append(KINDS[depth].__name__)

        goroutine = go(work, 0)
        while len(entered) <= step:
            gosched()
        gosched()
        goroutine.cancel()
        with pytest.raises(GoroutineCancelled):
            goroutine.join(10)
    assert left == entered[::-1]


# ---- what becomes of it


@in_run
def test_a_goroutine_cancelled_before_it_begins_never_does() -> None:
    seen: list[int] = []
    goroutine = go(seen.append, 1)
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled) as caught:
        goroutine.join()
    assert isinstance(caught.value.__cause__, Cancelled)
    assert seen == []
    assert goroutine.done


@in_run
def test_join_of_a_cancelled_goroutine_says_which_one() -> None:
    goroutine = go(sleep, 60)
    goroutine.name = "dozer"
    gosched()
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled, match=r"^dozer was cancelled$") as caught:
        goroutine.join()
    assert isinstance(caught.value.__cause__, Cancelled)


@in_run
def test_a_cancelled_goroutine_may_still_return_something() -> None:
    def work() -> str:
        with suppress(Cancelled):
            sleep(60)
        return "result"

    goroutine = begin(work)
    goroutine.cancel()
    assert goroutine.join() == "result"
    assert goroutine.cancelled


@in_run
def test_a_cancelled_goroutine_may_raise_something_else() -> None:
    def work() -> None:
        try:
            sleep(60)
        except Cancelled:
            raise OSError("on the way out") from None

    goroutine = begin(work)
    goroutine.cancel()
    with pytest.raises(OSError, match="on the way out"):
        goroutine.join()


@in_run
def test_cancelled_raised_by_one_that_is_not_cancelled_is_an_exception_like_others() -> None:
    def work() -> None:
        raise Cancelled("of my own")

    with pytest.raises(Cancelled, match="of my own"):
        go(work).join()


@in_run
def test_a_joiner_is_not_cancelled_with_the_one_it_joins() -> None:
    target = go(sleep, 60)
    joiner = parked(go(target.join))
    target.cancel()
    with pytest.raises(GoroutineCancelled):
        joiner.join()
    assert not joiner.cancelled


@in_run
def test_cancelling_what_is_done_does_nothing() -> None:
    goroutine = go(lambda: 1)
    goroutine.join()
    goroutine.cancel()
    assert goroutine.join() == 1
    assert not goroutine.cancelled


@in_run
def test_cancelling_twice_is_cancelling() -> None:
    goroutine = parked(go(sleep, 60))
    goroutine.cancel()
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join()


@in_run
def test_who_cancels_goes_on_first() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")

    goroutine = parked(go(work))
    goroutine.cancel()
    seen.append("cancelled")
    gosched()
    assert seen == ["cancelled", "ended"]


@in_run
def test_a_goroutine_that_never_parks_is_not_disturbed() -> None:
    def work() -> int:
        current().cancel()
        return sum(range(1000))

    assert go(work).join() == 499500


def test_main_may_be_cancelled_too() -> None:
    def main() -> None:
        go(current().cancel)
        sleep(60)

    with pytest.raises(Cancelled, match="main was cancelled"):
        run(main)


def test_a_cancelled_main_still_waits_for_the_others() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("cleaned up")

    def main() -> None:
        parked(go(work))
        current().cancel()
        sleep(60)

    with pytest.raises(Cancelled):
        run(main)
    assert seen == ["cleaned up"]


def test_a_thread_cancels_a_goroutine_of_another_thread_before_it_begins() -> None:
    goroutine = go(sleep, 60)
    on_thread(goroutine.cancel)
    with pytest.raises(GoroutineCancelled):
        goroutine.join(10)


# ---- cancellation and success at the same moment


Order = tuple[Callable[[], None], Callable[[], None]]


def in_both_orders(one: Callable[[], None], two: Callable[[], None]) -> list[Order]:
    return [(one, two), (two, one)]


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

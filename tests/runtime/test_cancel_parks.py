"""Cancellation reaches each kind of park, again and again."""

import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress

import pytest

from netpoll import (
    Cancelled,
    GoroutineCancelled,
    blocking,
    current,
    go,
    gosched,
    lowlevel,
    net,
    sleep,
)
from tests.running import begin, in_run, pair, parked

Park = Callable[[], object]


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

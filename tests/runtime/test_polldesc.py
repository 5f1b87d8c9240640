"""lowlevel.PollDesc: waiting until a descriptor is ready."""

import gc
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from netpoll import ClosedError, DeadlineExceeded, GoroutineCancelled, go, gosched, run, sleep
from netpoll._poll.stream_fd import StreamFD
from netpoll.lowlevel import PollDesc
from tests.running import in_run, on_thread, open_descriptors, parked

Ends = tuple[socket.socket, socket.socket]


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        ours.setblocking(False)
        theirs.setblocking(False)
        yield ours, theirs


def fill(end: socket.socket) -> None:
    with pytest.raises(BlockingIOError):
        while True:
            end.send(bytes(65536))


def drain(end: socket.socket) -> int:
    got = 0
    with pytest.raises(BlockingIOError):
        while True:
            got += len(end.recv(1 << 20))
    return got


# ---- waiting


@in_run
def test_wait_readable_parks_until_there_is_something_to_read(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        for _ in range(3):
            waiter = parked(go(pd.wait_readable))
            assert waiter.state == "waiting: read"
            theirs.send(b"x")
            waiter.join()
            assert drain(ours) == 1


@in_run
def test_wait_writable_parks_until_something_may_be_written(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        pd.wait_writable()
        fill(ours)
        waiter = parked(go(pd.wait_writable))
        assert waiter.state == "waiting: write"
        drain(theirs)
        waiter.join()
        ours.send(b"x")


@in_run
def test_what_is_ready_at_the_registration_is_reported(ends: Ends) -> None:
    ours, theirs = ends
    theirs.send(b"x")
    with PollDesc(ours.fileno()) as pd:
        pd.wait_readable(1)


@in_run
def test_readiness_is_kept_until_somebody_waits(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        theirs.send(b"x")
        sleep(0.001)
        pd.wait_readable(1)
        # Edge-triggered: the same data is not reported twice.
        with pytest.raises(DeadlineExceeded):
            pd.wait_readable(0.001)
        theirs.send(b"y")
        pd.wait_readable(1)


@in_run
def test_the_end_of_the_stream_is_something_to_read(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        waiter = parked(go(pd.wait_readable))
        theirs.shutdown(socket.SHUT_WR)
        waiter.join()
        assert ours.recv(1) == b""


@in_run
def test_both_directions_may_be_waited_for_at_once(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        pd.wait_writable()
        fill(ours)
        reader, writer = parked(go(pd.wait_readable)), parked(go(pd.wait_writable))
        theirs.send(b"x")
        reader.join()
        assert not writer.done
        drain(theirs)
        writer.join()


@in_run
def test_a_pipe_can_be_waited_for() -> None:
    reading, writing = os.pipe2(os.O_NONBLOCK)
    with PollDesc(reading) as pd:
        waiter = parked(go(pd.wait_readable))
        os.write(writing, b"x")
        waiter.join()
        os.close(writing)
        pd.wait_readable(1)
    os.close(reading)


# ---- limits


@in_run
def test_a_wait_gives_up_after_its_timeout(ends: Ends) -> None:
    ours, _ = ends
    with PollDesc(ours.fileno()) as pd:
        begin = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            pd.wait_readable(0.005)
        assert time.monotonic() - begin >= 0.005


@pytest.mark.parametrize("timeout", [0, -1])
@in_run
def test_a_wait_with_no_time_left_takes_what_is_there(ends: Ends, timeout: float) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        with pytest.raises(TimeoutError):
            pd.wait_readable(timeout)
        theirs.send(b"x")
        sleep(0.001)
        pd.wait_readable(timeout)


@in_run
def test_a_wait_may_be_repeated_after_its_timeout(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        for _ in range(5):
            with pytest.raises(DeadlineExceeded):
                pd.wait_readable(0.0001)
        theirs.send(b"x")
        pd.wait_readable(1)


@in_run
def test_a_cancelled_wait_leaves_the_readiness_to_the_next(ends: Ends) -> None:
    ours, theirs = ends
    for turns in range(3):
        with PollDesc(ours.fileno()) as pd:
            waiter = parked(go(pd.wait_readable))
            theirs.send(b"x")
            waiter.cancel()
            for _ in range(turns):
                gosched()
            try:
                waiter.join()
            except GoroutineCancelled:
                pd.wait_readable(1)
            drain(ours)


# ---- who may wait


@in_run
def test_a_second_waiter_in_one_direction_is_refused(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        waiter = parked(go(pd.wait_readable))
        with pytest.raises(RuntimeError, match="another goroutine waits"):
            pd.wait_readable()
        theirs.send(b"x")
        waiter.join()


@in_run
def test_another_thread_is_refused(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        for wait in (pd.wait_readable, pd.wait_writable):
            with pytest.raises(RuntimeError, match="scheduler of another thread"):
                on_thread(wait)
        theirs.send(b"x")
        pd.wait_readable(1)


def test_after_its_run_it_is_closed(ends: Ends) -> None:
    ours, _ = ends
    pd = run(PollDesc, ours.fileno())
    with pytest.raises(ClosedError):
        run(pd.wait_readable)
    pd.close()


# ---- closing


@in_run
def test_close_wakes_who_waits_with_an_error(ends: Ends) -> None:
    ours, _ = ends
    pd = PollDesc(ours.fileno())
    pd.wait_writable()
    fill(ours)
    waiters = [parked(go(pd.wait_readable)), parked(go(pd.wait_writable))]
    pd.close()
    for waiter in waiters:
        with pytest.raises(ClosedError):
            waiter.join()


@in_run
def test_close_leaves_the_descriptor_open(ends: Ends) -> None:
    ours, theirs = ends
    PollDesc(ours.fileno()).close()
    theirs.send(b"x")
    assert ours.recv(1) == b"x"


@in_run
def test_after_close_every_wait_is_an_error(ends: Ends) -> None:
    ours, _ = ends
    with PollDesc(ours.fileno()) as pd:
        pass
    pd.close()
    for wait in (pd.wait_readable, pd.wait_writable):
        with pytest.raises(ClosedError):
            wait()


@in_run
def test_a_descriptor_may_be_registered_again_after_close(ends: Ends) -> None:
    ours, theirs = ends
    for _ in range(100):
        with PollDesc(ours.fileno()) as pd:
            theirs.send(b"x")
            pd.wait_readable(1)
            ours.recv(1)
            with pytest.raises(DeadlineExceeded):
                pd.wait_readable(0)


@in_run
def test_dropping_it_ends_the_registration(ends: Ends) -> None:
    ours, theirs = ends
    pd = PollDesc(ours.fileno())
    del pd
    with PollDesc(ours.fileno()) as again:
        theirs.send(b"x")
        again.wait_readable(1)


@in_run
def test_a_collection_of_garbage_may_drop_it(ends: Ends) -> None:
    ours, theirs = ends
    for _ in range(3):
        knot: list[object] = [PollDesc(ours.fileno())]
        knot.append(knot)
        del knot
        gc.collect()
    with PollDesc(ours.fileno()) as pd:
        theirs.send(b"x")
        pd.wait_readable(1)


@in_run
def test_a_number_that_serves_another_file_by_now_wakes_only_the_new_owner() -> None:
    for _ in range(20):
        ours, theirs = socket.socketpair()
        again, others = socket.socketpair()
        with ours, theirs, again, others:
            number = ours.fileno()
            old = PollDesc(number)
            waiter = parked(go(old.wait_readable))
            os.dup2(again.fileno(), number)  # closes what was there
            with PollDesc(number) as new:
                with pytest.raises(OSError, match="Bad file descriptor"):
                    waiter.join()
                newcomer = parked(go(new.wait_readable))
                theirs.close()
                gosched()
                others.send(b"x")
                newcomer.join()
                old.close()
                newcomer = parked(go(new.wait_readable))
                others.send(b"x")
                newcomer.join()


# ---- what cannot be waited for


@in_run
def test_a_regular_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"x")
    with path.open("rb") as file, pytest.raises(PermissionError):
        PollDesc(file.fileno())


@pytest.mark.parametrize("path", ["/", "/dev/null"])
@in_run
def test_directories_and_the_null_device_are_refused(path: str) -> None:
    number = os.open(path, os.O_RDONLY)
    with pytest.raises(PermissionError):
        PollDesc(number)
    os.close(number)


@in_run
def test_what_is_not_open_is_refused() -> None:
    sleep(0.0001)  # or else the poller itself would take the number
    number = os.dup(0)
    os.close(number)
    for wrong in (number, -1, 1 << 20, (1 << 31) - 1):
        with pytest.raises(OSError, match="Bad file descriptor"):
            PollDesc(wrong)


@in_run
def test_the_poller_s_own_descriptors_are_refused() -> None:
    sleep(0.0001)
    own = [number for number, of in open_descriptors().items() if "event" in of]
    assert len(own) == 2
    for number in own:
        with pytest.raises(ValueError, match="the poller's own"):
            PollDesc(number)


@in_run
def test_a_refused_registration_leaves_nothing_behind(ends: Ends, tmp_path: Path) -> None:
    ours, theirs = ends
    (tmp_path / "file").touch()
    for _ in range(100):
        with (tmp_path / "file").open() as file, pytest.raises(PermissionError):
            PollDesc(file.fileno())
    with PollDesc(ours.fileno()) as pd:
        theirs.send(b"x")
        pd.wait_readable(1)


@in_run
def test_it_wants_a_number() -> None:
    for wrong in (None, "1"):
        with pytest.raises(TypeError):
            PollDesc(wrong)  # type: ignore[arg-type]
    with pytest.raises(TypeError):
        PollDesc()  # type: ignore[call-arg]


@in_run
def test_it_cannot_be_registered_twice(ends: Ends) -> None:
    ours, _ = ends
    with PollDesc(ours.fileno()) as pd, pytest.raises(RuntimeError, match="already"):
        pd.__init__(ours.fileno())  # type: ignore[misc]


@in_run
def test_what_somebody_registered_already_is_refused_and_stays_his(ends: Ends) -> None:
    ours, theirs = ends
    fd = StreamFD.adopt(ours.detach())
    reader = parked(go(fd.read_bytes, 10))
    with pytest.raises(FileExistsError):
        PollDesc(fd.fileno())
    theirs.send(b"x")
    assert reader.join() == b"x"
    fd.close()
    with PollDesc(theirs.fileno()) as pd:
        with pytest.raises(FileExistsError):
            PollDesc(theirs.fileno())
        pd.wait_writable(1)


@in_run
def test_who_adopts_a_registered_number_takes_its_registration_over(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        waiter = parked(go(make, pd.wait_readable))
        fd = StreamFD.adopt(ours.detach())
        reader = parked(go(fd.read_bytes, 10))
        with pytest.raises(OSError, match="Bad file descriptor"):
            waiter.join()
        theirs.send(b"x")
        assert reader.join() == b"x"
    theirs.send(b"y")
    assert fd.read_bytes(10) == b"y"
    fd.close()


@in_run
def test_a_number_that_came_back_to_its_open_file_is_registered_again(ends: Ends) -> None:
    """The kernel keeps a registration for as long as a duplicate holds the file open."""
    ours, theirs = ends
    number = ours.fileno()
    fd = StreamFD.adopt(ours.detach())
    reader = parked(go(fd.read_bytes, 10))
    with socket.socket(fileno=os.dup(number)) as duplicate:
        os.close(number)
        os.dup2(duplicate.fileno(), number)
        again = StreamFD.adopt(number)
        with pytest.raises(OSError, match="Bad file descriptor"):
            reader.join()
        reader = parked(go(again.read_bytes, 10))
        theirs.send(b"x")
        assert reader.join() == b"x"
        fd.close()
        again.close()


def make(wait: Callable[[], None]) -> None:
    wait()


@in_run
def test_a_goroutine_that_is_stranded_lets_go_of_it(ends: Ends) -> None:
    ours, theirs = ends
    with PollDesc(ours.fileno()) as pd:
        waiter = parked(go(make, pd.wait_readable))
        waiter.cancel()
        with pytest.raises(GoroutineCancelled):
            waiter.join()
        theirs.send(b"x")
        pd.wait_readable(1)


@in_run
def test_an_fd_and_a_polldesc_of_different_descriptors_do_not_meet(ends: Ends) -> None:
    ours, theirs = ends
    fd = StreamFD.adopt(os.dup(theirs.fileno()))
    with PollDesc(ours.fileno()) as pd:
        reader = parked(go(fd.read_bytes, 10))
        waiter = parked(go(pd.wait_readable))
        ours.send(b"to them")
        assert reader.join() == b"to them"
        fd.write(b"to us")
        waiter.join()
        assert ours.recv(10) == b"to us"
    fd.close()

"""Descriptors closed behind our back, the poller's own too: an error in main, and on it goes."""

import fcntl
import os
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from netpoll import blocking, current, go, gosched, lowlevel, net, run, sleep
from netpoll._poll.stream_fd import StreamFD
from tests.running import in_run, on_thread, open_descriptors, pair, parked


def of_the_poller(kind: str) -> int:
    """Return the descriptor that is the poller's epoll or its event counter."""
    (number,) = (fd for fd, of in open_descriptors().items() if of == f"anon_inode:[{kind}]")
    return number


@pytest.fixture
def canaries() -> Iterator[list[int]]:
    """Take a descriptor number whenever asked; none may be closed by anybody else."""
    taken: list[int] = []
    yield taken
    for number in taken:
        assert open_descriptors().get(number) == "/dev/null"
        os.close(number)


def take_numbers(canaries: list[int], count: int) -> None:
    canaries.extend(os.open("/dev/null", os.O_RDONLY) for _ in range(count))


def assert_all_works() -> None:
    sleep(0.001)
    assert go(lambda: 1).join() == 1
    assert blocking(lambda: 2) == 2
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = parked(go(listener.accept))
        with net.dial("tcp", str(listener.local_addr)) as conn, accepting.join() as accepted:
            reader = parked(go(accepted.read))
            conn.write(b"x")
            assert reader.join() == b"x"


@in_run
def test_main_is_told_that_the_poller_is_gone_and_goes_on(canaries: list[int]) -> None:
    assert_all_works()
    os.close(of_the_poller("eventpoll"))
    with pytest.raises(OSError, match="Bad file descriptor"):
        sleep(10)
    take_numbers(canaries, 5)
    assert_all_works()


@in_run
def test_main_is_told_whoever_finds_out(canaries: list[int]) -> None:
    sleep(0.001)
    os.close(of_the_poller("eventpoll"))
    sleeper = parked(go(sleep, 0.05))
    with pytest.raises(OSError, match="Bad file descriptor"):
        sleeper.join()
    take_numbers(canaries, 5)
    sleeper.join()
    assert_all_works()


@in_run
def test_who_waits_for_the_network_goes_on_waiting_with_a_new_poller() -> None:
    with pair() as (one, two), pair() as (three, four):
        for _ in range(3):
            reader = parked(go(one.read_bytes, 10))
            writer = parked(go(three.write, bytes(4 << 20)))
            os.close(of_the_poller("eventpoll"))
            with pytest.raises(OSError, match="Bad file descriptor"):
                sleep(10)
            two.write(b"x")
            assert reader.join() == b"x"
            got = 0
            while got < 4 << 20:
                got += len(four.read_bytes(1 << 20))
            assert writer.join() == 4 << 20


@in_run
def test_a_listener_goes_on_accepting() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        acceptor = parked(go(listener.accept))
        os.close(of_the_poller("eventpoll"))
        with pytest.raises(OSError, match="Bad file descriptor"):
            sleep(10)
        with net.dial("tcp", str(listener.local_addr)), acceptor.join():
            pass


@in_run
def test_deadlines_hold_all_the_same() -> None:
    with pair() as (one, _):
        reader = parked(go(one.read_bytes, 10))
        one.set_read_deadline(time.monotonic() + 0.01)
        os.close(of_the_poller("eventpoll"))
        with pytest.raises(OSError, match="Bad file descriptor"):
            sleep(10)
        with pytest.raises(TimeoutError):
            reader.join()


@in_run
def test_a_polldesc_goes_on_too() -> None:
    with pair() as (one, two):
        with lowlevel.PollDesc(os.dup(one.fileno())) as pd:
            waiter = parked(go(pd.wait_readable))
            os.close(of_the_poller("eventpoll"))
            with pytest.raises(OSError, match="Bad file descriptor"):
                sleep(10)
            two.write(b"x")
            waiter.join()
            number = max(fd for fd, of in open_descriptors().items() if of.startswith("socket:"))
        os.close(number)


@in_run
def test_a_poller_whose_number_is_another_file_by_now_is_lost_as_well(canaries: list[int]) -> None:
    assert_all_works()
    number = of_the_poller("eventpoll")
    null = os.open("/dev/null", os.O_RDONLY)
    os.dup2(null, number)
    os.close(null)
    with pytest.raises(OSError):
        sleep(10)
    canaries.append(number)
    assert_all_works()


@in_run
def test_on_another_thread_than_the_main_one_its_main_is_told() -> None:
    def main() -> None:
        sleep(0.001)
        numbers = [fd for fd, of in open_descriptors().items() if of == "anon_inode:[eventpoll]"]
        os.close(max(numbers))
        with pytest.raises(OSError, match="Bad file descriptor"):
            sleep(10)
        assert_all_works()

    on_thread(run, main)


def close_all_since(before: set[int]) -> None:
    for number in set(open_descriptors()) - before:
        os.close(number)


@in_run
def test_after_all_descriptors_were_closed_it_goes_on() -> None:
    before = set(open_descriptors())
    sleep(0.001)
    ours, theirs = socket.socketpair()
    number = fcntl.fcntl(ours, fcntl.F_DUPFD_CLOEXEC, 900)  # one that nobody will get soon
    fd = StreamFD.adopt(number)
    ours.detach(), theirs.detach()
    reader = parked(go(fd.read_bytes, 1))
    close_all_since(before)
    for broken in (lambda: sleep(10), reader.join):
        with pytest.raises(OSError, match="Bad file descriptor"):
            broken()
    assert_all_works()
    fd.close()


@pytest.mark.parametrize("pause", [0, 0.02])  # the signal gate is set anew after 0.01
@in_run
def test_whoever_has_the_numbers_that_were_closed_keeps_them(
    canaries: list[int], pause: float
) -> None:
    before = set(open_descriptors())
    for _ in range(3):
        assert_all_works()
        close_all_since(before)
        take_numbers(canaries, 10)
        time.sleep(pause)
        before.update(canaries)
        with pytest.raises(OSError):
            sleep(10)


@pytest.mark.parametrize("pause", [0, 0.02])  # the signal gate is set anew after 0.01
@in_run
def test_one_error_is_all_that_comes_of_it(pause: float) -> None:
    before = set(open_descriptors())
    sleep(0.001)
    time.sleep(pause)
    close_all_since(before)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sleep(10)
    for _ in range(3):
        time.sleep(pause)
        assert_all_works()


@in_run
def test_another_thread_is_still_heard_after_all_was_closed() -> None:
    before = set(open_descriptors())
    sleep(0.001)
    close_all_since(before)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sleep(10)
    main = current()
    threading.Timer(0.002, lowlevel.ready, [main]).start()
    assert lowlevel.park(5) is True
    gosched()


# ---- the event counter alone: what other threads wake the poller by


def woken_by_a_thread() -> bool:
    """Tell whether main, parked with nothing else to come, is woken by another thread."""
    main = current()

    def wake() -> None:
        while not main.state.startswith("waiting"):
            time.sleep(0.0001)
        time.sleep(0.002)  # into the poll, if it can be; right either way
        lowlevel.ready(main)

    waker = threading.Thread(target=wake)
    waker.start()
    try:
        return lowlevel.park(3)
    finally:
        waker.join()


@in_run
def test_another_thread_is_still_heard_when_the_event_counter_is_gone() -> None:
    sleep(0.001)
    for _ in range(3):
        os.close(of_the_poller("eventfd"))
        assert woken_by_a_thread()
        assert blocking(lambda: 1) == 1
        assert woken_by_a_thread()
    assert_all_works()


@in_run
def test_it_is_still_heard_if_it_wakes_who_runs() -> None:
    sleep(0.001)
    main = current()
    for _ in range(3):
        os.close(of_the_poller("eventfd"))
        on_thread(lowlevel.ready, main)
        assert lowlevel.park(3)
        assert woken_by_a_thread()


@pytest.mark.parametrize("wakes", [0, 1, 3])
def test_whoever_has_the_number_of_the_event_counter_keeps_it_and_hears_nothing(wakes: int) -> None:
    file = os.memfd_create("strangers", 0)
    numbers = []

    def main() -> None:
        sleep(0.001)
        numbers.append(of_the_poller("eventfd"))
        os.dup2(file, numbers[0])
        for _ in range(wakes):
            assert woken_by_a_thread()
            assert blocking(lambda: 1) == 1
        assert_all_works()

    run(main)
    (number,) = numbers
    try:
        assert os.path.sameopenfile(number, file)
        assert os.fstat(number).st_size == 0
    finally:
        os.close(number)
        os.close(file)

"""RWMutex: one writer alone, or readers together, by turns."""

import pytest

from netpoll import Goroutine, go, gosched, sleep
from netpoll.sync import RWMutex
from tests.running import in_run, parked


@in_run
def test_the_tries_say_who_may_have_it() -> None:
    rw = RWMutex()
    rw.lock()
    assert rw.locked
    assert not rw.try_lock()
    assert not rw.try_rlock()
    rw.unlock()
    assert rw.try_lock()
    rw.unlock()
    assert rw.try_rlock()
    assert rw.try_rlock()
    assert (rw.readers, rw.locked) == (2, False)
    assert not rw.try_lock()
    rw.runlock()
    rw.runlock()
    assert repr(rw) == "<RWMutex unlocked>"


@pytest.mark.parametrize("before", ["", "lock unlock", "rlock"])
def test_unlocking_what_no_writer_has_is_an_error(before: str) -> None:
    rw = RWMutex()
    for step in before.split():
        getattr(rw, step)()
    with pytest.raises(RuntimeError, match="unlock of an RWMutex that is not locked for writing"):
        rw.unlock()


@pytest.mark.parametrize("before", ["", "lock", "rlock runlock"])
def test_unlocking_what_no_reader_has_is_an_error(before: str) -> None:
    rw = RWMutex()
    for step in before.split():
        getattr(rw, step)()
    with pytest.raises(RuntimeError, match="runlock of an RWMutex that is not locked for reading"):
        rw.runlock()


@pytest.mark.parametrize("readers", [1, 3, 10])
@in_run
def test_readers_have_it_together(readers: int) -> None:
    rw = RWMutex()
    workers = []
    for _ in range(readers):
        workers.append(go(rw.rlock))
        workers[-1].join()
    assert rw.readers == readers
    assert repr(rw) == f"<RWMutex {readers} reading>"
    for _ in range(readers):
        rw.runlock()


@in_run
def test_a_writer_that_waits_keeps_new_readers_out() -> None:
    rw = RWMutex()
    rw.rlock()
    writer = parked(go(rw.lock))
    assert not rw.try_rlock()
    reader = parked(go(rw.rlock))
    assert repr(rw) == "<RWMutex 1 reading, 1 waiting to read, 1 waiting to write>"
    rw.runlock()
    writer.join()
    assert rw.locked
    rw.unlock()
    reader.join()
    assert repr(rw) == "<RWMutex 1 reading>"


@in_run
def test_readers_and_writers_take_turns() -> None:
    rw = RWMutex()
    order = []

    def read(name: str) -> None:
        with rw.reading():
            order.append(name)

    def write(name: str) -> None:
        with rw.writing():
            order.append(name)

    rw.lock()
    waiting = [
        parked(go(write if name[0] == "w" else read, name))
        for name in ["w1", "r1", "w2", "r2", "w3"]
    ]
    rw.unlock()
    for one in waiting:
        one.join()
    assert order == ["r1", "r2", "w1", "w2", "w3"]


@in_run
def test_a_writer_gets_in_however_many_readers_come_and_go() -> None:
    rw = RWMutex()
    stop = False

    def read() -> None:
        while not stop:
            with rw.reading():
                sleep(0.0001)

    readers = [go(read) for _ in range(5)]
    sleep(0.001)
    for _ in range(10):
        with rw.writing():
            """Got in: some reader had it at each moment before."""
    stop = True
    for reader in readers:
        reader.join()


@in_run
def test_a_reader_gets_in_however_many_writers_come_and_go() -> None:
    rw = RWMutex()
    stop = False

    def write() -> None:
        while not stop:
            with rw.writing():
                sleep(0.0001)

    writers = [go(write) for _ in range(5)]
    sleep(0.001)
    for _ in range(10):
        with rw.reading():
            """Got in after one writer."""
    stop = True
    for writer in writers:
        writer.join()


@pytest.mark.parametrize("how", ["cancelled", "timed out"])
@in_run
def test_readers_go_in_when_the_writer_they_stood_behind_gives_up(how: str) -> None:
    rw = RWMutex()
    rw.rlock()
    writer: Goroutine[None] = parked(go(rw.lock, None if how == "cancelled" else 0.001))
    readers = [parked(go(rw.rlock)) for _ in range(3)]
    if how == "cancelled":
        writer.cancel()
    for reader in readers:
        reader.join(10)
    assert rw.readers == 4
    with pytest.raises(Exception, match=r"no lock for writing within 0.001 s|was cancelled"):
        writer.join()


@in_run
def test_readers_wait_on_when_one_of_two_writers_gives_up() -> None:
    rw = RWMutex()
    rw.rlock()
    first, second = parked(go(rw.lock)), parked(go(rw.lock))
    reader = parked(go(rw.rlock))
    first.cancel()
    gosched()
    assert not reader.done
    rw.runlock()
    second.join(10)
    rw.unlock()
    reader.join(10)


@in_run
def test_the_sides_work_with_with_any_number_of_times() -> None:
    # Go: TestRLocker.
    rw = RWMutex()
    reading, writing = rw.reading(), rw.writing()
    with reading, reading:
        assert rw.readers == 2
        assert not rw.try_lock()
    for _ in range(2):
        with writing:
            assert rw.locked
            with pytest.raises(TimeoutError, match=r"no lock for reading within 0\.001 s"):
                rw.reading(0.001).__enter__()
            with pytest.raises(TimeoutError, match="no lock for writing within 0 s"):
                rw.writing(timeout=0).__enter__()
    assert repr(rw) == "<RWMutex unlocked>"


@in_run
def test_another_goroutine_may_unlock_it() -> None:
    rw = RWMutex()
    rw.lock()
    go(rw.unlock).join()
    rw.rlock()
    go(rw.runlock).join()
    assert repr(rw) == "<RWMutex unlocked>"


@in_run
def test_it_says_which_writer_has_it() -> None:
    rw = RWMutex()
    with rw.writing():
        assert repr(rw) == "<RWMutex locked by main>"


@pytest.mark.parametrize("readers", [1, 3, 10])
@in_run
def test_two_writers_and_some_readers_hammer_it(readers: int) -> None:
    rw = RWMutex()
    activity = 0  # who reads, and 10,000 for each who writes

    def use(weight: int, rounds: int) -> None:
        nonlocal activity
        for _ in range(rounds):
            with rw.reading() if weight == 1 else rw.writing():
                activity += weight
                assert activity == weight if weight > 1 else 1 <= activity < 10_000
                gosched()
                activity -= weight

    workers = [go(use, 10_000, 200), go(use, 10_000, 200)]
    workers += [go(use, 1, 200) for _ in range(readers)]
    for worker in workers:
        worker.join()
    assert repr(rw) == "<RWMutex unlocked>"

"""Closing a file while somebody sits in read(2), where no poller can wake him.

In Go a descriptor that blocks is closed at once as far as `Close` is concerned; who reads goes on
until something comes, and gets it. The system calls of other threads cannot be taken back.
"""

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from time import monotonic, sleep

import pytest

import netpoll
from netpoll import go, open_fd
from netpoll._poll.disk_fd import DiskFD
from netpoll.net.file_kinds import DiskFile
from tests.program import PATIENCE
from tests.running import Outcome, in_run, parked

WRITTEN = b"late"


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Return the numbers of a pipe's ends: the reading one is the test's to close."""
    reads, writes = os.pipe()
    yield reads, writes
    os.close(writes)


def sits_in_read(number: int) -> bool:
    """Whether a thread of this process is in a system call whose first argument is the number."""
    for task in Path("/proc/self/task").iterdir():
        try:
            words = (task / "syscall").read_text(encoding="ascii").split()
        except FileNotFoundError:  # it has ended
            continue
        # Number and arguments of the call; "running" is in none, and poll has an address first.
        if len(words) > 1 and int(words[1], 16) == number and words[0] in READ:
            return True
    return False


READ = {"0", "63"}  # the number of read: on x86-64, and on those that have the generic table


def wait_for(condition: Callable[[], bool]) -> None:
    end = monotonic() + PATIENCE
    while not condition():
        assert monotonic() < end
        sleep(0.001)


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


@in_run
def test_close_does_not_wait_for_a_thread_that_reads(pipe: tuple[int, int]) -> None:
    # Source: go1.27 os/pipe_test.go TestCloseWithBlockingReadByNewFile; in Go it ends so, too.
    reads, writes = pipe
    file = DiskFile(DiskFD.adopt(reads))  # as standard input is, if it cannot be opened anew
    reader = parked(go(file.read))
    wait_for(lambda: sits_in_read(reads))
    file.close()
    assert sits_in_read(reads)
    assert is_open(reads)  # nobody else gets the number while it is read from
    with pytest.raises(netpoll.ClosedError):
        file.read()
    os.write(writes, WRITTEN)
    assert reader.join(PATIENCE) == WRITTEN
    wait_for(lambda: not is_open(reads))


@in_run
def test_a_thread_that_reads_what_is_taken_over_reads_on(pipe: tuple[int, int]) -> None:
    # It has the old open file, which blocks as before; the number is that of another one.
    reads, writes = pipe
    thread = Outcome(os.read, reads, 10)
    thread.start()
    wait_for(lambda: sits_in_read(reads))
    file = open_fd(reads)
    reader = parked(go(file.read))
    file.close()
    with pytest.raises(netpoll.ClosedError):
        reader.join()
    assert not is_open(reads)
    assert thread.is_alive()
    os.write(writes, WRITTEN)
    assert thread.result() == WRITTEN


@in_run
def test_to_have_asked_for_the_number_changes_nothing(pipe: tuple[int, int]) -> None:
    # Source: go1.27 os/pipe_test.go TestCloseWithBlockingReadByFd; there (*File).Fd makes it block.
    reads, _ = pipe
    file = open_fd(reads)
    assert file.fileno() == reads
    assert not os.get_blocking(reads)
    reader = parked(go(file.read))
    closer = threading.Thread(target=file.close)
    closer.start()
    with pytest.raises(netpoll.ClosedError):
        reader.join(PATIENCE)
    closer.join(PATIENCE)
    assert not is_open(reads)


@in_run
def test_the_number_may_be_asked_for_by_many_while_it_is_closed() -> None:
    # Source: go1.27 os/pipe_test.go TestFdRace (go#24481)
    for _ in range(8):
        reads, writes = os.pipe()
        os.close(writes)
        file = open_fd(reads)

        def ask(file: netpoll.File = file) -> set[int]:
            seen = set()
            with suppress(netpoll.ClosedError):
                while True:
                    seen.add(file.fileno())
            return seen

        threads = [Outcome(ask) for _ in range(4)]
        for thread in threads:
            thread.start()
        file.close()
        for thread in threads:
            assert thread.result() <= {reads}

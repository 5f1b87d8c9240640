"""Small reads without memory: whichever allocation fails, nothing is lost, nobody is forgotten."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import answering, on
from tests.poll.test_fd_large import arrived, message
from tests.running import begin, in_run, parked

testcapi = pytest.importorskip("_testcapi", reason="this Python is built without _testcapi")

ALL_OF_A_READ = 30
"""More allocations than a read, and a look at the poller, have."""

sizes = pytest.mark.parametrize("size", [1, 64, 5000])
missing = pytest.mark.parametrize("last", [False, True], ids=["one", "all from one on"])


@contextmanager
def without_memory(failing: int, last: bool) -> Iterator[None]:
    """Let the allocation of this number fail, and all that follow if it is the last there is."""
    testcapi.set_nomemory(failing, 0 if last else failing + 1)
    try:
        yield
    finally:
        testcapi.remove_mem_hooks()


def read(fd: StreamFD, failing: int, last: bool) -> bytes | None:
    """Read while memory is missing; None if the read says so."""
    try:
        with without_memory(failing, last):
            return fd.read_bytes(65536)
    except MemoryError:
        return None


@sizes
@missing
@in_run
def test_what_is_there_is_read_or_stays_whichever_allocation_fails(size: int, last: bool) -> None:
    with tcp.end() as (fd, peer):
        outcomes = set()
        for failing in range(ALL_OF_A_READ):
            data = message(size, failing)
            peer.sendall(data)
            arrived(fd, size)
            got = read(fd, failing, last)
            outcomes.add(got is None)
            assert (fd.read_bytes(65536) if got is None else got) == data
        assert False in outcomes


def read_without_memory_from_the_call_on(fd: StreamFD, failing: int, last: bool) -> bytes | None:
    """Read, and have memory missing once the data is asked for: to switch stacks takes some too."""

    def ask(*_: object) -> None:
        testcapi.set_nomemory(failing, 0 if last else failing + 1)

    with answering(recv=on(fd.fileno(), ask)):
        try:
            return fd.read_bytes(65536)
        except MemoryError:
            return None
        finally:
            testcapi.remove_mem_hooks()


@sizes
@missing
@in_run
def test_who_waits_reads_it_or_leaves_it_whichever_allocation_fails(size: int, last: bool) -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"a short read, after which the next one waits unasked")
        assert fd.read_bytes(100)
        for failing in range(ALL_OF_A_READ):
            reader = parked(begin(read_without_memory_from_the_call_on, fd, failing, last))
            data = message(size, failing)
            peer.sendall(data)
            got = reader.join()
            assert (fd.read_bytes(65536) if got is None else got) == data


@missing
@in_run
def test_where_there_is_no_memory_for_the_next_buffer_a_read_says_so_and_takes_nothing(
    last: bool,
) -> None:
    with tcp.end() as (fd, peer):
        for data in (b"one", b"two"):
            peer.sendall(data)
            arrived(fd, 3)
            got = fd.read_bytes(100) if data == b"one" else read(fd, 0, True)
            assert got == data  # the second is the buffer itself
        peer.sendall(b"second")
        arrived(fd, 6)
        assert read(fd, 0, last) is None
        assert fd.read_bytes(100) == b"second"


@in_run
def test_what_is_given_out_in_the_buffer_itself_stays_as_it_is() -> None:
    with tcp.end() as (fd, peer):
        kept = []
        for number in range(10):
            peer.sendall(message(3000, number))
            arrived(fd, 3000)
            kept.append(read(fd, 0, True) if number % 2 else fd.read_bytes(65536))
        assert kept == [message(3000, number) for number in range(10)]
        assert [len(data or b"") for data in kept] == [3000] * 10


@in_run
def test_a_buffer_given_out_is_not_written_to_by_one_who_waited_with_it_in_hand() -> None:
    with tcp.end() as (fd, peer), tcp.end() as (other, other_peer):
        waiting = parked(begin(other.read_bytes, 100))
        peer.sendall(b"mine")
        arrived(fd, 4)
        mine = read(fd, 0, True)
        other_peer.sendall(b"THEIRS")
        assert waiting.join() == b"THEIRS"
        assert mine == b"mine"

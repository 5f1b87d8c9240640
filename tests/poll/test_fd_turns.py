"""A write that goes on and on without ever having to wait: the others have their turns."""

from collections.abc import Callable

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests.kernel import Answer, answering
from tests.running import in_run, pair

Write = Callable[[StreamFD], int]

PIECE = 100
SIZE = 500 * PIECE

WRITES: dict[str, Write] = {
    "write": lambda fd: fd.write(bytes(SIZE)),
    "writev": lambda fd: fd.writev([bytes(SIZE // 2)] * 2),
}
each_write = pytest.mark.parametrize("write", WRITES.values(), ids=WRITES)


class Kernel:
    """A kernel that always has room for a little more."""

    def __init__(self) -> None:
        self.taken = 0

    def _take(self, _: int, data: bytes | list[bytes]) -> int:
        size = min(PIECE, len(data) if isinstance(data, bytes) else sum(map(len, data)))
        self.taken += size
        return size

    def answers(self) -> dict[str, Answer]:
        return {"send": self._take, "sendmsg": self._take}


def ended(fd: StreamFD, write: Write) -> BaseException | int:
    try:
        return write(fd)
    except BaseException as exception:  # noqa: BLE001 - the test looks at it
        return exception


@each_write
@in_run
def test_the_others_have_turns_during_a_long_write(write: Write) -> None:
    kernel = Kernel()
    with pair() as (fd, _), answering(**kernel.answers()):
        writer = netpoll.go(write, fd)
        seen = []
        while not writer.done:
            netpoll.gosched()
            seen.append(kernel.taken)
        assert writer.join() == SIZE == kernel.taken
        assert len(set(seen)) >= 3, "it went on for too long at a time"


@each_write
@in_run
def test_two_long_writes_go_on_side_by_side(write: Write) -> None:
    kernel = Kernel()
    with pair() as (one, two), answering(**kernel.answers()):
        writers = [netpoll.go(write, one), netpoll.go(write, two)]
        netpoll.gosched()
        assert not any(writer.done for writer in writers)
        assert [writer.join() for writer in writers] == [SIZE, SIZE]


ENDS: dict[str, tuple[Callable[[StreamFD, netpoll.Goroutine], object], type[BaseException]]] = {
    "close": (lambda fd, _: fd.close(), netpoll.ClosedError),
    "cancel": (lambda _, writer: writer.cancel(), netpoll.Cancelled),
    "deadline": (lambda fd, _: fd.set_write_deadline(1), netpoll.DeadlineExceeded),
}


@each_write
@pytest.mark.parametrize("how", ENDS)
@pytest.mark.parametrize("turns", [1, 2, 3])
@in_run
def test_a_long_write_can_be_ended_midway(write: Write, how: str, turns: int) -> None:
    kernel = Kernel()
    end, kind = ENDS[how]
    with pair() as (fd, _), answering(**kernel.answers()):
        writer = netpoll.go(ended, fd, write)
        for _ in range(turns):
            netpoll.gosched()
        taken = kernel.taken
        assert 0 < taken < SIZE
        end(fd, writer)
        error = writer.join(timeout=5)
        assert isinstance(error, kind), error
        assert error.bytes_written == taken == kernel.taken  # type: ignore[attr-defined]
        if how != "close":
            fd.set_write_deadline(None)
            assert write(fd) == SIZE


@in_run
def test_who_waits_in_line_behind_a_long_write_that_is_closed_is_told() -> None:
    kernel = Kernel()
    with pair() as (fd, _), answering(**kernel.answers()):
        writers = [netpoll.go(ended, fd, WRITES["write"]) for _ in range(3)]
        netpoll.gosched()
        fd.close()
        for writer in writers:
            assert isinstance(writer.join(timeout=5), netpoll.ClosedError)

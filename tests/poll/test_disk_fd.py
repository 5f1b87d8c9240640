"""DiskFD: calls that block, and who frees the number when."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import netpoll
from netpoll._poll.disk_fd import DiskFD
from tests.kernel import answering, on, one_by_one
from tests.poll.operations import raised
from tests.program import PATIENCE
from tests.running import in_run, parked


@pytest.fixture
def fd(tmp_path: Path) -> Iterator[DiskFD]:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    one = DiskFD.adopt(os.open(path, os.O_RDWR))
    yield one
    one.close()


def is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


def test_reading_and_writing_with_the_position_and_without(fd: DiskFD) -> None:
    buffer = bytearray(3)
    assert fd.read_now(2) == b"01"
    assert fd.read_now(2, 8) == b"89"
    assert fd.readinto_now(buffer) == 3
    assert buffer == b"234"
    assert fd.readinto_now(buffer, 9) == 1
    assert fd.write_now(b"AB") == 2
    assert fd.write_now(b"CD", 0) == 2
    assert fd.seek_now(0, os.SEEK_CUR) == 7
    assert fd.seek_now(-1, os.SEEK_END) == 9
    assert fd.read_now(100) == b"9"
    assert fd.read_now(100) == b""
    assert fd.read_now(100, 0) == b"CD234AB789"


def test_interrupted_and_short_calls_go_on(fd: DiskFD) -> None:
    number = fd.fileno()
    with answering(
        read=on(number, one_by_one(-errno.EINTR)), pread=on(number, one_by_one(-errno.EINTR))
    ):
        assert fd.read_now(4) == b"0123"
        assert fd.read_now(4, 0) == b"0123"
    written = []

    def some(_fd: int, data: bytes, *place: int) -> int:
        written.append((data, *place))
        return min(2, len(data))

    with answering(quiet_write=on(number, some), pwrite=on(number, some)):
        assert fd.write_now(b"abcde") == 5
        assert fd.write_now(b"abcde", 10) == 5
    assert written == [
        *((b"abcde",), (b"cde",), (b"e",)),
        *((b"abcde", 10), (b"cde", 12), (b"e", 14)),
    ]


@pytest.mark.parametrize("answer", [-errno.ENOSPC, 0])
def test_an_error_in_writing_tells_how_far_it_came(fd: DiskFD, answer: int) -> None:
    with answering(quiet_write=on(fd.fileno(), one_by_one(3, -errno.EINTR, answer))):
        error = raised(lambda: fd.write_now(b"abcde"))
    assert isinstance(error, OSError)
    assert error.errno == (-answer or errno.EIO)
    assert error.bytes_written == 3  # type: ignore[attr-defined]


def test_errors_are_raised(fd: DiskFD) -> None:
    for operation in (
        lambda: fd.read_now(1, -5),
        lambda: fd.seek_now(-1, os.SEEK_SET),
        lambda: fd.seek_now(0, 77),
    ):
        error = raised(operation)
        assert isinstance(error, OSError)
        assert error.errno == errno.EINVAL


def test_a_closed_one_says_so(fd: DiskFD) -> None:
    other = DiskFD.adopt(os.memfd_create("other"))
    fd.close()
    for operation in (
        lambda: fd.read_now(1),
        lambda: fd.readinto_now(bytearray(1)),
        lambda: fd.write_now(b"x", 0),
        lambda: fd.seek_now(0, 0),
        lambda: fd.copy_now(other, 1),
        lambda: other.copy_now(fd, 1),
    ):
        assert isinstance(raised(operation), netpoll.ClosedError)
    other.close()


def test_the_number_is_not_free_before_who_uses_it_has_left(fd: DiskFD) -> None:
    number = fd.fileno()
    begun, go_on = threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    reader = threading.Thread(target=fd.read_now, args=(5,))
    with answering(pread=on(number, slow), read=on(number, slow)):
        reader.start()
        assert begun.wait(PATIENCE)
        fd.close()
        still = is_open(number)
        go_on.set()
        reader.join(PATIENCE)
    assert still
    assert not is_open(number)


@in_run
def test_a_cancelled_goroutine_leaves_the_number_to_its_thread() -> None:
    fd = DiskFD.adopt(os.memfd_create("file"))
    number = fd.fileno()
    begun, go_on, left = threading.Event(), threading.Event(), threading.Event()

    def slow(*_: object) -> None:
        begun.set()
        go_on.wait(PATIENCE)

    def read() -> None:
        try:
            fd.read_now(1)
        finally:
            left.set()

    with answering(read=on(number, slow)):
        goroutine = parked(netpoll.go(netpoll.blocking, read))
        assert begun.wait(PATIENCE)
        goroutine.cancel()
        with pytest.raises(netpoll.GoroutineCancelled):
            goroutine.join()
        fd.close()
        stranger = os.memfd_create("stranger")
        assert stranger != number
        go_on.set()
        assert left.wait(PATIENCE)
    assert not is_open(number)
    os.close(stranger)


def test_one_that_nobody_closed_is_told_of_and_closed() -> None:
    number = os.memfd_create("file")
    with pytest.warns(ResourceWarning, match="unclosed <DiskFD"):
        DiskFD.adopt(number)
    assert not is_open(number)


def test_copying_within_the_kernel(fd: DiskFD) -> None:
    other = DiskFD.adopt(os.memfd_create("other"))
    fd.seek_now(2, os.SEEK_SET)
    with answering(copy_file_range=one_by_one(-errno.EINTR)):
        try:
            assert other.copy_now(fd, 5) == 5
        except OSError as error:
            assert error.errno == errno.EXDEV
        else:
            assert other.read_now(10, 0) == b"23456"
            assert fd.seek_now(0, os.SEEK_CUR) == 7
    other.close()

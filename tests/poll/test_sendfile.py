"""sendfile, against the kernel and against what it may answer."""

import errno
import os
import random
import signal
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO

import pytest

import netpoll
from netpoll._poll.sendfile import NOT_HANDLED, sendfile
from tests import tcp
from tests.kernel import answering, on, one_by_one, recorded
from tests.poll.operations import raised
from tests.poll.operations_file import piped
from tests.running import in_run, parked

MEGABYTE = 1 << 20


@contextmanager
def file_of(data: bytes) -> Iterator[IO[bytes]]:
    with tempfile.TemporaryFile() as file:
        file.write(data)
        file.flush()
        yield file


def test_what_was_sent_is_what_the_file_holds() -> None:
    data = random.randbytes(3 * MEGABYTE + 17)

    def main() -> None:
        with file_of(data) as file, tcp.end() as (fd, peer):
            sender = netpoll.go(sendfile, fd, file.fileno(), 0)
            assert netpoll.blocking(tcp.receive_exactly, peer, len(data)) == data
            assert sender.join() == len(data)

    netpoll.run(main)


@pytest.mark.parametrize(
    ("offset", "count", "sent"),
    [(0, -1, 10), (3, -1, 7), (3, 4, 4), (3, 100, 7), (10, -1, 0), (11, 5, 0), (0, 0, 0)],
)
@in_run
def test_a_part_of_a_file(offset: int, count: int, sent: int) -> None:
    with file_of(b"0123456789") as file, tcp.end() as (fd, peer):
        before = os.lseek(file.fileno(), 0, os.SEEK_CUR)
        assert sendfile(fd, file.fileno(), offset, count) == sent
        assert tcp.receive_exactly(peer, sent) == b"0123456789"[offset : offset + sent]
        assert os.lseek(file.fileno(), 0, os.SEEK_CUR) == before


@in_run
def test_a_pipe_takes_a_file_as_well() -> None:
    with file_of(b"contents") as file, piped() as (reads, writes):
        assert sendfile(writes, file.fileno(), 0) == 8
        assert reads.read_bytes(100) == b"contents"


@in_run
def test_a_file_that_gets_shorter_meanwhile_ends_there() -> None:
    size = 64 * MEGABYTE
    with tempfile.TemporaryFile() as file, tcp.end() as (fd, peer):
        os.ftruncate(file.fileno(), size)
        sender = parked(netpoll.go(sendfile, fd, file.fileno(), 0, size))
        os.ftruncate(file.fileno(), 100)
        received = netpoll.go(netpoll.blocking, drain, peer)
        sent = sender.join(timeout=10)
        fd.close()
        assert 0 < sent < size
        assert received.join(timeout=10) == sent


@in_run
def test_a_file_that_grows_meanwhile_is_sent_up_to_its_end() -> None:
    size = 32 * MEGABYTE
    with tempfile.TemporaryFile() as file, tcp.end() as (fd, peer):
        os.ftruncate(file.fileno(), size)
        sender = parked(netpoll.go(sendfile, fd, file.fileno(), 0))
        os.ftruncate(file.fileno(), size + 1000)
        received = netpoll.go(netpoll.blocking, drain, peer)
        assert sender.join(timeout=10) == size + 1000
        fd.close()
        assert received.join(timeout=10) == size + 1000


def drain(peer: socket.socket) -> int:
    total = 0
    while data := peer.recv(1 << 20):
        total += len(data)
    return total


@in_run
def test_a_count_of_five_gigabytes_is_no_more_than_there_is() -> None:
    with file_of(b"little") as file, tcp.end() as (fd, peer):
        assert sendfile(fd, file.fileno(), 0, 5 << 30) == 6
        assert sendfile(fd, file.fileno(), 5 << 30, 5 << 30) == 0
        assert tcp.receive_exactly(peer, 6) == b"little"


@in_run
def test_a_call_is_for_a_megabyte_or_for_what_is_left() -> None:
    asked = []

    def takes_half(_fd: int, _source: int, offset: int, count: int) -> int:
        asked.append((offset, count))
        return min(count, MEGABYTE // 2)

    with file_of(b"x") as file, tcp.end() as (fd, _), answering(sendfile=takes_half):
        assert sendfile(fd, file.fileno(), 7, 2 * MEGABYTE) == 2 * MEGABYTE
    assert [count for _, count in asked] == [MEGABYTE, MEGABYTE, MEGABYTE, MEGABYTE // 2]


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.ESPIPE])
@in_run
def test_a_refusal_before_the_first_byte_is_told(code: int) -> None:
    with file_of(b"x") as file, tcp.end() as (fd, _):
        with answering(sendfile=on(fd.fileno(), one_by_one(-code))):
            assert sendfile(fd, file.fileno(), 0) == NOT_HANDLED
        assert sendfile(fd, file.fileno(), 0) == 1


@in_run
def test_a_source_that_is_a_pipe_is_refused_by_the_kernel_itself() -> None:
    with piped() as (reads, _), tcp.end() as (fd, _peer):
        assert sendfile(fd, reads.fileno(), 0) == NOT_HANDLED


@in_run
def test_a_refusal_later_is_an_error_that_says_how_much_was_sent() -> None:
    with file_of(bytes(100)) as file, tcp.end() as (fd, _):
        answers = one_by_one(40, -errno.EINTR, -errno.EINVAL)
        with answering(sendfile=on(fd.fileno(), answers)):
            error = raised(lambda: sendfile(fd, file.fileno(), 0))
        assert isinstance(error, OSError)
        assert (error.errno, error.bytes_written) == (errno.EINVAL, 40)  # type: ignore[attr-defined]


@in_run
def test_an_interrupted_call_is_made_again() -> None:
    with file_of(b"data") as file, tcp.end() as (fd, peer):
        with answering(sendfile=on(fd.fileno(), one_by_one(-errno.EINTR, -errno.EINTR))):
            assert sendfile(fd, file.fileno(), 0) == 4
        assert tcp.receive_exactly(peer, 4) == b"data"


@in_run
def test_other_errors_are_raised() -> None:
    with file_of(b"x") as file, tcp.end() as (fd, _):
        with answering(sendfile=on(fd.fileno(), one_by_one(-errno.EIO))):
            error = raised(lambda: sendfile(fd, file.fileno(), 0))
        assert isinstance(error, OSError)
        assert error.errno == errno.EIO
        assert sendfile(fd, file.fileno(), 0) == 1  # the lock was given back


@in_run
def test_a_cancelled_one_tells_how_much_was_sent() -> None:
    with tempfile.TemporaryFile() as file, tcp.end() as (fd, peer):
        os.ftruncate(file.fileno(), 64 * MEGABYTE)
        told = []

        def send() -> None:
            try:
                sendfile(fd, file.fileno(), 0)
            except netpoll.Cancelled as error:
                told.append(error.bytes_written)  # type: ignore[attr-defined]
                raise

        sender = parked(netpoll.go(send))
        sender.cancel()
        with pytest.raises(netpoll.GoroutineCancelled):
            sender.join()
        fd.close()
        assert netpoll.blocking(drain, peer) == told[0] > 0


class Bare(Exception):
    """Takes no attribute."""

    def __setattr__(self, name: str, value: object) -> None:
        raise AttributeError(name)


@in_run
def test_an_exception_that_takes_no_attribute_passes_as_it_is() -> None:
    def handler(*_: object) -> None:
        raise Bare

    before = signal.signal(signal.SIGALRM, handler)
    try:
        with file_of(bytes(1000)) as file, tcp.end() as (fd, peer):
            tcp.fill(fd, peer)
            signal.setitimer(signal.ITIMER_REAL, 0.02)
            with pytest.raises(Bare):
                sendfile(fd, file.fileno(), 0)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@in_run
def test_a_long_one_lets_the_others_run() -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            turns += 1
            netpoll.gosched()

    with file_of(b"x") as file, tcp.end() as (fd, _):
        counter = netpoll.go(count)
        with answering(sendfile=on(fd.fileno(), lambda *_: 1)):
            assert sendfile(fd, file.fileno(), 0, 1000) == 1000
        assert turns >= 5  # each 128th call yields
        counter.cancel()


@in_run
def test_the_kernel_is_told_what_will_be_read() -> None:
    with file_of(bytes(MEGABYTE)) as file, tcp.end() as (fd, peer):
        with recorded("fadvise") as calls:
            sendfile(fd, file.fileno(), 0, 1000)
            assert calls.of("fadvise") == []
            sender = netpoll.go(sendfile, fd, file.fileno(), 4096)
            netpoll.blocking(tcp.receive_exactly, peer, 1000 + MEGABYTE - 4096)
            sender.join()
        assert [call[:3] for call in calls.of("fadvise")] == [(file.fileno(), 4096, 0)]

"""Conn.sendfile: from files of all kinds, whether the kernel can or not."""

import errno
import io
import os
import random
from collections.abc import Callable
from pathlib import Path
from threading import Event
from typing import Any

import pytest

import netpoll
from netpoll import GoroutineCancelled, blocking, go, net
from tests.kernel import answering, recorded
from tests.net.ends import connected, read_all
from tests.net.pipes import piped
from tests.running import in_run, parked

DATA = random.Random(4).randbytes(300_000)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    file = tmp_path / "file"
    file.write_bytes(DATA)
    return file


def opened(path: Path) -> netpoll.File:
    return netpoll.open_fd(os.open(path, os.O_RDONLY))


MAKERS: dict[str, Callable[[Path], Any]] = {
    "open": lambda path: path.open("rb"),
    "unbuffered": lambda path: path.open("rb", buffering=0),
    "File": opened,
    "BytesIO": lambda path: io.BytesIO(path.read_bytes()),
}


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize(
    ("offset", "count"), [(0, None), (5, None), (5, 100), (299_000, 5000), (300_000, 1), (10**6, 1)]
)
@pytest.mark.parametrize("refused", [False, True], ids=["kernel", "by hand"])
def test_a_part_of_a_file(
    path: Path, make: Callable[[Path], Any], offset: int, count: int | None, refused: bool
) -> None:
    wanted = DATA[offset : None if count is None else offset + count]
    calls: dict[str, Any] = {"sendfile": lambda *_: -errno.EINVAL} if refused else {}

    def main() -> None:
        with make(path) as file, connected() as (near, far):
            reader = go(read_all, far)
            with answering(**calls):
                assert near.sendfile(file, offset, count) == len(wanted)
            assert file.tell() == offset + len(wanted)
            near.close()
            assert reader.join() == wanted

    netpoll.run(main)


@in_run
def test_a_number_will_do_and_stays_open() -> None:
    number = os.memfd_create("file")
    try:
        os.write(number, b"contents")
        with connected() as (near, far):
            assert near.sendfile(number, 3) == 5
            assert far.read() == b"tents"
        assert os.lseek(number, 0, os.SEEK_CUR) == 8
    finally:
        os.close(number)


@in_run
def test_count_0_sends_nothing() -> None:
    with connected() as (near, _):
        assert near.sendfile(io.BytesIO(b"data"), 0, 0) == 0
        number = os.memfd_create("file")
        os.write(number, b"contents")
        assert near.sendfile(number, 0, 0) == 0
        os.close(number)


@pytest.mark.parametrize(("offset", "count"), [(-1, None), (0, -1), (1 << 63, None), (0, 1 << 63)])
@in_run
def test_numbers_that_no_file_has(offset: int, count: int | None) -> None:
    with connected() as (near, _), pytest.raises(ValueError, match="number of bytes"):
        near.sendfile(io.BytesIO(b"data"), offset, count)


@in_run
def test_a_pipe_is_read_and_sent() -> None:
    with piped() as (reads, writes), connected() as (near, far):
        writes.write(b"through the pipe")
        writes.close()
        assert near.sendfile(reads) == 16
        assert far.read() == b"through the pipe"


@in_run
def test_from_the_middle_of_a_pipe_is_an_error() -> None:
    with piped() as (reads, _), connected() as (near, _far):
        with pytest.raises(netpoll.OpError) as caught:
            near.sendfile(reads, 10)
        assert (caught.value.errno, caught.value.op) == (errno.ESPIPE, "sendfile")


@in_run
def test_text_is_refused() -> None:
    with connected() as (near, _), pytest.raises(TypeError, match="text"):
        near.sendfile(io.StringIO("text"))


@in_run
def test_what_is_no_file_is_refused() -> None:
    with connected() as (near, _), pytest.raises(TypeError, match="nothing can be read"):
        near.sendfile(object())


@in_run
def test_a_number_that_is_not_open_is_an_error() -> None:
    with connected() as (near, _):
        with pytest.raises(netpoll.OpError) as caught:
            near.sendfile(10**6)
        assert (caught.value.errno, caught.value.op) == (errno.EBADF, "sendfile")


def test_a_closed_connection_says_so(path: Path) -> None:
    def main() -> None:
        with path.open("rb") as file, connected() as (near, _):
            near.close()
            with pytest.raises(netpoll.ClosedError, match="sendfile tcp"):
                near.sendfile(file)
            with pytest.raises(netpoll.ClosedError, match="write tcp"):
                near.sendfile(io.BytesIO(b"data"))

    netpoll.run(main)


@in_run
def test_a_timeout_tells_how_much_was_sent_and_the_position_with_it() -> None:
    number = os.memfd_create("file")
    os.ftruncate(number, 64 << 20)
    with os.fdopen(number, "rb") as file, connected() as (near, far):
        near.settimeout(0.05)
        with pytest.raises(netpoll.DeadlineExceeded) as caught:
            near.sendfile(file, 10)
        sent = caught.value.bytes_written
        assert sent > 0
        assert caught.value.op == "sendfile"
        assert file.tell() == 10 + sent
        near.close()
        assert len(read_all(far)) == sent


@in_run
def test_a_file_that_is_closed_meanwhile_is_sent_all_the_same() -> None:
    # By another descriptor of it: its own number may be a stranger's by then.
    number = os.memfd_create("file")
    os.ftruncate(number, 32 << 20)
    with connected() as (near, far):
        sender = parked(go(near.sendfile, number))
        os.close(number)
        stranger = os.memfd_create("stranger")
        assert stranger == number
        reader = go(read_all, far)
        assert sender.join() == 32 << 20
        near.close()
        assert reader.join() == bytes(32 << 20)
        os.close(stranger)


@in_run
def test_a_connection_within_the_process_takes_files_as_well() -> None:
    number = os.memfd_create("file")
    os.write(number, b"contents")
    near, far = net.pipe()
    with near, far, recorded("sendfile") as calls:
        assert near.sendfile(number) == 8
        assert far.read() == b"contents"
        assert calls.made == []
    os.close(number)


@in_run
def test_another_connection_is_no_file() -> None:
    with connected() as (near, far), pytest.raises(TypeError, match=r"use net\.copy"):
        near.sendfile(far)


@pytest.mark.parametrize("number", [-1, 1 << 31, 1 << 70])
@in_run
def test_a_number_that_no_descriptor_has(number: int) -> None:
    with connected() as (near, _), pytest.raises(ValueError, match="no descriptor has the number"):
        near.sendfile(number)


@in_run
def test_the_thread_of_a_cancelled_sendfile_never_reads_a_stranger(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Its number must not be anybody else's before the thread has made its system call."""
    begun, go_on, done = Event(), Event(), Event()
    read = os.read

    def slow(number: int, size: int) -> bytes:
        begun.set()
        go_on.wait(10)
        try:
            return read(number, size)
        finally:
            done.set()

    (out, inn), (other, secret) = os.pipe(), os.pipe()
    with connected() as (near, _):
        monkeypatch.setattr(os, "read", slow)
        sender = go(near.sendfile, out)
        while not begun.is_set():
            netpoll.sleep(0.001)
        sender.cancel()
        with pytest.raises(GoroutineCancelled):
            sender.join()
        stranger = os.dup(other)  # takes the number, if that is free
        os.write(secret, b"secret")
        os.write(inn, b"data")  # for the thread to end with
        go_on.set()
        assert blocking(done.wait, 10)
        assert read(stranger, 100) == b"secret"
    for number in (out, inn, other, secret, stranger):
        os.close(number)

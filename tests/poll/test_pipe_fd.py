"""PipeFD: what can be adopted and how, and reading and writing what is no socket."""

import errno
import fcntl
import os
import pty
import select
import subprocess
import sys
import tty
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import netpoll
from netpoll._poll.pipe_fd import PipeFD
from tests.kernel import answering, one_by_one, recorded
from tests.poll.operations import raised
from tests.poll.operations_file import adopted, fill, piped
from tests.program import PATIENCE
from tests.running import in_run, open_descriptors, parked, says


def blocks(number: int) -> bool:
    return os.get_blocking(number)


@contextmanager
def kept(*numbers: int) -> Iterator[None]:
    """Close these at the end, which nobody else has closed."""
    try:
        yield
    finally:
        for number in numbers:
            os.close(number)


# ---- what it takes


@pytest.mark.parametrize("what", ["file", "directory", "/dev/null", "/dev/zero"])
@in_run
def test_what_no_poller_takes_stays_the_caller_s(what: str, tmp_path: Path) -> None:
    path = {"file": tmp_path / "f", "directory": tmp_path}.get(what, Path(what))
    number = os.open(path, os.O_CREAT | os.O_RDWR if what == "file" else os.O_RDONLY)
    with kept(number):
        assert PipeFD.adopt(number) is None
        assert blocks(number)


@in_run
def test_a_number_that_is_not_open() -> None:
    error = raised(lambda: PipeFD.adopt(10**6))
    assert isinstance(error, OSError)
    assert error.errno == errno.EBADF


@in_run
def test_the_poller_s_own_descriptors_are_refused() -> None:
    before = open_descriptors()
    with piped() as (reads, _):
        reads.settimeout(0.001)
        raised(lambda: reads.read_bytes(1))  # the poller is at work
        for number, what in open_descriptors().items():
            if number not in before and ("eventpoll" in what or "eventfd" in what):
                error = raised(lambda number=number: PipeFD.adopt(number))  # type: ignore[misc]
                assert isinstance(error, OSError)
                assert error.errno == errno.EBADF
        assert open_descriptors().keys() >= before.keys()


@in_run
def test_an_eventfd_is_read_and_written() -> None:
    fd = adopted(os.eventfd(0))
    reader = parked(netpoll.go(fd.read_bytes, 8))
    fd.write((7).to_bytes(8, sys.byteorder))
    assert reader.join() == (7).to_bytes(8, sys.byteorder)
    assert not fd.is_pipe
    fd.close()


@in_run
def test_an_epoll_of_the_user_s_is_adopted() -> None:
    number = select.epoll()
    fd = adopted(os.dup(number.fileno()))
    assert raised(lambda: fd.read_bytes(1)).errno == errno.EINVAL  # type: ignore[attr-defined]
    fd.close()
    number.close()


@pytest.mark.parametrize("call", ["epoll_create", "epoll_ctl", "fcntl", "set_nonblocking"])
@in_run
def test_a_failure_leaves_the_number_to_the_caller(call: str) -> None:
    number = os.eventfd(0, os.EFD_CLOEXEC)
    with kept(number), piped():
        before = open_descriptors().keys()
        with answering(**{call: one_by_one(-errno.ENOMEM)}):
            assert isinstance(raised(lambda: PipeFD.adopt(number)), OSError)
        assert open_descriptors().keys() == before
        assert blocks(number)


# ---- the mode of an open file that others share


@pytest.mark.parametrize("inheritable", [False, True])
@pytest.mark.parametrize("end", [0, 1])
@in_run
def test_a_pipe_that_others_share_goes_on_blocking_for_them(end: int, inheritable: bool) -> None:
    ends = os.pipe()
    number, other = ends[end], ends[1 - end]
    shared = os.dup(number)
    os.set_inheritable(number, inheritable)
    mode = fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE
    with kept(shared, other):
        fd = adopted(number)
        assert fd.fileno() == number
        assert not blocks(number)
        assert blocks(shared)
        assert os.get_inheritable(number) is inheritable
        assert fcntl.fcntl(number, fcntl.F_GETFL) & os.O_ACCMODE == mode
        fd.close()


@in_run
def test_one_that_does_not_block_is_taken_as_it_is() -> None:
    ends = os.pipe2(os.O_NONBLOCK)
    with kept(ends[1]), recorded("open", "dup3", "set_nonblocking") as calls:
        adopted(ends[0]).close()
    assert calls.made == []


@pytest.mark.parametrize("call", ["open", "dup3"])
@in_run
def test_a_pipe_that_cannot_be_opened_anew_gets_the_mode_itself(call: str) -> None:
    with piped():
        pass  # the poller has its descriptors now
    reads, writes = os.pipe()
    shared = os.dup(reads)
    with kept(shared, writes), answering(**{call: one_by_one(-errno.EACCES)}):
        before = open_descriptors().keys()
        fd = adopted(reads)
        assert open_descriptors().keys() == before
        assert not blocks(shared)
        fd.close()


def test_a_standard_stream_that_cannot_be_opened_anew_is_left_as_it_is() -> None:
    assert (
        says(
            """
            import os
            from netpoll._poll.pipe_fd import PipeFD
            from netpoll._runtime.intercept import intercept

            reads, writes = os.pipe()
            os.dup2(reads, 0)
            intercept("open", lambda *_: -13)
            print(PipeFD.adopt(0), os.get_blocking(0))
            """
        )
        == "None True\n"
    )


def test_standard_input_of_a_program_is_read_and_its_parent_s_mode_kept() -> None:
    program = """if 1:
        import netpoll
        def main():
            with netpoll.open_fd(0) as stdin:
                print(stdin.read(), stdin.read(), type(stdin).__name__)
        netpoll.run(main)
    """
    reads, writes = os.pipe()
    with kept(reads):
        child = subprocess.Popen(
            [sys.executable, "-c", program], stdin=reads, stdout=subprocess.PIPE, text=True
        )
        os.write(writes, b"line")
        os.close(writes)
        assert child.communicate(timeout=PATIENCE)[0] == "b'line' b'' PipeFile\n"
        assert blocks(reads)


# ---- terminals


@contextmanager
def terminal() -> Iterator[tuple[int, int]]:
    """Return a pseudo-terminal: its master, which stays the caller's, and the other end."""
    master, slave = pty.openpty()
    tty.setraw(slave)
    yield master, slave


@in_run
def test_a_terminal_is_opened_anew() -> None:
    with terminal() as (master, slave):
        shared = os.dup(slave)
        with kept(shared, master):
            fd = adopted(slave)
            assert blocks(shared)
            reader = parked(netpoll.go(fd.read_bytes, 10))
            os.write(master, b"typed")
            assert reader.join() == b"typed"
            fd.write(b"shown")
            assert os.read(master, 10) == b"shown"
            fd.close()


@in_run
def test_the_master_of_a_terminal_is_not_opened_anew_for_that_would_be_another() -> None:
    with terminal() as (master, slave):
        with recorded("open") as calls:
            fd = adopted(master)
        assert calls.made == []
        reader = parked(netpoll.go(fd.read_bytes, 10))
        os.write(slave, b"out")
        assert reader.join() == b"out"
        os.close(slave)
        assert raised(lambda: fd.read_bytes(1)).errno == errno.EIO  # type: ignore[attr-defined]
        fd.close()


# ---- data


@in_run
def test_what_a_program_wrote_before_it_ended_is_all_there() -> None:
    # More than a pipe holds: the end comes with data left, and a hang-up.
    size = (1 << 16) + 1
    child = subprocess.Popen(
        [sys.executable, "-c", f"import os; os.write(1, b'x' * {size})"], stdout=subprocess.PIPE
    )
    assert child.stdout is not None
    fd = adopted(os.dup(child.stdout.fileno()))
    child.stdout.close()
    received = b""
    while data := fd.read_bytes(1000):
        received += data
    assert len(received) == size
    fd.close()
    netpoll.blocking(child.wait, PATIENCE)


@in_run
def test_the_last_writer_s_end_wakes_who_reads() -> None:
    with piped() as (reads, writes):
        reader = parked(netpoll.go(reads.read_bytes, 10))
        writes.close()
        assert reader.join() == b""


@in_run
def test_the_last_reader_s_end_wakes_who_writes() -> None:
    with piped() as (reads, writes):
        fill(writes)
        writer = parked(netpoll.go(raised, lambda: writes.write(b"more")))
        reads.close()
        assert isinstance(writer.join(), BrokenPipeError)
        assert isinstance(raised(lambda: writes.writev([b"still", b"more"])), BrokenPipeError)


@in_run
def test_several_buffers_are_written_and_read() -> None:
    with piped() as (reads, writes):
        pieces = [b"%d" % (n % 10) for n in range(3000)]
        assert writes.writev(pieces) == 3000
        buffers = [bytearray(1000) for _ in range(4)]
        assert reads.readv(buffers) == 3000
        assert b"".join(buffers)[:3000] == b"".join(pieces)


@in_run
def test_an_interrupted_call_is_made_again() -> None:
    with piped() as (reads, writes):
        with answering(quiet_write=one_by_one(-errno.EINTR), writev=one_by_one(-errno.EINTR)):
            writes.write(b"one")
            writes.writev([b"two", b"three"])
        with answering(read=one_by_one(-errno.EINTR), readv=one_by_one(-errno.EINTR)):
            assert reads.read_bytes(3) == b"one"
            assert reads.readv([bytearray(3), bytearray(100)]) == 8


@pytest.mark.parametrize("call", ["read", "readv"])
@in_run
def test_other_errors_are_raised(call: str) -> None:
    with piped() as (reads, writes):
        writes.write(b"data")
        with answering(**{call: one_by_one(-errno.EIO)}):
            error = raised(
                lambda: reads.read_bytes(4) if call == "read" else reads.readv([bytearray(4)])
            )
        assert isinstance(error, OSError)
        assert error.errno == errno.EIO
        assert reads.read_bytes(4) == b"data"


@in_run
def test_a_fifo_waits_for_its_writers(tmp_path: Path) -> None:
    path = tmp_path / "fifo"
    os.mkfifo(path)
    fd = adopted(os.open(path, os.O_RDWR))
    assert fd.is_pipe
    reader = parked(netpoll.go(fd.read_bytes, 10))
    path.write_bytes(b"through")
    assert reader.join() == b"through"
    fd.close()


@in_run
def test_nobody_who_reads_a_pipe_makes_more_calls_than_it_takes() -> None:
    with piped() as (reads, writes):
        reader = parked(netpoll.go(reads.read_bytes, 10))
        with recorded("read", "epoll_ctl") as calls:
            writes.write(b"x")
            assert reader.join() == b"x"
        number = reads.fileno()
        assert [call[0] for call in calls.of("read") if call[0] == number] == [number]
        assert calls.of("epoll_ctl") == []

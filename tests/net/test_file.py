"""File and open_fd: one class for what waits in the poller and what goes to threads."""

import copy
import errno
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from time import monotonic

import pytest

import netpoll
from netpoll import File, go, open_fd
from tests.kernel import answering, on
from tests.net.pipes import piped
from tests.program import PATIENCE
from tests.running import in_run, parked, says


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[File]:
    path = tmp_path / "file"
    path.write_bytes(b"0123456789")
    with open_fd(os.open(path, os.O_RDWR)) as file:
        yield file


def error_of(operation: Callable[[], object]) -> netpoll.OpError:
    with pytest.raises(netpoll.OpError) as caught:
        operation()
    return caught.value


# ---- disk files


def test_a_disk_file_is_read_and_written(disk: File) -> None:
    def main() -> None:
        buffer, other = bytearray(2), bytearray(5)
        assert disk.read(3) == b"012"
        assert disk.readinto(buffer) == 2
        assert buffer == b"34"
        assert disk.readv([buffer, other]) == 5
        assert bytes(buffer + other[:3]) == b"56789"
        assert disk.read() == b""
        assert disk.write(b"ab") == 2
        assert disk.writev([b"cd", bytearray(b"e"), b""]) == 3
        assert disk.tell() == 15
        assert disk.seek(-6, os.SEEK_END) == 9
        assert disk.read() == b"9abcde"
        assert disk.pread(3, 9) == b"9ab"
        assert disk.pread(3, 15) == b""
        assert disk.pwrite(b"XY", 14) == 2
        assert disk.tell() == 15
        assert disk.pread(100, 13) == b"dXY"

    netpoll.run(main)


def test_a_disk_file_as_text(disk: File) -> None:
    def main() -> None:
        disk.seek(0)
        with disk.makefile("w") as text:
            text.write("one\ntwo\n")
        disk.seek(0)
        with disk.makefile() as text:
            assert text.readline() == "one\n"
        assert not disk.closed

    netpoll.run(main)


def test_a_read_from_a_disk_blocks_a_thread_and_nobody_else(disk: File) -> None:
    go_on = threading.Event()

    def main() -> None:
        with answering(read=on(disk.fileno(), lambda *_: go_on.wait(PATIENCE) and None)):
            reader = parked(go(disk.read))
            netpoll.sleep(0.001)  # the others run
            go_on.set()
            assert reader.join() == b"0123456789"

    netpoll.run(main)


def test_a_disk_file_has_no_limits(disk: File) -> None:
    # Source: go1.27 os/timeout_test.go TestNonpollableDeadline
    for setter in (
        disk.set_deadline,
        disk.set_read_deadline,
        disk.set_write_deadline,
        disk.settimeout,
    ):
        error = error_of(lambda setter=setter: setter(monotonic() + 1))  # type: ignore[misc]
        assert error.errno == errno.EOPNOTSUPP
        assert str(error) == "set file: file type does not support deadlines"
        setter(None)  # which it has not
    assert disk.gettimeout() is None
    disk.close()
    with pytest.raises(netpoll.ClosedError):
        disk.set_deadline(None)


@pytest.mark.parametrize("path", ["/dev/null", "/"])
@in_run
def test_what_else_the_poller_refuses(path: str) -> None:
    with open_fd(os.open(path, os.O_RDONLY)) as file:
        if path == "/":
            assert error_of(file.read).errno == errno.EISDIR
        else:
            assert file.read() == b""


def test_errors_say_what_was_being_done(disk: File) -> None:
    def main() -> None:
        assert error_of(lambda: disk.seek(-1)).errno == errno.EINVAL
        assert str(error_of(lambda: disk.seek(-1))) == "seek file: invalid argument"
        disk.close()
        calls: dict[str, list[Callable[[], object]]] = {
            "read": [
                disk.read,
                lambda: disk.readinto(bytearray(1)),
                lambda: disk.readv([bytearray(1)]),
                lambda: disk.pread(1, 0),
            ],
            "write": [
                lambda: disk.write(b"x"),
                lambda: disk.writev([b"x"]),
                lambda: disk.pwrite(b"x", 0),
            ],
            "seek": [lambda: disk.seek(0), disk.tell],
            "fileno": [disk.fileno],
            "dup": [disk.dup],
        }
        for op, operations in calls.items():
            for operation in operations:
                error = error_of(operation)
                assert isinstance(error, netpoll.ClosedError)
                assert str(error) == f"{op} file: use of closed file"

    netpoll.run(main)


def check_numbers(file: File) -> None:
    calls: list[Callable[[], object]] = [
        lambda: file.pread(-1, 0),
        lambda: file.pread(1, -1),
        lambda: file.pread(1, 1 << 63),
        lambda: file.pwrite(b"x", -1),
        lambda: file.read(-1),
    ]
    for call in calls:
        with pytest.raises(ValueError, match="negative"):
            call()


def test_numbers_that_are_none(disk: File) -> None:
    def main() -> None:
        with piped() as (reads, _):
            check_numbers(disk)
            check_numbers(reads)
        with pytest.raises(ValueError, match="position"):
            disk.seek(1 << 63)

    netpoll.run(main)


# ---- pipes


@in_run
def test_a_pipe_is_read_and_written() -> None:
    with piped() as (reads, writes):
        buffer, other = bytearray(2), bytearray(5)
        assert writes.write(b"0123") == 4
        assert writes.writev([b"45", b"6789"]) == 6
        assert reads.read(3) == b"012"
        assert reads.readinto(buffer) == 2
        assert reads.readv([buffer, other]) == 5
        assert bytes(buffer + other[:3]) == b"56789"
        writes.close()
        assert reads.read() == b""


@in_run
def test_a_pipe_has_no_position() -> None:
    with piped() as (reads, writes):
        for operation in (
            lambda: reads.pread(1, 0),
            lambda: writes.pwrite(b"x", 0),
            lambda: reads.seek(0),
            reads.tell,
        ):
            assert error_of(operation).errno == errno.ESPIPE


@in_run
def test_a_pipe_has_limits() -> None:
    with piped() as (reads, _):
        reads.settimeout(0.01)
        assert reads.gettimeout() == 0.01
        with pytest.raises(netpoll.DeadlineExceeded, match="read file: i/o timeout"):
            reads.read()
        reads.settimeout(None)
        reads.set_deadline(monotonic() + 0.01)
        with pytest.raises(netpoll.DeadlineExceeded):
            reads.read()
        with pytest.raises(TypeError, match="deadline"):
            reads.set_deadline("soon")  # type: ignore[arg-type]
        with pytest.raises(TypeError, match="timeout"):
            reads.settimeout("soon")  # type: ignore[arg-type]


@in_run
def test_a_pipe_as_text() -> None:
    with piped() as (reads, writes):
        with writes.makefile("w") as text:
            text.write("one\ntwo\n")
        writes.close()
        with reads.makefile() as lines:
            assert list(lines) == ["one\n", "two\n"]


@in_run
def test_closing_wakes_who_reads_and_who_stands_in_line() -> None:
    # Source: go1.27 os/os_test.go TestCloseWithBlockingReadByNewFile
    with piped() as (reads, _):
        readers = [parked(go(reads.read, 1)) for _ in range(3)]
        reads.close()
        for reader in readers:
            with pytest.raises(netpoll.ClosedError, match="read file: use of closed file"):
                reader.join()


@in_run
def test_a_write_that_nobody_reads() -> None:
    # Source: go1.27 os/pipe_test.go TestEPIPE
    with piped() as (reads, writes):
        reads.close()
        for _ in range(20):
            with pytest.raises(BrokenPipeError, match="write file: broken pipe"):
                writes.write(b"hi")


# ---- of both kinds


@in_run
def test_a_number_that_is_not_open() -> None:
    assert str(error_of(lambda: open_fd(10**6))) == "open file: bad file descriptor"
    assert error_of(lambda: open_fd(-1)).errno == errno.EBADF
    with pytest.raises(ValueError, match="C int"):
        open_fd(1 << 40)
    with pytest.raises(TypeError):
        open_fd("stdin")  # type: ignore[arg-type]


def test_a_second_descriptor(disk: File) -> None:
    number = disk.dup()
    assert not os.get_inheritable(number)
    disk.close()
    assert os.pread(number, 3, 0) == b"012"
    os.close(number)


@in_run
def test_it_looks_like_what_it_is() -> None:
    with piped() as (reads, _):
        assert repr(reads) == f"<PipeFile {reads.fileno()}>"
        assert (reads.network, reads.local_addr, reads.remote_addr) == ("file", None, None)
        reads.close()
        assert repr(reads) == "<PipeFile -1 closed>"
        with pytest.raises(TypeError, match="cannot be copied"):
            copy.copy(reads)
        with pytest.raises(TypeError):
            File()  # type: ignore[abstract]


def test_standard_output_of_a_program() -> None:
    assert (
        says(
            """
            import netpoll

            def main():
                with netpoll.open_fd(1) as stdout:
                    stdout.write(b"hello\\n")

            netpoll.run(main)
            """
        )
        == "hello\n"
    )


def test_standard_input_that_cannot_be_opened_anew_is_read_on_a_thread() -> None:
    assert (
        says(
            """
            import os, netpoll
            from netpoll._runtime.intercept import intercept

            reads, writes = os.pipe()
            os.dup2(reads, 0)
            intercept("open", lambda *_: -13)

            def main():
                stdin = netpoll.open_fd(0)
                reader = netpoll.go(stdin.read)
                netpoll.sleep(0.01)
                os.write(writes, b"typed")
                print(type(stdin).__name__, reader.join(), os.get_blocking(reads))
                stdin.close()

            netpoll.run(main)
            """
        )
        == "DiskFile b'typed' True\n"
    )


@in_run
def test_calls_of_the_user_s_own() -> None:
    with piped() as (reads, writes):
        reader = parked(go(reads.raw_read, lambda number: os.read(number, 10)))
        assert writes.raw_write(lambda number: os.write(number, b"data")) == 4
        assert reader.join() == b"data"
        assert reads.raw_control(lambda number: number) == reads.fileno()
        reads.close()
        with pytest.raises(netpoll.ClosedError, match="raw-read file: use of closed file"):
            reads.raw_read(lambda _: None)

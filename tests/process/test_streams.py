"""What a child's standard streams can be."""

import fcntl
import os
import socket
from pathlib import Path

import pytest

from netpoll import go, net, open_fd, process
from netpoll.process import DEVNULL, PIPE, Popen
from netpoll.process.streams import Stream
from tests.process.commands import CAT, python
from tests.running import in_run, open_descriptors, says

BLOCKS = python("import os; print([os.get_blocking(n) for n in range(3)])")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_bytes(b"on disk")
    return path


@in_run
def test_a_file_a_number_and_a_disk_file(path: Path) -> None:
    with path.open("rb") as file:
        assert process.run(CAT, stdin=file, stdout=PIPE).stdout == b"on disk"
        assert file.seek(0) == 0
        assert process.run(CAT, stdin=file.fileno(), stdout=PIPE).stdout == b"on disk"
    with open_fd(os.open(path, os.O_RDWR | os.O_TRUNC)) as disk:
        process.run(["echo", "new"], stdout=disk)
        assert disk.pread(10, 0) == b"new\n"


@in_run
def test_a_pipe_that_does_not_block_here_blocks_there() -> None:
    reading, writing = os.pipe()
    with open_fd(reading) as source, open_fd(writing) as sink:
        with Popen(CAT, stdin=source, stdout=PIPE) as cat:
            sink.write(b"through a pipe")
            assert cat.stdout is not None
            assert cat.stdout.read() == b"through a pipe"
            sink.close()
            assert cat.wait() == 0
        assert not os.get_blocking(source.fileno())


@in_run
def test_a_pipe_may_be_written_to_by_it() -> None:
    reading, writing = os.pipe()
    with open_fd(reading) as source:
        with open_fd(writing) as sink:
            process.run(["echo", "x"], stdout=sink, stderr=sink)
        assert source.read() == b"x\n"
        assert source.read() == b""


@in_run
def test_a_connection_may_be_its_stdin_and_stdout() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = go(listener.accept)
        with net.dial("tcp", str(listener.local_addr)) as client:
            with accepting.join() as conn, Popen(CAT, stdin=conn, stdout=conn) as cat:
                conn.close()  # it has its own
                reading = go(client.read)
                client.write(b"hello")
                assert reading.join() == b"hello"
                client.close_write()
                assert cat.wait() == 0
            assert client.read() == b""


@in_run
def test_a_connection_goes_on_parking_here() -> None:
    ours, theirs = socket.socketpair()
    with net.UnixConn.from_fd(ours.detach()) as conn, theirs:
        process.run(["true"], stdin=conn)
        reading = go(conn.read)
        theirs.send(b"x")
        assert reading.join() == b"x"


@in_run
def test_each_stream_of_a_child_blocks() -> None:
    def blocking_of(stdin: Stream, stderr: Stream) -> bytes:
        return process.run(BLOCKS, stdin=stdin, stdout=PIPE, stderr=stderr, timeout=20).stdout

    reading, writing = os.pipe()
    ours, theirs = socket.socketpair()
    for end in (ours, theirs):
        end.setblocking(False)
    with (
        open_fd(reading) as source,
        open_fd(writing) as sink,
        net.UnixConn.from_fd(ours.detach()) as conn,
        net.UnixConn.from_fd(theirs.detach()) as other,
    ):
        assert blocking_of(PIPE, PIPE) == b"[True, True, True]\n"
        assert blocking_of(source, sink) == b"[True, True, True]\n"
        assert blocking_of(conn, other) == b"[True, True, True]\n"
        assert not os.get_blocking(source.fileno())


@in_run
def test_the_size_of_pipes_can_be_chosen() -> None:
    with Popen(CAT, stdin=PIPE, stdout=PIPE, pipesize=1 << 17) as cat:
        for file in (cat.stdin, cat.stdout):
            assert file is not None
            assert fcntl.fcntl(file.fileno(), fcntl.F_GETPIPE_SZ) == 1 << 17


def test_what_is_inherited_blocks_too_although_it_does_not_here() -> None:
    said = says(
        """
        import os, sys
        from netpoll import open_fd, process, run

        reading, writing = os.pipe()
        os.dup2(reading, 0)
        os.set_blocking(0, False)

        def main():
            os.write(writing, b"x")
            child = process.Popen(["cat"], stdout=process.PIPE)
            assert child.stdout.read() == b"x"
            os.close(writing)
            assert child.wait() == 0
            child.stdout.close()
            print(os.get_blocking(0))

        run(main)
        """
    )
    assert said == "False\n"


def test_a_process_without_standard_streams_can_start_others() -> None:
    said = says(
        """
        import os
        from netpoll import process, run

        saved = os.dup(1)
        for number in range(3):
            os.close(number)

        def main():
            assert process.run(["cat"], input=b"x", capture_output=True).stdout == b"x"
            for streams in ({}, {"stdout": -1}, {"stdin": -1}, {"stderr": -1, "stdin": -3}):
                process.run(["true"], **streams)

        run(main)
        os.write(saved, b"done")
        """
    )
    assert said == "done"


def inherited(number: int) -> bool:
    try:
        return os.get_inheritable(number)
    except OSError:  # the one that listed them
        return False


SEES = python("import os; print(sorted(map(int, os.listdir('/proc/self/fd'))))")


@pytest.mark.parametrize("close_fds", [True, False])
@in_run
def test_a_storm_of_children_sees_nothing_but_its_streams(close_fds: bool) -> None:
    # What lists them has number 3. Whoever started the tests may have left some that are inherited.
    others = [] if close_fds else [n for n in open_descriptors() if inherited(n)]
    expected = sorted({0, 1, 2, 3, *others})

    def one() -> bytes:
        return process.run(SEES, input=b"x", capture_output=True, close_fds=close_fds).stdout

    with net.listen("tcp", "127.0.0.1:0") as listener, net.dial("tcp", str(listener.local_addr)):
        storm = [go(one) for _ in range(40)]
        assert {goroutine.join() for goroutine in storm} == {f"{expected}\n".encode()}


@in_run
def test_named_descriptors_are_passed_on() -> None:
    reading, writing = os.pipe()
    try:
        writes = python(f"import os; os.write({writing}, b'x')")
        process.run(writes, pass_fds=[writing], check=True)
        assert os.read(reading, 10) == b"x"
    finally:
        os.close(reading)
        os.close(writing)


@in_run
def test_what_fails_leaves_no_descriptor_open(path: Path) -> None:
    process.run(["true"])
    before = open_descriptors()
    closed = path.open("rb")
    closed.close()
    for failing in (
        {"args": ["/no/such/program"], "stdin": PIPE, "stdout": PIPE, "stderr": PIPE},
        {"args": ["true"], "stdin": PIPE, "stdout": PIPE, "stderr": closed},
        {"args": ["true"], "stdin": PIPE, "stdout": DEVNULL, "nonsense": 1},
        {"args": ["true"], "stdin": PIPE, "pipesize": "much"},
        {"args": ["tr\0ue"], "stdin": PIPE, "stdout": PIPE},
        {"args": [], "stdin": PIPE, "stdout": PIPE},
        {"args": 7, "stdin": PIPE},
        {"args": ["true"], "stdin": PIPE, "stdout": object()},
    ):
        with pytest.raises((OSError, TypeError, ValueError, AttributeError, IndexError)):
            Popen(**failing)
    assert open_descriptors() == before

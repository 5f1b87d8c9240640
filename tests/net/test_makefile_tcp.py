"""Files over TCP connections."""

import io
import os
import random
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest

from netpoll import (
    Cancelled,
    ClosedError,
    DeadlineExceeded,
    GoroutineCancelled,
    OpError,
    blocking,
    go,
    net,
)
from tests.net.ends import (
    MORE_THAN_FITS,
    connected,
    events_come_in,
    read_all,
    read_exactly,
    serving,
)
from tests.running import in_run, parked


@in_run
def test_lines_are_read_as_they_come_and_none_is_lost() -> None:
    lines = [b"x" * random.randrange(3000) + b"\n" for _ in range(500)]
    with connected() as (near, far):

        def send() -> None:
            data = b"".join(lines)
            while data:
                size = random.randrange(1, 20_000)
                far.write(data[:size])
                data = data[size:]
            far.close_write()

        sender = go(send)
        with near.makefile("rb") as file:
            assert list(file) == lines
        sender.join()


@in_run
def test_a_line_parks_until_it_is_whole() -> None:
    with connected() as (near, far), near.makefile("r", encoding="utf-8") as file:
        reader = parked(go(file.readline))
        for piece in (b"caf\xc3", b"\xa9 au", b" lait\r"):
            far.write(piece)
            events_come_in()
            assert not reader.done
        far.write(b"\nnext")
        assert reader.join() == "caf\u00e9 au lait\n"
        far.close_write()
        assert file.read() == "next"
        assert file.read() == ""


@pytest.mark.parametrize("text", [False, True])
@in_run
def test_a_line_server_answers_each_line(text: bool) -> None:
    def shout(conn: net.TCPConn) -> None:
        with conn, conn.makefile("rw" if text else "rwb", **options) as file:
            for line in file:
                file.write(line.upper())
                file.flush()

    options: dict[str, Any] = {"encoding": "utf-8", "newline": "\n"} if text else {}
    with serving(shout) as listener, net.dial("tcp", str(listener.local_addr)) as conn:
        with conn.makefile("rw" if text else "rwb", **options) as file:
            for number in range(200):
                line = f"gr\u00fc\u00dfe {number}\n"
                file.write(line if text else line.encode())
                file.flush()
                assert file.readline() == (line.upper() if text else line.encode().upper())
            conn.close_write()
            assert file.read() == ("" if text else b"")


@in_run
def test_what_is_written_goes_out_when_flushed_or_closed() -> None:
    with connected() as (near, far):
        far.settimeout(0)
        file = near.makefile("wb")
        file.write(b"first")
        with pytest.raises(DeadlineExceeded):
            far.read()
        file.flush()
        assert far.read() == b"first"
        file.write(b"second")
        file.close()
        assert far.read() == b"second"
        assert not near.closed
        near.write(b"third")
        assert far.read() == b"third"


@in_run
def test_large_writes_park_until_the_peer_has_read_them() -> None:
    data = random.Random(2).randbytes(4 << 20)
    with connected() as (near, far):

        def send() -> None:
            with near.makefile("wb") as file:
                for start in range(0, len(data), 100_000):
                    file.write(data[start : start + 100_000])
            near.close()

        sender = go(send)
        with far.makefile("rb") as file:
            assert file.read() == data
        sender.join()


@in_run
def test_one_may_read_while_another_writes() -> None:
    with connected() as (near, far), near.makefile("rwb") as file:
        reader = parked(go(file.read, 5))
        file.write(b"hello")
        file.flush()
        assert read_exactly(far, 5) == b"hello"
        far.write(b"world")
        assert reader.join() == b"world"


@in_run
def test_without_a_buffer_each_call_is_one_of_the_connection() -> None:
    with connected() as (near, far), near.makefile("rwb", buffering=0) as file:
        assert file.write(b"now") == 3
        assert far.read() == b"now"
        far.write(b"what has come")
        assert file.read(100) == b"what has come"
        assert file.fileno() == near.fileno()


@in_run
def test_closing_the_connection_wakes_who_reads_its_file() -> None:
    with connected() as (near, _):
        file = near.makefile("rb")
        reader = parked(go(file.readline))
        near.close()
        with pytest.raises(ClosedError):
            reader.join(5)
        with pytest.raises(ClosedError):
            file.read(1)
        file.close()


@pytest.mark.parametrize(
    ("cut", "reason"),
    [
        (lambda conn, _: conn.set_read_deadline(1e-9), DeadlineExceeded),
        (lambda _, reader: reader.cancel(), GoroutineCancelled),
    ],
)
@in_run
def test_after_a_read_that_was_cut_short_the_file_is_of_no_use_but_the_connection_is(
    cut: Callable[[net.TCPConn, object], None], reason: type[Exception]
) -> None:
    with connected() as (near, far):
        file = near.makefile("rb")
        reader = parked(go(file.readline))
        far.write(b"half a li")
        events_come_in()
        cut(near, reader)
        with pytest.raises(reason):
            reader.join(5)
        near.set_read_deadline(None)
        far.write(b"ne\n")
        with pytest.raises(OpError, match=r"an earlier read was cut short, .* make a new file$"):
            file.readline()
        file.close()
        assert near.read() == b"ne\n"


@in_run
def test_a_flush_that_was_cut_off_is_taken_up_again_byte_for_byte() -> None:
    data = random.Random(3).randbytes(24 << 20)
    with connected() as (near, far):
        file = near.makefile("wb", buffering=len(data) + 1)
        file.write(data)
        near.settimeout(0.02)
        with pytest.raises(DeadlineExceeded):
            file.flush()
        near.settimeout(None)
        reader = go(read_all, far)
        file.close()
        near.close_write()
        assert reader.join() == data


@in_run
def test_a_goroutine_cancelled_in_a_flush_ends_and_sends_nothing_twice() -> None:
    def send() -> None:
        with near.makefile("wb") as file:
            file.write(b"begin")
            file.write(MORE_THAN_FITS)

    with connected() as (near, far):
        sender = parked(go(send))
        sender.cancel()
        with pytest.raises(GoroutineCancelled) as caught:
            sender.join(5)
        assert isinstance(caught.value.__cause__, Cancelled)
        near.close()
        received = read_all(far)
        assert received[:5] == b"begin"
        assert len(received) <= len(MORE_THAN_FITS)
        assert not received[5:].strip(b"\0")


@in_run
def test_the_encoding_and_the_ends_of_lines_are_as_asked_for() -> None:
    with connected() as (near, far):
        with near.makefile("w", encoding="latin-1", newline="\r\n") as file:
            file.write("caf\u00e9\n")
        assert far.read() == b"caf\xe9\r\n"
        far.write(b"\xff\n")
        far.close_write()
        with near.makefile("r", encoding="ascii", errors="replace") as file:
            assert isinstance(file, io.TextIOWrapper)
            assert file.read() == "\ufffd\n"


@in_run
def test_a_pipe_is_copied_into_a_connection() -> None:
    # Source: go1.27 net/tcpsock_test.go TestCopyPipeIntoTCP
    program = "import sys; sys.stdout.write('a'); sys.stdout.flush(); sys.stdout.write('b')"
    with (
        connected() as (near, far),
        subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as process,
    ):
        assert process.stdout is not None
        while data := blocking(os.read, process.stdout.fileno(), 100):
            near.write(data)
        near.close_write()
        assert read_all(far) == b"ab"

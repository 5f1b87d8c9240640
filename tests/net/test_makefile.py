"""Files over a connection, a plain object here that plays it."""

import io
import re
import socket
from typing import Any, cast

import pytest

from netpoll.errors import ClosedError, DeadlineExceeded, OpError
from netpoll.net.conn import Conn
from netpoll.net.makefile import ConnFile, makefile


class Script:
    """Plays a connection: what reads give, what writes take, and the errors between."""

    network, local_addr, remote_addr = "tcp", "a:1", "b:2"
    closed = False

    def __init__(self, *events: bytes | BaseException | int) -> None:
        self.events = list(events)
        self.written = b""

    def readinto(self, buffer: bytearray) -> int:
        event = self.events.pop(0) if self.events else b""
        if isinstance(event, BaseException):
            raise event
        assert isinstance(event, bytes)
        buffer[: len(event)] = event
        return len(event)

    def write(self, data: bytes) -> int:
        event = self.events.pop(0) if self.events else len(data)
        if isinstance(event, BaseException):
            self.written += bytes(data)[: getattr(event, "bytes_written", 0)]
            raise event
        self.written += bytes(data)
        return len(data)

    def fileno(self) -> int:
        return 42

    def close(self) -> None:
        raise AssertionError("the file closed the connection")


def file_over(script: Script, mode: str, **options: Any) -> Any:
    return makefile(cast("Conn", script), mode, **options)


def test_lines_of_bytes_are_read_whatever_pieces_arrive() -> None:
    with file_over(Script(b"one\ntw", b"o\nthr", b"ee"), "rb") as file:
        assert list(file) == [b"one\n", b"two\n", b"three"]


def test_text_is_decoded_across_pieces() -> None:
    with file_over(Script(b"caf\xc3", b"\xa9\r\n"), "r", encoding="utf-8") as file:
        assert file.mode == "r"
        assert file.read() == "caf\u00e9\n"


def test_text_is_encoded_and_sent_when_the_file_is_closed() -> None:
    script = Script()
    with file_over(script, "w", encoding="utf-8", newline="\r\n") as file:
        file.write("caf\u00e9\n")
        assert script.written == b""
    assert script.written == b"caf\xc3\xa9\r\n"


def test_one_file_reads_and_writes() -> None:
    script = Script(b"pong\n")
    with file_over(script, "rwb") as file:
        assert file.readline() == b"pong\n"
        file.write(b"ping\n")
        file.flush()
    assert script.written == b"ping\n"


def test_without_a_buffer_a_write_is_sent_at_once() -> None:
    script = Script()
    file = file_over(script, "wb", buffering=0)
    assert isinstance(file, ConnFile)
    assert file.write(b"now") == 3
    assert script.written == b"now"


@pytest.mark.parametrize("mode", ["rt", "wt", "a", "x", "r+", "rU", "read"])
def test_another_mode_is_refused_with_those_that_there_are(mode: str) -> None:
    allowed = f'invalid mode {mode!r}: it is "r", "w" or "rw" for text, with a "b" for bytes'
    with pytest.raises(ValueError, match=re.escape(allowed)):
        file_over(Script(), mode)


def test_text_without_a_buffer_is_refused() -> None:
    with pytest.raises(ValueError, match=r'buffering=0\) the mode has a "b"'):
        file_over(Script(), "r", buffering=0)


@pytest.mark.parametrize("mode", ["", "r", "w", "rw", "wr", "b", "rb", "br", "bw", "rwb", "bb"])
def test_a_mode_means_what_it_means_to_a_socket(mode: Any) -> None:
    ends = socket.socketpair()
    with ends[0] as end, ends[1], file_over(Script(), mode) as file:
        with end.makefile(mode) as model:
            assert type(file) is type(model)
            assert getattr(file, "mode", None) == getattr(model, "mode", None)


def test_a_file_does_only_what_it_was_made_for() -> None:
    with file_over(Script(), "rb") as file, pytest.raises(io.UnsupportedOperation):
        file.write(b"x")
    with file_over(Script(), "wb") as file, pytest.raises(io.UnsupportedOperation):
        file.read()
    reader, writer = (file_over(Script(), mode, buffering=0) for mode in ("rb", "wb"))
    with pytest.raises(io.UnsupportedOperation):
        reader.write(b"x")
    with pytest.raises(io.UnsupportedOperation):
        writer.readinto(bytearray(1))


def test_a_closed_file_is_of_no_use() -> None:
    file = file_over(Script(), "rwb", buffering=0)
    assert (file.readable(), file.writable(), file.seekable(), file.fileno()) == (
        True,
        True,
        False,
        42,
    )
    file.close()
    file.close()
    for use in (file.readable, file.writable, file.fileno, lambda: file.write(b"x"), file.read):
        with pytest.raises(ValueError, match="closed file"):
            use()


def test_the_error_of_the_connection_reaches_the_reader() -> None:
    with file_over(Script(ClosedError("read", "tcp")), "rb") as file, pytest.raises(ClosedError):
        file.read(1)


@pytest.mark.parametrize("cut", [DeadlineExceeded(), KeyboardInterrupt()])
def test_after_a_read_that_was_cut_short_no_byte_is_taken_for_another(cut: BaseException) -> None:
    with file_over(Script(b"ab", cut, b"cd"), "rb") as file:
        with pytest.raises(type(cut)):
            file.read(4)
        with pytest.raises(
            OpError, match=r"^read tcp a:1->b:2: an earlier read was cut short, .* make a new file$"
        ):
            file.read(1)


def test_a_write_cut_short_is_taken_up_where_it_stopped() -> None:
    script = Script(DeadlineExceeded(bytes_written=2), DeadlineExceeded())
    with file_over(script, "wb") as file:
        file.write(b"abcdef")
        with pytest.raises(DeadlineExceeded):
            file.flush()
        file.flush()
    assert script.written == b"abcdef"


def test_without_a_buffer_a_write_cut_short_says_so_at_once() -> None:
    script = Script(DeadlineExceeded(bytes_written=2))
    with file_over(script, "wb", buffering=0) as file:
        with pytest.raises(DeadlineExceeded) as caught:
            file.write(b"abcdef")
        assert caught.value.bytes_written == 2


def write_and_flush(file: Any, data: bytes) -> None:
    with file:
        file.write(data)
        file.flush()


def test_an_interrupt_during_a_write_passes_through_and_nothing_is_sent_twice() -> None:
    script = Script(KeyboardInterrupt())
    file = file_over(script, "wb")
    with pytest.raises(KeyboardInterrupt):
        write_and_flush(file, b"abcdef")
    assert script.written == b""
    assert file.closed


def test_a_file_that_is_not_used_leaves_the_connection_alone() -> None:
    script = Script()
    file_over(script, "rwb").close()
    assert script.written == b""

"""From the errors of a descriptor to those with a context."""

import errno
import os

import pytest

from netpoll.errors import ClosedError, DeadlineExceeded, OpError
from netpoll.net import TCPAddr
from netpoll.net.operror import wrap_error, wrapping

LOCAL = TCPAddr("127.0.0.1", 4000)
REMOTE = TCPAddr("127.0.0.1", 80)


def test_the_context_is_added_and_the_cause_kept() -> None:
    cause = OSError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))
    error = wrap_error("read", "tcp", LOCAL, REMOTE, cause)
    assert str(error) == "read tcp 127.0.0.1:4000->127.0.0.1:80: connection reset by peer"
    assert isinstance(error, ConnectionResetError)
    assert (error.op, error.network, error.source, error.addr) == ("read", "tcp", LOCAL, REMOTE)
    assert error.errno == errno.ECONNRESET
    assert error.__cause__ is cause


@pytest.mark.parametrize("kind", [ClosedError, DeadlineExceeded])
def test_closed_and_deadline_stay_what_they_are(kind: type[OpError]) -> None:
    cause = kind(bytes_written=5)
    error = wrap_error("write", "tcp4", LOCAL, REMOTE, cause)
    assert type(error) is kind
    assert error.bytes_written == 5
    assert str(error) == f"write tcp4 {LOCAL}->{REMOTE}: {cause}"
    assert error.__cause__ is cause


def test_a_timeout_of_the_kernel_is_no_deadline() -> None:
    error = wrap_error(
        "read", "tcp", LOCAL, REMOTE, OSError(errno.ETIMEDOUT, "Connection timed out")
    )
    assert isinstance(error, TimeoutError)
    assert type(error).__name__ == "OpError"
    assert error.timeout


def test_the_number_of_bytes_written_is_kept() -> None:
    assert (
        wrap_error(
            "write", "tcp", None, None, OpError(errno=errno.EPIPE, bytes_written=9)
        ).bytes_written
        == 9
    )
    assert wrap_error("write", "tcp", None, None, OSError(errno.EPIPE, "")).bytes_written == 0


def test_a_text_of_its_own_is_kept() -> None:
    assert str(wrap_error("read", "tcp", None, "a:1", OSError("Odd"))) == "read tcp a:1: odd"
    assert (
        str(wrap_error("read", "tcp", None, "a:1", OSError(errno.EIO, "Odd")))
        == "read tcp a:1: odd"
    )


def test_an_error_that_leaves_the_block_is_wrapped() -> None:
    cause = ClosedError()
    with (
        pytest.raises(ClosedError, match=r"^set tcp 127.0.0.1:80: use of") as caught,
        wrapping("set", "tcp", None, REMOTE),
    ):
        raise cause
    assert caught.value.__cause__ is cause


def test_other_exceptions_leave_the_block_as_they_are() -> None:
    with pytest.raises(ZeroDivisionError), wrapping("set", "tcp", None, REMOTE):
        raise ZeroDivisionError

"""The exceptions: what they say, what they are caught by, and that they survive a copy."""

import copy
import errno
import os
import pickle
import subprocess
import sys
import threading
from collections.abc import Callable
from typing import Any

import pytest

from netpoll import errors
from netpoll.errors import (
    AddrError,
    Cancelled,
    ClosedError,
    DeadlineExceeded,
    DeadlockError,
    DNSError,
    DNSTimeoutError,
    GoroutineCancelled,
    IncompleteReadError,
    LimitExceededError,
    OpError,
    UnknownNetworkError,
)

LOCAL, REMOTE = "127.0.0.1:4000", "127.0.0.1:80"

EXAMPLES = [
    OpError("read", "tcp", LOCAL, REMOTE, errno.ECONNRESET),
    OpError("write", "tcp", LOCAL, REMOTE, errno.EPIPE, bytes_written=7),
    OpError("read", "tcp", reason="an earlier read was cut short"),
    OpError("bind", errno=errno.EADDRINUSE),
    ClosedError(),
    ClosedError("accept", "tcp", None, REMOTE),
    DeadlineExceeded(),
    DeadlineExceeded("write", "tcp", LOCAL, REMOTE, bytes_written=3),
    AddrError("invalid port", "127.0.0.1:99999"),
    AddrError("missing port in address"),
    UnknownNetworkError("tcp9"),
    DNSError("no such host", "nosuch.example", is_not_found=True),
    DNSError("i/o timeout", "slow.example", server="10.0.0.1:53", is_timeout=True),
    DNSError("server misbehaving", "a.example", is_temporary=True),
]

STREAM_EXAMPLES = [
    IncompleteReadError(b"abc", 10),
    IncompleteReadError(b"", None),
    LimitExceededError(4, b"more"),
]


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            OpError("dial", "tcp", None, "127.0.0.1:1", errno.ECONNREFUSED),
            "dial tcp 127.0.0.1:1: connection refused",
        ),
        (
            OpError("read", "tcp", LOCAL, REMOTE, errno.ECONNRESET),
            "read tcp 127.0.0.1:4000->127.0.0.1:80: connection reset by peer",
        ),
        (
            ClosedError("accept", "tcp", None, "0.0.0.0:80"),
            "accept tcp 0.0.0.0:80: use of closed network connection",
        ),
        (OpError("write", "tcp", LOCAL, None, errno.EPIPE), f"write tcp {LOCAL}: broken pipe"),
        (OpError(errno=errno.EPIPE), "broken pipe"),
        (OpError("read", "tcp", reason="Odd"), "read tcp: odd"),
        (OpError("read", "tcp", reason="RF gone"), "read tcp: RF gone"),
        (ClosedError(), "use of closed network connection"),
        (DeadlineExceeded(), "i/o timeout"),
        (DeadlineExceeded("lookup", "", None, "a.example"), "lookup a.example: i/o timeout"),
        (
            AddrError("invalid port", "127.0.0.1:99999"),
            "address 127.0.0.1:99999: invalid port",
        ),
        (AddrError("missing port in address"), "missing port in address"),
        (UnknownNetworkError("tcp9"), "unknown network tcp9"),
        (DNSError("no such host", "nosuch.example"), "lookup nosuch.example: no such host"),
        (
            DNSError("i/o timeout", "a.example", server="10.0.0.1:53"),
            "lookup a.example on 10.0.0.1:53: i/o timeout",
        ),
    ],
)
def test_the_text_says_what_was_being_done_to_what(error: OSError, text: str) -> None:
    assert str(error) == text


@pytest.mark.parametrize("number", sorted(errno.errorcode))
def test_an_op_error_is_the_builtin_of_its_errno_as_well(number: int) -> None:
    error = OpError("read", "tcp", None, REMOTE, number)
    assert isinstance(error, type(OSError(number, "")))
    assert isinstance(error, OpError)
    assert (error.errno, error.strerror) == (number, os.strerror(number))
    assert type(error).__qualname__ == "OpError"
    assert type(error) is type(OpError(errno=number))


def test_a_reset_is_caught_as_python_users_expect() -> None:
    with pytest.raises(ConnectionResetError) as caught:
        raise OpError("read", "tcp", LOCAL, REMOTE, errno.ECONNRESET)
    assert isinstance(caught.value, OpError)
    assert caught.value.addr == REMOTE


def test_an_op_error_is_no_other_builtin() -> None:
    assert not isinstance(OpError(errno=errno.EINVAL), ConnectionError)
    assert type(OpError(errno=errno.EINVAL)) is OpError


def test_a_deadline_exceeded_is_a_timeout_error() -> None:
    error = DeadlineExceeded()
    assert isinstance(error, TimeoutError)
    assert type(error) is DeadlineExceeded
    assert (error.errno, error.timeout) == (errno.ETIMEDOUT, True)


def test_a_name_that_took_too_long_is_a_timeout_error() -> None:
    late = DNSError("no answer", "x", is_timeout=True)
    assert type(late) is DNSTimeoutError
    assert isinstance(late, TimeoutError)
    assert not isinstance(DNSError("server misbehaving", "x"), TimeoutError)


def test_every_error_of_net_tells_whether_time_ran_out() -> None:
    # Source: go1.27 net/error_test.go, the Timeout of each kind
    assert not AddrError("none").timeout
    assert not UnknownNetworkError("tcp9").timeout
    assert not DNSError("no such host", "x", is_not_found=True).timeout
    assert DNSError("no answer", "x", is_timeout=True).timeout


def test_a_closed_error_is_an_op_error_and_no_timeout() -> None:
    error = ClosedError()
    assert isinstance(error, OpError)
    assert (error.errno, error.timeout) == (errno.EBADF, False)


@pytest.mark.parametrize(
    ("number", "timeout"),
    [(errno.ETIMEDOUT, True), (errno.EAGAIN, True), (errno.ECONNRESET, False), (None, False)],
)
def test_timeout_tells_whether_time_ran_out(number: int | None, timeout: bool) -> None:
    assert OpError(errno=number).timeout is timeout


def test_an_address_error_is_a_value_error() -> None:
    assert issubclass(AddrError, ValueError)
    assert issubclass(UnknownNetworkError, AddrError)
    assert UnknownNetworkError("tcp9").network == "tcp9"


def test_a_dns_error_tells_what_kind_it_is() -> None:
    error = DNSError("no such host", "a.example", is_not_found=True)
    assert (error.name, error.is_not_found, error.is_timeout, error.server) == (
        "a.example",
        True,
        False,
        None,
    )


@pytest.mark.parametrize(
    ("kind", "temporary"),
    [({}, False), ({"is_temporary": True}, True), ({"is_timeout": True}, True)],
)
def test_a_dns_error_tells_whether_another_try_may_succeed(
    kind: dict[str, Any], temporary: bool
) -> None:
    # Source: go1.27 net/net.go (*DNSError).Temporary
    error = DNSError("server misbehaving", "a.example", **kind)
    assert error.is_temporary is temporary
    assert error.timeout is kind.get("is_timeout", False)


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (
            IncompleteReadError(b"abc", 10),
            "the stream ended after 3 bytes, before 10 bytes had come",
        ),
        (IncompleteReadError(b"", None), "the stream ended after 0 bytes, before the separator"),
        (LimitExceededError(4, b"more"), "more than the limit of 4 bytes"),
    ],
)
def test_the_text_says_what_came_of_a_read(error: Exception, text: str) -> None:
    assert str(error) == text


def test_an_incomplete_read_is_the_end_of_the_file_and_keeps_what_came() -> None:
    error = IncompleteReadError(b"abc", 10)
    assert isinstance(error, EOFError)
    assert not isinstance(error, OSError)
    assert (error.partial, error.expected) == (b"abc", 10)


def test_a_limit_exceeded_says_which_and_keeps_what_came() -> None:
    error = LimitExceededError(4, b"more")
    assert not isinstance(error, (OSError, EOFError))
    assert (error.limit, error.partial) == (4, b"more")


def test_cancelled_passes_handlers_of_exceptions() -> None:
    assert not issubclass(Cancelled, Exception)
    assert not issubclass(GoroutineCancelled, Cancelled)
    assert issubclass(DeadlockError, RuntimeError)


@pytest.mark.parametrize("error", EXAMPLES, ids=str)
@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301
def test_a_copy_is_the_same_error(error: OSError, again: "type[OSError]") -> None:
    error.add_note("noted")
    twin: OSError = again(error)
    del error.__notes__
    assert twin is not error
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert twin.args == error.args
    assert twin.errno == error.errno
    assert twin.__notes__ == ["noted"]
    for name in ("op", "source", "bytes_written", "err", "network", "is_timeout", "is_temporary"):
        assert getattr(twin, name, None) == getattr(error, name, None)
    assert getattr(twin, "server", None) == getattr(error, "server", None)


@pytest.mark.parametrize("error", STREAM_EXAMPLES, ids=str)
@pytest.mark.parametrize("again", [copy.copy, lambda e: pickle.loads(pickle.dumps(e))])  # noqa: S301
def test_a_copy_of_what_a_read_raised_is_the_same(
    error: Exception, again: Callable[[Exception], Exception]
) -> None:
    error.add_note("noted")
    twin = again(error)
    assert type(twin) is type(error)
    assert str(twin) == str(error)
    assert vars(twin) == vars(error)


def test_a_subclass_of_an_op_error_keeps_its_class() -> None:
    class TLSError(OpError):
        pass

    error = TLSError("handshake", "tcp", LOCAL, REMOTE, errno.ECONNRESET)
    assert isinstance(error, TLSError)
    assert isinstance(error, ConnectionResetError)
    assert not isinstance(OpError(errno=errno.ECONNRESET), TLSError)


def test_the_class_of_an_error_makes_errors_of_any_errno() -> None:
    reset = type(OpError(errno=errno.ECONNRESET))
    assert type(reset(errno=errno.EPIPE)) is type(OpError(errno=errno.EPIPE))


def test_threads_agree_on_the_class_for_an_errno() -> None:
    class Fresh(OpError):
        pass

    start = threading.Barrier(8)
    classes: list[type] = []

    def make() -> None:
        start.wait()
        classes.append(type(Fresh(errno=errno.EPIPE)))

    threads = [threading.Thread(target=make) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(set(classes)) == 1


def test_repr_shows_the_text() -> None:
    assert repr(ClosedError("read", "tcp")) == (
        "ClosedError('read tcp: use of closed network connection')"
    )
    assert repr(DNSError("no such host", "a.example")) == (
        "DNSError('lookup a.example: no such host')"
    )


def test_errors_import_nothing_of_the_package() -> None:
    code = (
        "import importlib.util, sys\n"
        f"spec = importlib.util.spec_from_file_location('errors', {errors.__file__!r})\n"
        "module = importlib.util.module_from_spec(spec)\n"
        "spec.loader.exec_module(module)\n"
        "assert not any(name.startswith('netpoll') for name in sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)

"""The table of system calls, and the door through which a test plays the kernel."""

import errno
import os
import socket
from typing import Any

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from netpoll._runtime.intercept import intercept
from tests import tcp
from tests.kernel import answering, one_by_one, recorded
from tests.running import in_run, pair


@pytest.fixture
def unraisable(monkeypatch: pytest.MonkeyPatch) -> list[BaseException | None]:
    """Return what was reported as unraisable; a test takes out what it expects."""
    seen: list[BaseException | None] = []
    monkeypatch.setattr("sys.unraisablehook", lambda report: seen.append(report.exc_value))
    return seen


def test_a_name_that_is_no_system_call_is_refused() -> None:
    for name in ("recvall", "RECV", "kernel"):
        for function in (None, lambda *_: None):
            with pytest.raises(KeyError, match=name):
                intercept(name, function)


@in_run
def test_the_function_answers_with_data_a_count_or_an_errno() -> None:
    with pair() as (a, _):
        with answering(recv=lambda _fd, size: b"x" * (size + 5)):
            assert a.read_bytes(3) == b"xxx"  # never more than was asked for
        with answering(recv=lambda *_: 0):
            assert a.read_bytes(3) == b""
        with answering(recv=lambda *_: -errno.ECONNRESET), pytest.raises(ConnectionResetError):
            a.read_bytes(3)
        with answering(send=lambda *_: 2):
            assert a.write(b"abcd") == 4
        with answering(getsockopt=lambda *_: (77).to_bytes(4, "little")):
            assert a.getsockopt(1, 2) == 77


@in_run
def test_none_leaves_a_call_to_the_kernel() -> None:
    with pair() as (a, b), recorded("recv", "send") as calls:
        a.write(b"hello")
        assert b.read_bytes(10) == b"hello"
        here, there = a.fileno(), b.fileno()
    assert calls.made == [("send", (here, b"hello")), ("recv", (there, 10))]


@in_run
def test_taking_the_function_away_gives_the_call_back_to_the_kernel() -> None:
    with pair() as (a, b):
        with answering(recv=lambda *_: b"mine"):
            assert a.read_bytes(10) == b"mine"
        b.write(b"its own")
        assert a.read_bytes(10) == b"its own"


@in_run
def test_one_of_two_functions_taken_away_leaves_the_other() -> None:
    with pair() as (a, _), answering(send=lambda *_: -errno.EPIPE):
        with answering(recv=lambda *_: b"mine"):
            assert a.read_bytes(10) == b"mine"
        with pytest.raises(BrokenPipeError):
            a.write(b"x")


@in_run
def test_what_the_function_raises_is_reported_and_the_kernel_answers(
    unraisable: list[BaseException | None],
) -> None:
    def fails(*_: Any) -> None:
        raise ZeroDivisionError

    names = ("recv", "send", "sendmsg", "setsockopt", "getsockopt", "getsockname", "getpeername")
    with tcp.ends() as (a, b):
        with answering(**dict.fromkeys((*names, "epoll_ctl", "epoll_wait", "shutdown"), fails)):
            reader = netpoll.go(b.read_bytes, 100)
            netpoll.gosched()
            a.write(b"one")
            a.writev([b" ", b"two"])
            assert reader.join() == b"one two"
            a.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            assert a.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY) == 1
            assert a.getsockname() == b.getpeername()
            a.shutdown(1)
            assert b.read_bytes(1) == b""
        assert len(unraisable) > 8
        assert all(isinstance(error, ZeroDivisionError) for error in unraisable)


@in_run
def test_an_answer_of_another_kind_is_reported_and_the_call_fails(
    unraisable: list[BaseException | None],
) -> None:
    with pair() as (a, _):
        answers: list[object] = ["text", 1.5, []]
        for wrong in answers:
            with answering(recv=one_by_one(wrong)), pytest.raises(OSError, match="Invalid arg"):
                a.read_bytes(10)
        with answering(send=one_by_one(b"x")), pytest.raises(OSError, match="Invalid arg"):
            a.write(b"x")
    assert [type(error) for error in unraisable] == [TypeError] * 4


@in_run
def test_every_call_of_a_sockets_life_goes_through_the_table() -> None:
    names = {
        "socket",
        "bind",
        "listen",
        "connect",
        "accept4",
        "send",
        "sendmsg",
        "recv",
        "shutdown",
    }
    names |= {"setsockopt", "getsockopt", "getsockname", "getpeername", "dup", "close"}
    names |= {"epoll_ctl", "epoll_wait"}
    with recorded(*names) as calls, tcp.listening() as (listener, address):
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        near = StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
        accepted = netpoll.go(listener.accept)
        near.connect(tcp.raw(address))
        far, _ = accepted.join()
        near.writev([b"a", b"b"])
        near.write(b"c")
        assert far.read_bytes(10) == b"abc"
        os.close(near.dup())
        near.shutdown(1)
        for end in (near, far):
            end.close()
    assert calls.count().keys() == names


def test_a_socket_is_made_by_the_table_even_before_any_scheduler_is() -> None:
    with answering(socket=lambda *_: -errno.EMFILE), pytest.raises(OSError) as caught:
        StreamFD.socket(socket.AF_INET, socket.SOCK_STREAM)
    assert caught.value.errno == errno.EMFILE

"""net.pipe: a Conn like others, without a descriptor."""

import errno
import socket
from collections.abc import Callable

import pytest

import netpoll
from netpoll import go, net
from tests.running import in_run, parked


@in_run
def test_who_writes_first_need_not_wait() -> None:
    near, far = net.pipe()
    with near, far:
        assert near.write(bytes(65536)) == 65536
        writer = parked(go(near.write, b"more"))
        assert len(far.read(100_000)) == 65536
        assert writer.join() == 4
        assert far.read() == b"more"


@in_run
def test_its_addresses_and_its_looks() -> None:
    near, far = net.pipe()
    with near, far:
        assert near.local_addr == near.remote_addr == far.local_addr == net.PipeAddr()
        assert (near.network, str(near.local_addr)) == ("pipe", "pipe")
        assert repr(near) == "<PipeConn pipe pipe->pipe>"
        assert isinstance(near, net.Conn)


@in_run
def test_what_concerns_a_descriptor_is_an_error() -> None:
    near, far = net.pipe()
    calls: list[int] = []
    with near, far:
        operations: list[Callable[[], object]] = [
            near.fileno,
            near.dup,
            lambda: near.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1),
            lambda: near.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF),
            lambda: near.raw_read(calls.append),
            lambda: near.raw_write(calls.append),
            lambda: near.raw_control(calls.append),
        ]
        for operation in operations:
            with pytest.raises(netpoll.OpError, match="pipe pipe->pipe: bad file") as caught:
                operation()
            assert caught.value.errno == errno.EBADF
            assert not isinstance(caught.value, netpoll.ClosedError)
        near.close()
        with pytest.raises(netpoll.ClosedError):
            near.raw_control(calls.append)
    assert calls == []


@pytest.mark.parametrize("capacity", [0, -5])
def test_a_capacity_that_is_none(capacity: int) -> None:
    with pytest.raises(ValueError, match="at least one byte"):
        net.pipe(capacity)


def test_a_capacity_is_an_int() -> None:
    with pytest.raises(TypeError):
        net.pipe(1.5)  # type: ignore[arg-type]


@in_run
def test_each_side_ends_for_itself() -> None:
    near, far = net.pipe()
    with near, far:
        near.write(b"question")
        near.close_write()
        assert (far.read(), far.read()) == (b"question", b"")
        far.write(b"answer")
        assert near.read() == b"answer"
        with pytest.raises(BrokenPipeError, match="write pipe"):
            near.write(b"more")
        near.close_read()
        with pytest.raises(BrokenPipeError):
            far.write(b"more")
        assert near.read() == b""


@in_run
def test_writev_and_makefile() -> None:
    near, far = net.pipe()
    with near, far:
        assert near.writev([b"line ", b"one\n", bytearray(b"line two\n")]) == 18
        near.close_write()
        with far.makefile() as lines:
            assert list(lines) == ["line one\n", "line two\n"]


@in_run
def test_a_server_can_be_tried_without_a_network() -> None:
    def serve(conn: net.Conn) -> None:
        with conn:
            while data := conn.read():
                conn.write(data.upper())

    near, far = net.pipe(3)
    server = go(serve, far)
    with near:
        asking = go(near.write, b"a longer question")
        answer = b""
        while len(answer) < 17:
            answer += near.read()
        asking.join()
    server.join()
    assert answer == b"A LONGER QUESTION"

"""Who never has to wait for its peer is stopped too, between two operations: nothing is lost."""

import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from netpoll import Cancelled, ScopeTimeout, cancel_scope, net, timeout
from tests.running import in_run


def while_there_is_time() -> Iterator[None]:
    """Go on for 5 s at most, for a test that is to fail and not to hang."""
    end = time.monotonic() + 5
    while time.monotonic() < end:
        yield


Turn = Callable[[], object]


def pair(stack: ExitStack) -> tuple[net.UnixConn, socket.socket]:
    """Return two ends of a stream: ours, and a plain one."""
    ours, theirs = socket.socketpair()
    stack.enter_context(theirs)
    conn = net.from_fd(ours.detach())
    assert isinstance(conn, net.UnixConn)
    return stack.enter_context(conn), theirs


def stream(
    operation: Callable[[net.UnixConn, socket.socket], object],
) -> Callable[[ExitStack], Turn]:
    def begin(stack: ExitStack) -> Turn:
        conn, peer = pair(stack)
        return lambda: operation(conn, peer)

    return begin


def datagrams(operation: Callable[[net.UDPConn], object]) -> Callable[[ExitStack], Turn]:
    def begin(stack: ExitStack) -> Turn:
        conn = stack.enter_context(net.listen_packet("udp", "127.0.0.1:0"))
        conn.write_to(b"the first", conn.local_addr)
        return lambda: (conn.write_to(b"x", conn.local_addr), operation(conn))

    return begin


def accepting(stack: ExitStack) -> Turn:
    listener = stack.enter_context(net.listen("tcp", "127.0.0.1:0"))
    address = ("127.0.0.1", listener.local_addr.port)

    def turn() -> None:
        with socket.create_connection(address):  # before anybody has accepted it
            listener.accept().close()

    return turn


TURNS: dict[str, Callable[[ExitStack], Turn]] = {
    "read": stream(lambda conn, peer: (peer.send(b"x"), conn.read())),
    "readinto": stream(lambda conn, peer: (peer.send(b"x"), conn.readinto(bytearray(9)))),
    "readv": stream(lambda conn, peer: (peer.send(b"x"), conn.readv([bytearray(9)]))),
    "recvmsg": stream(lambda conn, peer: (peer.send(b"x"), conn.recv_fds(9, 1))),
    "write": stream(lambda conn, peer: (conn.write(b"x"), peer.recv(9))),
    "writev": stream(lambda conn, peer: (conn.writev([b"x", b"y"]), peer.recv(9))),
    "raw_write": stream(lambda conn, peer: (conn.raw_write(lambda _fd: None), peer)),
    "read_from": datagrams(lambda conn: conn.read_from()),
    "read_batch": datagrams(lambda conn: conn.read_batch(1)),
    "write_to": datagrams(lambda conn: conn.read_batch(8)),
    "accept": accepting,
}


@pytest.mark.parametrize("kind", TURNS)
@in_run
def test_its_time_is_over(kind: str) -> None:
    with ExitStack() as stack:
        turn = TURNS[kind](stack)
        with pytest.raises(ScopeTimeout), timeout(0.02):
            for _ in while_there_is_time():
                turn()


@in_run
def test_what_has_come_is_there_for_the_next() -> None:
    with ExitStack() as stack:
        conn, peer = pair(stack)
        sent = got = 0
        for _ in range(20):
            with cancel_scope() as scope:
                scope.cancel()
                for _ in while_there_is_time():
                    peer.send(sent.to_bytes(4))
                    sent += 1
                    assert conn.read(4) == got.to_bytes(4)
                    got += 1
            assert sent == got + 1
            assert conn.read(4) == got.to_bytes(4)
            got += 1


@in_run
def test_a_write_that_is_stopped_says_that_nothing_was_written() -> None:
    with ExitStack() as stack:
        conn, peer = pair(stack)
        seen: list[int] = []
        with cancel_scope() as scope:
            scope.cancel()
            try:
                for _ in while_there_is_time():
                    conn.write(b"x")
                    assert peer.recv(9) == b"x"
            except Cancelled as exception:
                seen.append(exception.bytes_written)  # type: ignore[attr-defined]
                raise
        assert seen == [0]

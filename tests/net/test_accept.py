"""Accepting: who comes, in which order, until when."""

import errno
import math
import socket
import threading
from time import monotonic

import pytest

from netpoll import (
    ClosedError,
    DeadlineExceeded,
    GoroutineCancelled,
    OpError,
    blocking,
    go,
    net,
)
from netpoll.net import TCPAddr
from tests.kernel import answering
from tests.net.ends import EVERY_MOMENT, turns
from tests.running import in_run, on_thread, parked

LONG_AGO = 1e-9
SOON = 0.02


def listening() -> net.TCPListener:
    return net.listen("tcp", "127.0.0.1:0")


# ---- who comes


@in_run
def test_peers_are_accepted_in_the_order_in_which_they_came() -> None:
    with listening() as listener:
        dialled = [net.dial("tcp", str(listener.local_addr)) for _ in range(10)]
        accepted = [listener.accept() for _ in dialled]
        assert [conn.remote_addr for conn in accepted] == [conn.local_addr for conn in dialled]
        assert {conn.local_addr for conn in accepted} == {listener.local_addr}
        for conn in dialled + accepted:
            conn.close()


@in_run
def test_each_peer_goes_to_one_of_those_who_wait() -> None:
    # Source: go1.27 net/tcpsock_test.go TestTCPConcurrentAccept
    with listening() as listener:
        accepted: list[list[object]] = [[] for _ in range(10)]

        def accept(mine: list[object]) -> None:
            for conn in listener:
                mine.append(conn.remote_addr)
                conn.close()

        servers = [parked(go(accept, mine)) for mine in accepted]
        dialled: list[object] = []
        for _ in range(100):
            with net.dial("tcp", str(listener.local_addr), timeout=5) as conn:
                dialled.append(conn.local_addr)
                assert conn.read() == b""
    for server in servers:
        server.join()
    assert sorted(map(str, dialled)) == sorted(str(one) for mine in accepted for one in mine)
    assert all(accepted)


# ---- the end


@in_run
def test_iteration_ends_when_the_listener_is_closed() -> None:
    with listening() as listener:
        iteration = parked(go(list, listener))
        listener.close()
        assert iteration.join() == []
        assert list(listener) == []


@in_run
def test_the_server_may_close_the_listener_that_it_iterates_over() -> None:
    with listening() as listener, net.dial("tcp", str(listener.local_addr)):
        accepted = 0
        for conn in listener:
            conn.close()
            listener.close()
            accepted += 1
        assert accepted == 1


@in_run
def test_accept_after_close_fails_even_with_peers_in_the_queue() -> None:
    # Source: go1.27 net/tcpsock_test.go TestTCPListenAfterClose, net/net_test.go TestListenerClose
    listener = listening()
    with (
        net.dial("tcp", str(listener.local_addr)) as near,
        net.dial("tcp", str(listener.local_addr)),
    ):
        listener.accept().close()
        listener.close()
        for _ in range(2):
            with pytest.raises(ClosedError) as caught:
                listener.accept()
        assert near.read() == b""
    error = caught.value
    assert str(error) == f"accept tcp {listener.local_addr}: use of closed network connection"
    assert (error.op, error.network, error.source) == ("accept", "tcp", None)
    assert error.addr == listener.local_addr
    assert not error.timeout


@in_run
def test_who_was_in_the_queue_when_it_closed_is_reset() -> None:
    listener = listening()
    with net.dial("tcp", str(listener.local_addr)) as near:
        reader = parked(go(near.read))
        listener.close()
        with pytest.raises(ConnectionResetError):
            reader.join(5)
        with pytest.raises(ConnectionRefusedError):
            net.dial("tcp", str(listener.local_addr))


@in_run
def test_close_wakes_each_of_those_who_wait_and_frees_the_port() -> None:
    # Source: go1.27 net/listen_test.go TestClosingListener
    listener = listening()
    waiting = [parked(go(listener.accept)) for _ in range(5)]
    listener.close()
    with net.listen("tcp", str(listener.local_addr)) as again:
        assert again.local_addr == listener.local_addr
        for goroutine in waiting:
            with pytest.raises(ClosedError):
                goroutine.join(5)


@in_run
def test_another_thread_may_close() -> None:
    listener = listening()
    waiting = parked(go(listener.accept))
    closer = threading.Timer(0.01, listener.close)
    closer.start()
    with pytest.raises(ClosedError):
        waiting.join(5)
    blocking(closer.join)


@in_run
def test_each_method_of_a_closed_listener_says_so() -> None:
    listener = listening()
    listener.close()
    listener.close()
    address = listener.local_addr
    assert listener.closed
    for op, call in (
        ("accept", listener.accept),
        ("fileno", listener.fileno),
        ("set", lambda: listener.set_deadline(1.0)),
    ):
        with pytest.raises(ClosedError) as caught:
            call()
        assert str(caught.value) == f"{op} tcp {address}: use of closed network connection"
    assert listener.local_addr == address
    assert repr(listener) == f"<TCPListener tcp {address} closed>"


@in_run
def test_an_open_listener_says_where_it_is() -> None:
    with listening() as listener:
        assert repr(listener) == f"<TCPListener tcp {listener.local_addr} open>"
        assert listener.fileno() > 2
        assert isinstance(listener, net.Listener)
        assert isinstance(listener.local_addr, TCPAddr)


def test_a_listener_made_before_a_run_serves_within_it() -> None:
    listener = on_thread(lambda: net.listen("tcp", "127.0.0.1:0"))

    @in_run
    def serve() -> bytes:
        with listener, net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            near.write(b"x")
            return far.read()

    assert on_thread(serve) == b"x"


# ---- deadlines


@in_run
def test_a_deadline_in_the_past_fails_even_with_peers_in_the_queue() -> None:
    # Source: go1.27 net/timeout_test.go TestAcceptTimeout, net/error_test.go TestAcceptError
    with listening() as listener, net.dial("tcp", str(listener.local_addr)) as near:
        listener.set_deadline(LONG_AGO)
        for _ in range(3):
            with pytest.raises(DeadlineExceeded) as caught:
                listener.accept()
        with pytest.raises(DeadlineExceeded):
            next(listener)
        error = caught.value
        assert str(error) == f"accept tcp {listener.local_addr}: i/o timeout"
        assert (error.op, error.source, error.addr) == ("accept", None, listener.local_addr)
        assert error.timeout
        listener.set_deadline(None)
        with listener.accept() as far:
            assert far.remote_addr == near.local_addr


@in_run
def test_nobody_is_accepted_after_the_deadline_and_none_fails_before() -> None:
    # Source: go1.27 net/timeout_test.go TestAcceptTimeout, TestAcceptTimeoutMustReturn
    with listening() as listener:
        for absolute in (True, False):
            begin = monotonic()
            if absolute:
                listener.set_deadline(begin + SOON)
            else:
                listener.settimeout(SOON)
            with pytest.raises(DeadlineExceeded):
                listener.accept()
            assert SOON <= monotonic() - begin < SOON + 1
            listener.set_deadline(None)


@in_run
def test_a_deadline_that_is_taken_back_lets_accept_wait() -> None:
    # Source: go1.27 net/timeout_test.go TestAcceptTimeoutMustNotReturn
    with listening() as listener:
        listener.set_deadline(LONG_AGO)
        listener.set_deadline(None)
        waiting = parked(go(listener.accept))
        with pytest.raises(TimeoutError):
            waiting.join(SOON)
        listener.close()
        with pytest.raises(ClosedError) as caught:
            waiting.join()
        assert not caught.value.timeout


@in_run
def test_a_deadline_set_by_somebody_else_wakes_who_waits() -> None:
    with listening() as listener:
        waiting = [parked(go(listener.accept)) for _ in range(3)]
        listener.set_deadline(LONG_AGO)
        for goroutine in waiting:
            with pytest.raises(DeadlineExceeded):
                goroutine.join(5)


@in_run
def test_the_deadline_of_a_listener_is_not_that_of_its_connections() -> None:
    with listening() as listener:
        listener.set_deadline(monotonic() + SOON)
        listener.settimeout(SOON)
        with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
            assert far.gettimeout() is None
            with pytest.raises(DeadlineExceeded):
                listener.accept()
            reader = parked(go(far.read))
            near.write(b"x")
            assert reader.join() == b"x"


@in_run
def test_the_timeout_can_be_asked_for_and_must_be_one() -> None:
    with listening() as listener:
        assert listener.gettimeout() is None
        listener.settimeout(2.5)
        for wrong in (-1, math.nan):
            with pytest.raises(ValueError, match="timeout"):
                listener.settimeout(wrong)
        assert listener.gettimeout() == 2.5
        listener.settimeout(0)
        with pytest.raises(DeadlineExceeded):
            listener.accept()
        with net.dial("tcp", str(listener.local_addr)), listener.accept():
            pass


# ---- nobody is lost


@in_run
def test_a_cancelled_accept_loses_no_peer_at_whatever_moment() -> None:
    with listening() as listener:
        outcomes = set()
        for number in EVERY_MOMENT:
            waiting = parked(go(listener.accept))
            with socket.create_connection(
                (listener.local_addr.ip, listener.local_addr.port)
            ) as near:
                turns(number)
                waiting.cancel()
                try:
                    far = waiting.join()
                    outcomes.add("accepted")
                except GoroutineCancelled:
                    far = listener.accept()
                    outcomes.add("cancelled")
                with far:
                    assert far.remote_addr == TCPAddr(*near.getsockname())
        assert outcomes == {"accepted", "cancelled"}


@in_run
def test_a_peer_whose_connection_cannot_be_had_is_told_and_leaves_nothing_open() -> None:
    with (
        net.listen("tcp", ":0") as listener,
        net.dial("tcp", f"127.0.0.1:{listener.local_addr.port}") as near,
    ):
        # The address of a connection to a wildcard has to be asked for.
        with answering(getsockname=lambda *_: -errno.ENOBUFS), pytest.raises(OpError) as caught:
            listener.accept()
        assert str(caught.value) == f"accept tcp {listener.local_addr}: no buffer space available"
        assert near.read() == b""


@in_run
def test_an_error_of_the_kernel_reaches_the_caller() -> None:
    with (
        listening() as listener,
        answering(accept4=lambda *_: -errno.EOPNOTSUPP),
        pytest.raises(OpError, match=r"^accept tcp .*: operation not supported$") as caught,
    ):
        listener.accept()
    assert (caught.value.errno, caught.value.addr) == (errno.EOPNOTSUPP, listener.local_addr)

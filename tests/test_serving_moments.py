"""serve_until_signal: the end may come at any moment, also before the handlers have begun."""

import signal
import socket
from contextlib import suppress
from time import monotonic

import pytest

from netpoll import GoroutineCancelled, go, gosched, run, signals, sleep
from netpoll.serving import serve_until_signal
from netpoll.sync.chan import Chan
from tests.running import in_run
from tests.test_serving import SOON, dial, echo, kill, listening


@pytest.mark.parametrize("moment", range(12))
@in_run
def test_it_may_be_cancelled_at_any_moment(moment: int) -> None:
    """With peers in the queue, so that some handlers have not begun."""
    listener = listening()
    conns = [dial(listener) for _ in range(5)]
    serving = go(serve_until_signal, listener, echo, limit=4)
    for _ in range(moment):
        gosched()
    serving.cancel()
    with pytest.raises(GoroutineCancelled):
        serving.join(SOON)
    if moment == 0:
        listener.close()  # it has not begun
    for conn in conns:
        with conn, suppress(ConnectionResetError):
            assert conn.read() == b""


@pytest.mark.parametrize("moment", range(12))
def test_a_run_may_end_at_any_moment(moment: int) -> None:
    """With handlers that have not begun, and never will."""
    peers: list[socket.socket] = []

    def main() -> None:
        listener = listening()
        addr = ("127.0.0.1", listener.local_addr.port)
        peers.extend(socket.create_connection(addr) for _ in range(5))
        go(serve_until_signal, listener, echo, limit=4)
        for _ in range(moment):
            gosched()
        if moment == 0:
            listener.close()  # it has not begun

    begin = monotonic()
    run(main)
    assert monotonic() - begin < 3
    for peer in peers:
        with peer, suppress(ConnectionResetError):
            assert peer.recv(1) == b""


@pytest.mark.parametrize("moment", range(12))
@in_run
def test_a_signal_may_come_at_any_moment(moment: int) -> None:
    listener = listening()
    conns = [dial(listener) for _ in range(5)]
    with signals.notify(Chan[int](1), signal.SIGTERM):  # should it come too early or too late
        serving = go(serve_until_signal, listener, echo, limit=4, grace=0)
        for _ in range(moment):
            gosched()
        end = monotonic() + SOON
        while not serving.done:
            kill()
            sleep(0.001)
            assert monotonic() < end
        result = serving.join()
    assert result.served == result.cancelled <= 4
    for conn in conns:
        conn.close()

"""serve_until_signal: a server from its first connection to its orderly end."""

import os
import signal
import threading
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from netpoll import (
    Cancelled,
    ClosedError,
    ScopeTimeout,
    blocking,
    current,
    go,
    lowlevel,
    net,
    shield,
    signals,
    sleep,
    timeout,
)
from netpoll.serving import Served, serve_until_signal
from netpoll.sync.chan import Chan
from tests.conftest import Unhandled
from tests.running import in_run, parked

SOON = 5.0


def kill(number: int = signal.SIGTERM) -> None:
    os.kill(os.getpid(), number)


def listening() -> net.TCPListener:
    return net.listen("tcp", "127.0.0.1:0")


def dial(listener: net.TCPListener) -> net.TCPConn:
    return net.dial("tcp", str(listener.local_addr))


def echo(conn: net.Conn) -> None:
    while data := conn.read():
        conn.write(data)


def until(true: Callable[[], bool]) -> None:
    end = monotonic() + SOON
    while not true():
        assert monotonic() < end
        sleep(0.001)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
@in_run
def test_it_serves_until_a_signal_comes(number: int) -> None:
    before = signal.getsignal(number)
    listener = listening()
    serving = go(serve_until_signal, listener, echo)
    for word in (b"one", b"two"):
        with dial(listener) as conn:
            conn.write(word)
            assert conn.read() == word
            conn.close_write()
            assert conn.read() == b""  # closed with its handler
    assert not serving.done
    kill(number)
    assert serving.join(SOON) == Served(signal=number, served=2, finished=0, cancelled=0)
    assert listener.closed
    assert signal.getsignal(number) == before


@pytest.mark.parametrize(
    ("options", "error", "text"),
    [
        ({"grace": "x"}, TypeError, "not supported"),
        ({"grace": -1}, ValueError, "grace is a number of seconds"),
        ({"grace": float("nan")}, ValueError, "grace is a number of seconds"),
        ({"limit": 0}, ValueError, "one connection at least"),
        ({"handler": None}, TypeError, "needs a callable, not NoneType"),
    ],
)
@in_run
def test_what_makes_no_sense_is_refused_before_anybody_is_let_in(
    options: dict[str, Any], error: type[Exception], text: str
) -> None:
    listener = listening()
    with pytest.raises(error, match=text):
        serve_until_signal(listener, options.pop("handler", echo), **options)
    assert listener.closed


@in_run
def test_what_cannot_accept_is_no_listener() -> None:
    with listening() as listener, pytest.raises(TypeError, match="needs listeners, not 'x'"):
        serve_until_signal([listener, "x"], echo)  # type: ignore[list-item]
    with pytest.raises(TypeError, match="needs listeners, not 'x'"):
        serve_until_signal("x", echo)  # type: ignore[arg-type]


@in_run
def test_a_handlers_goroutine_has_its_name(unhandled: Unhandled) -> None:
    def greet(conn: net.Conn) -> None:
        conn.read()
        raise ZeroDivisionError

    listener = listening()
    serving = go(serve_until_signal, listener, greet)
    with dial(listener) as conn:
        conn.write(b"x")
        assert conn.read() == b""
    kill()
    serving.join(SOON)
    ((goroutine, exception),) = unhandled
    assert goroutine.name == f"greet-{goroutine.id}"
    assert isinstance(exception, ZeroDivisionError)
    unhandled.clear()


@in_run
def test_handlers_have_time_to_end() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, grace=60)
    with dial(listener) as conn:
        conn.write(b"x")
        assert conn.read() == b"x"
        kill()
        until(lambda: listener.closed)
        conn.write(b"y")
        assert conn.read() == b"y"
        assert not serving.done
        with pytest.raises(ConnectionRefusedError):
            dial(listener)
    assert serving.join(SOON) == Served(signal.SIGTERM, served=1, finished=1, cancelled=0)


@in_run
def test_those_who_take_longer_are_cancelled() -> None:
    listener = listening()
    ends: list[str] = []

    def handle(conn: net.Conn) -> None:
        try:
            echo(conn)
            ends.append("finished")
        except Cancelled:
            ends.append("cancelled")
            raise

    serving = go(serve_until_signal, listener, handle, grace=0.05)
    with dial(listener) as quick, dial(listener) as slow, dial(listener) as slower:
        for conn in (quick, slow, slower):
            conn.write(b"x")
            conn.read()
        begin = monotonic()
        kill()
        until(lambda: listener.closed)
        quick.close_write()
        assert serving.join(SOON) == Served(signal.SIGTERM, served=3, finished=1, cancelled=2)
        assert 0.05 <= monotonic() - begin < SOON
        assert slow.read() == slower.read() == b""
    assert ends == ["finished", "cancelled", "cancelled"]


@in_run
def test_a_second_signal_ends_the_grace() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, grace=None)
    with dial(listener) as conn:
        conn.write(b"x")
        conn.read()
        kill(signal.SIGTERM)
        until(lambda: listener.closed)
        sleep(0.02)
        assert not serving.done
        kill(signal.SIGINT)
        assert serving.join(SOON) == Served(signal.SIGTERM, served=1, finished=0, cancelled=1)
        assert conn.read() == b""


@in_run
def test_without_grace_all_are_cancelled_at_once() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, grace=0)
    with dial(listener) as conn:
        conn.write(b"x")
        conn.read()
        kill()
        assert serving.join(SOON).cancelled == 1


@in_run
def test_other_signals_may_be_chosen() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, signals=[signal.SIGUSR1])
    parked(serving)
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL
    kill(signal.SIGUSR1)
    assert serving.join(SOON).signal == signal.SIGUSR1


@in_run
def test_what_a_handler_raises_ends_nothing_else(unhandled: Unhandled) -> None:
    def handle(conn: net.Conn) -> None:
        if conn.read() == b"fail":
            raise ZeroDivisionError
        conn.write(b"well")

    listener = listening()
    serving = go(serve_until_signal, listener, handle)
    for word, answer in ((b"fail", b""), (b"work", b"well"), (b"fail", b""), (b"work", b"well")):
        with dial(listener) as conn:
            conn.write(word)
            assert conn.read() == answer
    until(lambda: len(unhandled) == 2)
    assert [type(exception) for _, exception in unhandled] == [ZeroDivisionError] * 2
    unhandled.clear()
    kill()
    assert serving.join(SOON).served == 4


@in_run
def test_a_handler_that_fails_in_the_grace_has_finished(unhandled: Unhandled) -> None:
    def handle(conn: net.Conn) -> None:
        conn.read()
        raise ZeroDivisionError

    listener = listening()
    serving = go(serve_until_signal, listener, handle)
    with dial(listener) as conn:
        until(lambda: serving.state.startswith("waiting"))
        sleep(0.01)
        kill()
        until(lambda: listener.closed)
        conn.write(b"x")
        assert serving.join(SOON) == Served(signal.SIGTERM, served=1, finished=1, cancelled=0)
    assert len(unhandled) == 1
    unhandled.clear()


@in_run
def test_several_listeners_of_several_kinds(tmp_path: Path) -> None:
    tcp, other = listening(), listening()
    unix = net.listen("unix", str(tmp_path / "socket"))
    serving = go(serve_until_signal, (tcp, other, unix), echo)
    for listener in (tcp, other, unix):
        network = "unix" if listener is unix else "tcp"
        with net.dial(network, str(listener.local_addr)) as conn:
            conn.write(b"x")
            assert conn.read() == b"x"
    kill()
    assert serving.join(SOON).served == 3
    assert tcp.closed
    assert other.closed
    assert unix.closed


@in_run
def test_no_more_than_the_limit_are_served_at_once() -> None:
    now = most = 0
    go_on = Chan[None]()

    def handle(conn: net.Conn) -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        try:
            go_on.recv()
            conn.write(b"x")
        finally:
            now -= 1

    listeners = [listening(), listening()]
    serving = go(serve_until_signal, listeners, handle, limit=3)
    conns = [dial(listener) for listener in listeners * 5]
    for _ in conns:
        sleep(0.005)
        assert now <= 3
        go_on.send(None)
    for conn in conns:
        assert conn.read() == b"x"
        conn.close()
    kill()
    assert serving.join(SOON) == Served(signal.SIGTERM, served=10, finished=0, cancelled=0)
    assert most == 3


@in_run
def test_a_listener_without_peers_keeps_no_place_from_the_others() -> None:
    listeners = [listening(), listening(), listening()]
    serving = go(serve_until_signal, listeners, echo, limit=1)
    for listener in listeners * 2:
        with dial(listener) as conn:
            conn.write(b"x")
            assert conn.read() == b"x"
    kill()
    assert serving.join(SOON).served == 6


@in_run
def test_a_signal_comes_through_though_the_limit_is_reached() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, limit=1, grace=0.02)
    with dial(listener) as first, dial(listener) as second:
        first.write(b"x")
        first.read()
        kill()
        assert serving.join(SOON) == Served(signal.SIGTERM, served=1, finished=0, cancelled=1)
        assert second.read() == b""  # let in, but not served


@in_run
def test_listeners_that_are_closed_elsewhere_end_it_too() -> None:
    first, second = listening(), listening()
    serving = go(serve_until_signal, [first, second], echo, grace=0.02)
    with dial(first) as conn:
        conn.write(b"x")
        conn.read()
        first.close()
        with dial(second) as other:
            other.write(b"y")
            assert other.read() == b"y"
        second.close()
        result = serving.join(SOON)
        assert (result.signal, result.served, result.cancelled) == (None, 2, 1)


@in_run
def test_an_error_of_accept_is_raised_after_an_orderly_end() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, grace=0.02)
    with dial(listener) as conn:
        conn.write(b"x")
        conn.read()
        listener.settimeout(0)
        with dial(listener) as other:
            other.write(b"y")
            other.read()
            with pytest.raises(TimeoutError, match="accept"):
                serving.join(SOON)
        assert conn.read() == b""
    assert listener.closed


@in_run
def test_one_that_is_cancelled_cancels_its_handlers() -> None:
    listener = listening()
    ended: list[str] = []

    def handle(conn: net.Conn) -> None:
        try:
            echo(conn)
        finally:
            with shield():
                sleep(0.01)
            ended.append("ended")

    with dial(listener) as conn:
        with pytest.raises(ScopeTimeout), timeout(0.05):
            go(conn.write, b"x")
            serve_until_signal(listener, handle, grace=60)
        assert ended == ["ended"]
        assert listener.closed
    assert signal.getsignal(signal.SIGTERM) == signal.SIG_DFL


@in_run
def test_a_handler_that_will_not_end_holds_it_up_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("netpoll.serving._PATIENCE", 0.05)
    listener = listening()
    release: list[Any] = []

    def handle(_conn: net.Conn) -> None:
        release.append(current())
        with shield():
            lowlevel.park()

    serving = go(serve_until_signal, listener, handle, grace=0)
    with dial(listener):
        until(lambda: bool(release))
        kill()
        result = serving.join(SOON)
        assert result == Served(signal.SIGTERM, served=1, finished=0, cancelled=1, left=1)
        assert repr(result).endswith("cancelled=1, left=1)")
        assert not release[0].done
        lowlevel.ready(release[0])
        until(lambda: bool(release[0].done))


class Stubborn(net.Listener):
    """A listener that has its acceptor wait for ever, whoever cancels it."""

    closed = False
    local_addr = net.TCPAddr("127.0.0.1", 1)

    def __init__(self) -> None:
        self.acceptor: Any = None

    def accept(self) -> Any:
        self.acceptor = current()
        with shield():
            lowlevel.park()
        raise ClosedError

    def close(self) -> None:
        self.closed = True


@in_run
def test_a_listener_that_will_not_end_its_accept_holds_it_up_for_a_while_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("netpoll.serving._PATIENCE", 0.05)
    stubborn, good = Stubborn(), listening()
    serving = go(serve_until_signal, [stubborn, good], echo, grace=0.05)
    with dial(good) as conn:
        conn.write(b"x")
        assert conn.read() == b"x"
        kill()
        assert serving.join(SOON) == Served(signal.SIGTERM, served=1, finished=0, cancelled=1)
        assert conn.read() == b""
    lowlevel.ready(stubborn.acceptor)
    until(lambda: bool(stubborn.acceptor.done))


@in_run
def test_whatever_an_accept_raises_is_raised_at_the_end() -> None:
    class Broken(Stubborn):
        def accept(self) -> Any:
            raise ZeroDivisionError

    serving = go(serve_until_signal, Broken(), echo)
    with pytest.raises(ZeroDivisionError):
        serving.join(SOON)


@in_run
def test_a_connection_whose_handler_never_begins_is_not_counted_as_served() -> None:
    """Both signals have come when the acceptor hands it over: its handler's turn is later."""
    conns: list[net.Conn] = []

    class Last(Stubborn):
        def accept(self) -> Any:
            if conns:
                raise ClosedError
            conns.append(net.dial("tcp", str(listener.local_addr)))
            kill()
            kill(signal.SIGINT)
            return conns[0]

    def handle(_conn: net.Conn) -> None:
        called.append(1)

    called: list[int] = []
    with listening() as listener:
        result = go(serve_until_signal, Last(), handle, grace=0).join(SOON)
    assert result == Served(signal.SIGTERM, served=0, finished=0, cancelled=0)
    assert not called
    assert conns[0].closed


@in_run
def test_an_async_function_is_no_handler() -> None:
    async def handle(_conn: net.Conn) -> None:
        """Nobody would await it."""

    listener = listening()
    with pytest.raises(TypeError, match="serve_until_signal"):
        serve_until_signal(listener, handle)
    assert listener.closed


@in_run
def test_what_cannot_be_done_closes_the_listener_all_the_same() -> None:
    listener = listening()
    with pytest.raises(ValueError, match="one connection at least"):
        serve_until_signal(listener, echo, limit=0)
    assert listener.closed
    other = listening()
    with pytest.raises(ValueError, match="SIGKILL"):
        serve_until_signal(other, echo, signals=[signal.SIGKILL])
    assert other.closed


@in_run
def test_another_thread_is_told_that_only_main_gets_signals() -> None:
    def use() -> None:
        with pytest.raises(RuntimeError, match="only the main thread"):
            serve_until_signal(listening(), echo)

    blocking(use)


@in_run
def test_another_thread_may_serve_if_main_listens_too() -> None:
    with signals.notify(Chan[int](1), signal.SIGTERM) as channel:
        addresses = Chan[str](1)

        def serve() -> Served:
            listener = listening()
            addresses.send(str(listener.local_addr))
            return serve_until_signal(listener, echo, signals=[signal.SIGTERM])

        thread = go(blocking, serve)
        with net.dial("tcp", addresses.recv()) as conn:
            conn.write(b"x")
            assert conn.read() == b"x"
        kill()
        assert thread.join(SOON).served == 1
        assert channel.recv() == signal.SIGTERM


def test_without_a_run() -> None:
    listener = listening()
    threading.Timer(0.05, kill).start()
    assert serve_until_signal(listener, echo).signal == signal.SIGTERM


@in_run
def test_hundreds_come_and_go_while_the_signal_comes() -> None:
    listener = listening()
    serving = go(serve_until_signal, listener, echo, grace=SOON, limit=50)
    asked = answered = 0

    def talk() -> None:
        nonlocal asked, answered
        while not listener.closed:
            try:
                with dial(listener) as conn:
                    conn.write(b"x")
                    asked += 1
                    answered += conn.read() == b"x"
            except OSError:
                continue

    talkers = [go(talk) for _ in range(20)]
    until(lambda: answered > 100)
    kill()
    result = serving.join(SOON * 2)
    for talker in talkers:
        talker.join()
    assert result.cancelled == 0
    assert result.served >= answered

"""Dialling the addresses of a name staggered: who begins when, who wins, and what is left."""

import contextvars
import errno
import itertools
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from functools import partial
from time import monotonic
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from netpoll import (
    DeadlineExceeded,
    GoroutineCancelled,
    OpError,
    blocking,
    go,
    net,
    run,
    sleep,
)
from netpoll._runtime.permits import await_call
from netpoll.net import TCPAddr, race
from netpoll.net.connect import connect
from netpoll.net.targets import Target, interleaved, targets
from tests.kernel import answering, one_by_one
from tests.net.ends import EVERY_MOMENT, events_come_in, read_all, serving, silent, turns
from tests.net.sweep import swept
from tests.running import in_run, open_descriptors, parked

LONG = 3600.0
SOON = 0.02


def resolver(*addresses: str) -> net.Resolver:
    """Return a resolver to which each name has these addresses."""

    def answer(*_: Any) -> list[Any]:
        return [
            (socket.AF_INET6, 1, 6, "", (address, 0, 0, 0))
            if ":" in address
            else (socket.AF_INET, 1, 6, "", (address, 0))
            for address in addresses
        ]

    return net.Resolver(answer)


def loopback(count: int) -> list[str]:
    """Return so many addresses of this machine, from 127.0.0.1 on."""
    return [f"127.0.{number >> 8}.{number & 255}" for number in range(1, count + 1)]


@contextmanager
def silent_then_listening() -> Iterator[tuple[str, net.TCPListener]]:
    """Return a name's address that two have: 127.0.0.1 does not answer, 127.0.0.2 does."""
    with silent() as address:
        port = address.rpartition(":")[2]
        with net.listen("tcp", f"127.0.0.2:{port}") as listener:
            yield f"several.example:{port}", listener


@contextmanager
def both_listening() -> Iterator[tuple[str, list[net.TCPListener]]]:
    """Return a name's address that both 127.0.0.1 and 127.0.0.2 listen on."""
    with ExitStack() as stack:
        first = stack.enter_context(net.listen("tcp", "127.0.0.1:0"))
        port = first.local_addr.port
        second = stack.enter_context(net.listen("tcp", f"127.0.0.2:{port}"))
        yield f"several.example:{port}", [first, second]


TWO = resolver("127.0.0.1", "127.0.0.2")


def racing(addresses: list[str], delay: float, **options: Any) -> net.TCPConn:
    """Dial these addresses without a look-up, which would take the first turns for itself."""
    several = targets(socket.AF_UNSPEC, None, [TCPAddr(ip, 9) for ip in addresses])
    attempt = partial(connect, net.Dialer(**options), "tcp")
    return race.race(attempt, several, delay, None)


def never_answering(*_: Any) -> int:
    """Answer for connect(2): it is under way, and nothing is heard of it."""
    return -errno.EINPROGRESS


# ---- who begins when


@in_run
def test_when_the_first_does_not_answer_the_second_is_tried_beside_it_after_the_delay() -> None:
    # Source: go1.27 net/dial_test.go TestDialParallel
    with silent_then_listening() as (address, listener):
        begin = monotonic()
        with net.dial("tcp", address, resolver=TWO, fallback_delay=SOON) as conn:
            took = monotonic() - begin
            assert conn.remote_addr == listener.local_addr
        assert SOON <= took < 1


@in_run
def test_when_the_first_is_refused_the_second_does_not_wait() -> None:
    # Source: go1.27 net/dial_test.go TestDialParallel
    with net.listen("tcp", "127.0.0.2:0") as listener:
        address = f"several.example:{listener.local_addr.port}"
        begin = monotonic()
        with net.dial("tcp", address, resolver=TWO, fallback_delay=LONG) as conn:
            assert conn.remote_addr == listener.local_addr
        assert monotonic() - begin < 1


@in_run
def test_when_the_first_answers_the_second_is_not_tried() -> None:
    with both_listening() as (address, (first, _)):
        tried = []
        with net.dial(
            "tcp",
            address,
            resolver=TWO,
            fallback_delay=LONG,
            control=lambda *call: tried.append(call[1]),
        ) as conn:
            assert conn.remote_addr == first.local_addr
        assert tried == [str(first.local_addr)]


@in_run
def test_without_a_delay_all_begin_at_once() -> None:
    addresses = loopback(5)
    tried: list[str] = []
    with answering(connect=never_answering):
        dialling = go(racing, addresses, 0.0, control=lambda *call: tried.append(call[1]))
        events_come_in()
        assert tried == [f"{address}:9" for address in addresses]
        dialling.cancel()
        with pytest.raises(GoroutineCancelled):
            dialling.join()


@in_run
def test_with_the_delay_turned_off_the_second_waits_for_the_end_of_the_first() -> None:
    with silent_then_listening() as (address, _):
        tried: list[str] = []
        dialling = parked(
            go(
                net.dial,
                "tcp",
                address,
                resolver=TWO,
                fallback_delay=None,
                control=lambda *call: tried.append(call[1]),
            )
        )
        sleep(SOON)
        assert len(tried) == 1
        dialling.cancel()
        with pytest.raises(GoroutineCancelled):
            dialling.join()


@pytest.mark.parametrize("delay", [-1e-9, -5, float("nan")])
def test_a_delay_that_is_none_is_refused(delay: float) -> None:
    with pytest.raises(ValueError, match="fallback delay"):
        net.Dialer(fallback_delay=delay)
    wrong: Any = "1"
    with pytest.raises(TypeError, match="fallback delay"):
        net.Dialer(fallback_delay=wrong)


class FakeConn:
    """What a fake attempt returns."""

    def __init__(self, ip: str) -> None:
        self.ip = ip
        self.closed = False

    def close(self) -> None:
        self.closed = True


class Fake:
    """Attempts without a network: each address answers after its seconds, or raises then."""

    def __init__(self, **answers: Any) -> None:
        self.answers = answers
        self.begun: list[tuple[str, float]] = []
        self.conns: list[FakeConn] = []
        self.running = 0
        self.most = 0

    def __call__(self, target: Target, _until: float | None, hold: Callable[[Any], None]) -> Any:
        self.begun.append((target.addr.ip, monotonic()))
        self.running += 1
        self.most = max(self.most, self.running)
        held = Held()
        try:
            hold(held)
            self.wait(held, self.answers.get(f"a{target.addr.ip.rpartition('.')[2]}", LONG))
        finally:
            self.running -= 1
        self.conns.append(FakeConn(target.addr.ip))
        return self.conns[-1]

    def wait(self, held: "Held", answer: Any) -> None:
        seconds, error = answer if isinstance(answer, tuple) else (answer, None)
        held.wait(seconds)
        if error is not None:
            raise error


class Held:
    """A socket: who closes it ends what waits."""

    def __init__(self) -> None:
        self.sleeper: Any = None
        self.is_closed = False

    def wait(self, seconds: float) -> None:
        self.sleeper = go(sleep, seconds)
        with suppress(GoroutineCancelled):
            self.sleeper.join()
        if self.is_closed:
            raise OSError(errno.EBADF, "closed")

    def close(self) -> None:
        self.is_closed = True
        if self.sleeper is not None:
            self.sleeper.cancel()


def several(count: int) -> list[Target]:
    return targets(socket.AF_UNSPEC, None, [TCPAddr(ip, 9) for ip in loopback(count)])


def raced(fake: Fake, count: int, delay: float, deadline: float | None = None) -> Any:
    try:
        return race.race(fake, several(count), delay, deadline)
    finally:
        turns(4)  # those that were called off come to their end
        assert fake.running == 0


@in_run
def test_each_next_one_waits_for_the_delay_of_the_latest() -> None:
    fake = Fake(a4=0.0)
    conn = raced(fake, 9, SOON)
    assert conn.ip == "127.0.0.4"
    assert [ip for ip, _ in fake.begun] == loopback(4)
    moments = [moment for _, moment in fake.begun]
    for one, next_one in itertools.pairwise(moments):
        assert next_one - one >= SOON


@in_run
def test_a_failure_of_one_before_the_latest_brings_the_next_no_sooner() -> None:
    refused = OSError(errno.ECONNREFUSED, "refused")
    # The second begins after the delay; the first fails while the second has it for itself.
    fake = Fake(a1=(2 * SOON, refused))
    begin = monotonic()
    with pytest.raises(OSError, match=r"refused|timeout"):
        raced(fake, 3, SOON * 1.5, begin + SOON * 2.75)
    assert len(fake.begun) == 2


@in_run
def test_not_more_than_sixteen_are_tried_at_the_same_time(monkeypatch: pytest.MonkeyPatch) -> None:
    # Source: go1.27 net/dial_test.go TestDialParallel (a thousand addresses)
    monkeypatch.setattr(race, "SHORTEST", 1e-4)
    fake = Fake(a250=0.0)
    assert raced(fake, 1000, 0.0).ip == "127.0.0.250"
    # On a machine that stops for a moment another begins before this one can say that it has won.
    assert [ip for ip, _ in fake.begun][:250] == loopback(250)
    assert fake.most <= race.MOST + 1  # one that is given up has yet to hear of it


@in_run
def test_those_that_were_given_up_count_as_silent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(race, "SHORTEST", 1e-4)
    refused = OSError(errno.ECONNREFUSED, "refused")
    fake = Fake(**{f"a{number}": (0.0, refused) for number in range(20, 41)})
    with pytest.raises(DeadlineExceeded):
        raced(fake, 40, 0.0, monotonic() + 0.5)


@in_run
def test_a_thousand_silent_addresses_can_be_left_at_any_time() -> None:
    with answering(connect=never_answering):
        sleep(1e-3)  # the poller has its descriptors from now on
        before = open_descriptors().keys()
        for delay in (0.0, 0.001, 0.25):
            for number in (0, 1, 2, 3, 60, 61, 122):
                dialling = go(racing, loopback(1000), delay)
                turns(number)
                assert len(open_descriptors()) <= len(before) + race.MOST
                dialling.cancel()
                with pytest.raises(GoroutineCancelled):
                    dialling.join(5)
                assert open_descriptors().keys() == before


# ---- what is told


@in_run
def test_if_none_answers_the_error_is_that_of_the_first() -> None:
    with silent() as address:
        port = address.rpartition(":")[2]
        options: dict[str, Any] = {"fallback_delay": 0, "timeout": SOON}
        begin = monotonic()
        with pytest.raises(DeadlineExceeded) as caught:
            net.dial("tcp", f"several.example:{port}", resolver=TWO, **options)
        assert monotonic() - begin >= SOON
        assert str(caught.value) == f"dial tcp 127.0.0.1:{port}: i/o timeout"
        other = resolver("127.0.0.2", "127.0.0.1")
        with pytest.raises(ConnectionRefusedError) as refused:
            net.dial("tcp", f"several.example:{port}", resolver=other, **options)
        assert str(refused.value) == f"dial tcp 127.0.0.2:{port}: connection refused"


@pytest.mark.parametrize("limit", [-5.0, 0.0, 1e-9])
@in_run
def test_a_limit_that_has_passed_ends_the_dial_before_it_begins(limit: float) -> None:
    tried: list[str] = []
    with pytest.raises(DeadlineExceeded):
        # Cached answers of a resolver need no time.
        race.race(lambda *_: tried.append("x"), several(2), 0.0, monotonic() + limit - 1e-9)  # type: ignore[arg-type]
    assert not tried


@in_run
def test_the_limit_holds_for_all_together() -> None:
    begin = monotonic()
    with pytest.raises(DeadlineExceeded):
        raced(Fake(), 100, 0.001, begin + 0.05)
    assert 0.05 <= monotonic() - begin < 1


@pytest.mark.parametrize("wrong", [ZeroDivisionError, SystemExit, KeyboardInterrupt])
@in_run
def test_what_control_raises_ends_the_race(wrong: type[BaseException]) -> None:
    def control(_network: str, address: str, _fd: net.RawSocket) -> None:
        if address.startswith("127.0.0.2"):
            raise wrong

    with silent_then_listening() as (address, _):
        sleep(1e-3)  # the poller has its descriptors from now on
        before = open_descriptors().keys()
        with pytest.raises(wrong):
            net.dial("tcp", address, resolver=TWO, fallback_delay=0.001, control=control)
        assert open_descriptors().keys() == before


@in_run
def test_control_runs_in_the_context_of_who_dials() -> None:
    who = contextvars.ContextVar("who", default="nobody")
    seen = []
    with both_listening() as (address, _):
        who.set("me")
        net.dial("tcp", address, resolver=TWO, control=lambda *_: seen.append(who.get())).close()
    assert seen == ["me"]


@in_run
def test_a_shortage_of_sockets_is_a_failure_of_that_address() -> None:
    with both_listening() as (address, (_, second)):
        with answering(socket=one_by_one(-errno.EMFILE)):
            with net.dial("tcp", address, resolver=TWO) as conn:
                assert conn.remote_addr == second.local_addr
        with (
            answering(socket=lambda *_: -errno.EMFILE),
            pytest.raises(OpError, match="too many open files"),
        ):
            net.dial("tcp", address, resolver=TWO)


# ---- what becomes of the rest


@in_run
def test_the_peer_of_a_loser_sees_the_end() -> None:
    # Source: go1.27 net/dial_test.go TestDialParallelSpuriousConnection
    for _ in range(20):
        with both_listening() as (address, listeners):
            with net.dial("tcp", address, resolver=TWO, fallback_delay=0) as winner:
                ports = []
                for listener in listeners:
                    listener.settimeout(5)
                    with listener.accept() as far:
                        far.settimeout(5)
                        if far.remote_addr == winner.local_addr:
                            winner.write(b"won")
                            assert far.read() == b"won"
                        else:
                            with suppress(ConnectionResetError):
                                assert read_all(far) == b""
                            ports.append(far.remote_addr.port)
                assert len(ports) == 1


@in_run
def test_those_that_connect_too_late_are_closed() -> None:
    conns: list[FakeConn] = []

    def connect(target: Target, *_: object) -> Any:
        sleep(0.0 if target.addr.ip == "127.0.0.3" else SOON)
        conns.append(FakeConn(target.addr.ip))
        return conns[-1]

    winner: Any = race.race(connect, several(10), 0.0, None)
    sleep(2 * SOON)
    assert len(conns) == 10
    assert [conn for conn in conns if not conn.closed] == [winner]


@in_run
def test_those_that_have_not_begun_when_one_wins_never_do() -> None:
    conns: list[FakeConn] = []

    def connect(target: Target, *_: object) -> Any:
        conns.append(FakeConn(target.addr.ip))
        return conns[-1]

    winner: Any = race.race(connect, several(10), 0.0, None)
    turns(2)
    assert conns == [winner]


@in_run
def test_a_winner_whom_a_signal_handler_leaves_without_a_dialler_is_closed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(timeout: float | None) -> bool:
        await_call(timeout)
        raise KeyboardInterrupt

    conn = FakeConn("127.0.0.1")
    monkeypatch.setattr(race, "await_call", interrupted)
    connect: Any = lambda *_: conn  # noqa: E731 - for its type
    with pytest.raises(KeyboardInterrupt):
        race.race(connect, several(2), LONG, None)
    assert conn.closed


@in_run
def test_an_attempt_that_was_given_up_makes_no_further_socket() -> None:
    def control(*_: object) -> None:
        sleep(SOON)
        controlled.append("again")
        raise OSError(errno.EADDRNOTAVAIL, "chosen badly")  # of which another socket is the cure

    controlled: list[str] = []
    dialling = parked(go(racing, loopback(2), 0.0, control=control))
    turns(2)
    dialling.cancel()
    with pytest.raises(GoroutineCancelled):
        dialling.join()
    sleep(3 * SOON)
    assert len(controlled) == 2


@in_run
def test_no_number_of_a_loser_is_closed_a_second_time() -> None:
    # A descriptor that takes the number at once is a stranger to whoever closes it late.
    with answering(connect=never_answering):
        for number in EVERY_MOMENT:
            dialling = go(racing, loopback(10), 0.0)
            turns(number)
            dialling.cancel()
            with pytest.raises(GoroutineCancelled):
                dialling.join(5)
            canaries = [os.memfd_create("canary") for _ in range(20)]
            try:
                files = [os.fstat(canary).st_ino for canary in canaries]
                events_come_in()
                assert [os.fstat(canary).st_ino for canary in canaries] == files
            finally:
                for canary in canaries:
                    os.close(canary)


@in_run
def test_a_race_can_be_called_off_at_each_of_its_moments() -> None:
    with both_listening() as (address, _):

        def dial() -> net.TCPConn:
            return net.dial("tcp", address, resolver=TWO, fallback_delay=0, timeout=5)

        assert "cancelled" in swept(dial, turns)
        assert "connected" in swept(dial, lambda number: sleep(number * 1e-4))


@pytest.mark.parametrize("delay", [0.0, 1e-4, LONG])
@in_run
def test_a_race_without_an_answer_can_be_called_off_at_each_of_its_moments(delay: float) -> None:
    with answering(connect=never_answering):
        assert swept(lambda: racing(loopback(20), delay), turns) == {"cancelled"}


@in_run
def test_calls_on_threads_are_waited_for_as_ever_after_a_race() -> None:
    with both_listening() as (address, _):
        for delay in (0.0, 0.25):
            net.dial("tcp", address, resolver=TWO, fallback_delay=delay).close()
            assert blocking(sum, [1, 2]) == 3


def test_a_thread_without_a_run_can_race_too() -> None:
    with silent_then_listening() as (address, listener):
        with net.dial("tcp", address, resolver=TWO, fallback_delay=SOON) as conn:
            assert conn.remote_addr == listener.local_addr
        turns(2)


@in_run
def test_a_race_on_each_of_several_threads() -> None:
    with both_listening() as (address, _):

        def dial() -> int:
            with net.dial("tcp", address, resolver=TWO, fallback_delay=0) as conn:
                return conn.remote_addr.port

        calls = [go(lambda: blocking(run, dial)) for _ in range(8)]
        assert {call.join() for call in calls} == {int(address.rpartition(":")[2])}


@in_run
def test_many_races_at_the_same_time_keep_apart() -> None:
    with serving() as listener:
        port = listener.local_addr.port
        names = resolver("127.0.0.9", "127.0.0.1", "127.0.0.8")

        def dial(number: int) -> bytes:
            with net.dial(
                "tcp", f"some.example:{port}", resolver=names, fallback_delay=number % 3 / 1000
            ) as conn:
                conn.write(b"%d" % number)
                return conn.read()

        dialling = [go(dial, number) for number in range(60)]
        assert [one.join() for one in dialling] == [b"%d" % number for number in range(60)]


# ---- the order


@given(st.lists(st.tuples(st.booleans(), st.integers(1, 250)), min_size=1, max_size=20))
def test_the_families_take_turns_and_each_keeps_its_order(rows: list[tuple[bool, int]]) -> None:
    # Source: RFC 8305 section 4
    addrs = [TCPAddr(f"fd00::{n:x}" if six else f"10.0.0.{n}", 9) for six, n in rows]
    given_order = targets(socket.AF_UNSPEC, None, addrs)
    order = [target.addr for target in interleaved(given_order)]
    assert order[0] == addrs[0]
    for family in (socket.AF_INET, socket.AF_INET6):
        assert [addr for addr in order if addr.family == family] == [
            addr for addr in addrs if addr.family == family
        ]
    fewer = min(sum(six for six, _ in rows), sum(not six for six, _ in rows))
    families = [addr.family for addr in order[: 2 * fewer]]
    assert all(one != other for one, other in itertools.pairwise(families))

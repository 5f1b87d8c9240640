"""Many connections at once, for a short while."""

import random
import resource
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from time import monotonic

import pytest

from netpoll import DeadlineExceeded, go, net
from tests.conftest import Unhandled
from tests.net.ends import connected, echo, forgiving_echo, read_all, read_exactly, reset, serving
from tests.running import in_run


@pytest.fixture
def many_descriptors() -> Iterator[None]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < 4096:
        pytest.skip(f"no more than {hard} descriptors may be open here")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def talk(conn: net.TCPConn, number: int, rounds: int) -> int:
    """Send messages that nobody else sends, compare what comes back, return how many bytes."""
    source = random.Random(number)
    total = 0
    for _ in range(rounds):
        message = source.randbytes(source.choice((1, 2, 64, 700, 5000)))
        conn.write(message)
        assert read_exactly(conn, len(message)) == message
        total += len(message)
    return total


@in_run
def test_a_thousand_connections_each_get_their_own_bytes(many_descriptors: None) -> None:
    with ExitStack() as stack:
        listener = stack.enter_context(serving(echo))
        conns = [
            stack.enter_context(net.dial("tcp", str(listener.local_addr), timeout=20))
            for _ in range(1000)
        ]
        talks = [go(talk, conn, number, 5) for number, conn in enumerate(conns)]
        assert all(one.join() > 0 for one in talks)


@in_run
def test_a_storm_of_short_connections_is_served() -> None:
    def dial() -> int:
        for number in range(20):
            with net.dial("tcp", str(listener.local_addr), timeout=20) as conn:
                conn.write(b"%d" % number)
                conn.close_write()
                assert read_all(conn) == b"%d" % number
        return 20

    with serving(echo) as listener:
        assert sum(one.join() for one in [go(dial) for _ in range(50)]) == 1000


@in_run
def test_two_connections_may_talk_for_long() -> None:
    # Source: go1.27 net/tcpsock_test.go TestTCPStress
    def talk_on() -> None:
        with net.dial("tcp", str(listener.local_addr)) as conn:
            for number in range(10_000):
                message = number.to_bytes(4, "little") * 128
                conn.write(message)
                assert read_exactly(conn, 512) == message

    with serving(echo) as listener:
        for one in [go(talk_on) for _ in range(2)]:
            one.join()


@in_run
def test_one_connection_may_be_read_and_written_by_two_at_once() -> None:
    # Source: go1.27 net/timeout_test.go TestReadWriteProlongedTimeout
    data = random.Random(1).randbytes(1 << 22)

    def send(conn: net.TCPConn) -> None:
        for start in range(0, len(data), 10_000):
            conn.set_write_deadline(monotonic() + 3600)
            conn.write(data[start : start + 10_000])
        conn.close_write()

    def receive(conn: net.TCPConn) -> bytes:
        received = bytearray()
        while True:
            conn.set_read_deadline(monotonic() + 3600)
            if not (more := conn.read(8000)):
                return bytes(received)
            received += more

    with connected() as ends:
        senders = [go(send, end) for end in ends]
        receivers = [go(receive, end) for end in ends]
        for sender in senders:
            sender.join()
        for receiver in receivers:
            assert receiver.join() == data


@in_run
def test_deadlines_may_be_set_by_many_at_once() -> None:
    # Source: go1.27 net/timeout_test.go TestConcurrentSetDeadline
    with ExitStack() as stack:
        pairs = [stack.enter_context(connected()) for _ in range(10)]
        now = monotonic()

        def move(i: int) -> None:
            for j in range(50, 0, -1):
                for k, (near, _) in enumerate(pairs):
                    near.set_read_deadline(now + 7200 + i * j * k)
                    near.set_write_deadline(now + 3600 + i * j * k)

        for one in [go(move, i) for i in range(8)]:
            one.join()
        for near, far in pairs:
            far.write(b"x")
            assert near.read() == b"x"
            near.set_read_deadline(now)
            with pytest.raises(DeadlineExceeded):
                near.read()


@in_run
def test_a_handler_that_raises_is_reported_and_the_others_go_on(unhandled: Unhandled) -> None:
    def fail_on_demand(conn: net.TCPConn) -> None:
        with conn:
            while data := conn.read():
                if data == b"fail":
                    raise ZeroDivisionError
                conn.write(data)

    with (
        serving(fail_on_demand) as listener,
        net.dial("tcp", str(listener.local_addr)) as bystander,
    ):
        for _ in range(3):
            with net.dial("tcp", str(listener.local_addr)) as victim:
                victim.write(b"fail")
                assert victim.read() == b""
            bystander.write(b"still here")
            assert read_exactly(bystander, 10) == b"still here"
    assert [type(error) for _, error in unhandled] == [ZeroDivisionError] * 3
    unhandled.clear()


@in_run
def test_peers_of_every_kind_at_once_are_none_of_the_honest_ones_business() -> None:
    def misbehave(number: int) -> None:
        source = random.Random(number)
        for _ in range(10):
            conn = net.dial("tcp", str(listener.local_addr), timeout=20)
            match source.randrange(5):
                case 0:  # says nothing
                    conn.close()
                case 1:  # leaves in the middle
                    conn.write(bytes(5000))
                    reset(conn)
                case 2:  # does not read
                    with conn, suppress(DeadlineExceeded):
                        conn.settimeout(0.002)
                        conn.write(bytes(16 << 20))
                case 3:  # shuts both ways
                    with conn:
                        conn.close_write()
                        conn.close_read()
                case 4:  # trickles
                    with conn:
                        for _ in range(10):
                            conn.write(b"x")
                            assert conn.read(1) == b"x"

    with serving(forgiving_echo) as listener, ExitStack() as stack:
        honest = [
            go(talk, stack.enter_context(net.dial("tcp", str(listener.local_addr))), number, 100)
            for number in range(10)
        ]
        others = [go(misbehave, number) for number in range(20)]
        for one in honest:
            assert one.join() > 0
        for other in others:
            other.join()

"""Peers that reset: who waits hears of it at once, and what had arrived is not lost."""

import errno
import pickle
from collections.abc import Callable

import pytest

from netpoll import OpError, go, gosched, net
from tests.kernel import answering, one_by_one
from tests.net.ends import (
    MORE_THAN_FITS,
    connected,
    forgiving_echo,
    read_all,
    read_exactly,
    reset,
    serving,
)
from tests.running import in_run, parked

Operation = Callable[[net.TCPConn], object]
BLOCKED: dict[str, Operation] = {
    "read": net.TCPConn.read,
    "readinto": lambda conn: conn.readinto(bytearray(8)),
    "write": lambda conn: conn.write(MORE_THAN_FITS),
    "writev": lambda conn: conn.writev([b"x", MORE_THAN_FITS]),
}


@pytest.mark.parametrize("name", BLOCKED)
@in_run
def test_who_is_blocked_gets_the_error_at_once(name: str) -> None:
    # Source: go1.27 net/net_test.go TestNotTemporaryRead
    with connected() as (near, far):
        blocked = parked(go(BLOCKED[name], near))
        reset(far)
        with pytest.raises(OSError, match="reset by peer") as caught:
            blocked.join(5)
        error = caught.value
        op = name.removesuffix("into").removesuffix("v")
        ways = f"{near.local_addr}->{near.remote_addr}"
        assert isinstance(error, OpError)
        assert isinstance(error, ConnectionResetError)
        assert str(error) == f"{op} tcp {ways}: connection reset by peer"
        assert (error.op, error.network, error.errno) == (op, "tcp", errno.ECONNRESET)
        assert (error.source, error.addr) == (near.local_addr, near.remote_addr)
        assert not error.timeout
        assert (error.bytes_written > 0) == (op == "write")
        cause = error.__cause__
        assert type(cause) is ConnectionResetError
        assert cause.errno == errno.ECONNRESET
        copy: OpError = pickle.loads(pickle.dumps(error))  # noqa: S301
        assert type(copy) is type(error)
        assert (str(copy), copy.bytes_written) == (str(error), error.bytes_written)


@in_run
def test_both_directions_end_and_one_of_them_says_why() -> None:
    with connected() as (near, far):
        reader = parked(go(near.read))
        writer = parked(go(near.write, MORE_THAN_FITS))
        reset(far)
        reasons: list[object] = []
        for blocked in (reader, writer):
            try:
                reasons.append(blocked.join(5))
            except OpError as error:
                reasons.append(error.errno)
    # The kernel tells one of them of the reset, the other of what it leaves: no stream, no peer.
    assert errno.ECONNRESET in reasons
    assert set(reasons) <= {errno.ECONNRESET, errno.EPIPE, b""}


@in_run
def test_everybody_in_line_is_served() -> None:
    with connected() as (near, far):
        readers = [parked(go(near.read)) for _ in range(5)]
        reset(far)
        outcomes: list[object] = []
        for reader in readers:
            try:
                outcomes.append(reader.join(5))
            except ConnectionResetError as error:
                outcomes.append(error.errno)
    assert outcomes == [errno.ECONNRESET, b"", b"", b"", b""]


@pytest.mark.parametrize("size", [1, 3, 100_000])
@in_run
def test_what_had_arrived_before_is_read_before(size: int) -> None:
    data = bytes(range(256)) * 400
    with connected() as (near, far):
        sender = go(far.write, data)
        assert read_exactly(near, 1) == data[:1]
        assert sender.join() == len(data)
        reset(far)
        received = data[:1]
        with pytest.raises(ConnectionResetError):
            while True:
                received += near.read(size)
        assert received == data
        assert near.read() == b""


@in_run
def test_a_parked_reader_gets_what_came_with_the_reset() -> None:
    with connected() as (near, far):
        reader = parked(go(near.read))
        far.write(b"last words")
        reset(far)
        assert reader.join() == b"last words"
        with pytest.raises(ConnectionResetError):
            near.read()


@in_run
def test_writing_on_fails_and_goes_on_failing() -> None:
    with connected() as (near, far):
        reset(far)
        with pytest.raises(ConnectionResetError):
            near.write(b"x")
        for _ in range(3):
            for write in (near.write, lambda data: near.writev([data, data])):
                with pytest.raises(OpError) as caught:
                    write(b"x")
                assert isinstance(caught.value, BrokenPipeError)
                assert caught.value.bytes_written == 0


@in_run
def test_a_peer_that_leaves_data_unread_resets() -> None:
    with connected() as (near, far):
        near.write(b"never read")
        far.write(b"answer")
        far.close()
        assert near.read() == b"answer"
        with pytest.raises(ConnectionResetError):
            near.read()


@in_run
def test_a_reset_at_any_moment_is_no_news_to_anybody_else() -> None:
    """Reset after each step of the exchange, with a bystander on the same server."""
    with (
        serving(forgiving_echo) as listener,
        net.dial("tcp", str(listener.local_addr)) as bystander,
    ):
        for step in range(20):
            victim = net.dial("tcp", str(listener.local_addr))
            for number in range(step):
                if number % 3 == 0:
                    victim.write(b"x" * 1000)
                gosched()
            reset(victim)
            bystander.write(b"%02d" % step)
            assert read_exactly(bystander, 2) == b"%02d" % step


@pytest.mark.parametrize("address", ["127.0.0.1:0", ":0"])
@in_run
def test_a_peer_that_resets_before_it_is_accepted_is_accepted_all_the_same(address: str) -> None:
    with net.listen("tcp", address) as listener:
        gone = net.dial("tcp", f"127.0.0.1:{listener.local_addr.port}")
        gone_from = gone.local_addr
        reset(gone)
        with (
            net.dial("tcp", f"127.0.0.1:{listener.local_addr.port}") as stays,
            listener.accept() as first,
            listener.accept() as second,
        ):
            assert first.remote_addr == gone_from
            with pytest.raises(ConnectionResetError):
                first.read()
            assert second.remote_addr == stays.local_addr
            stays.close()
            assert read_all(second) == b""


@in_run
def test_a_connection_that_failed_before_it_was_accepted_does_not_end_the_listener() -> None:
    lost = (-errno.ECONNABORTED, -errno.EPROTO, -errno.EINTR, -errno.ECONNABORTED)
    with (
        net.listen("tcp", "127.0.0.1:0") as listener,
        net.dial("tcp", str(listener.local_addr)) as near,
        answering(accept4=one_by_one(*lost)),
        listener.accept() as far,
    ):
        assert far.remote_addr == near.local_addr

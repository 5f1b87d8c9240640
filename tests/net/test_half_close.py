"""Half-close: one direction ends, the other goes on."""

import errno
from itertools import product

import pytest

from netpoll import DeadlineExceeded, OpError, go, gosched, net
from tests.kernel import recorded
from tests.net.ends import (
    EVERY_MOMENT,
    MORE_THAN_FITS,
    connected,
    fill,
    read_all,
    read_exactly,
    reset,
    small_buffers,
    turns,
)
from tests.running import in_run, parked

MESSAGE = bytes(range(256)) * 1024


@pytest.mark.parametrize(("dialler_first", "pending"), list(product((True, False), repeat=2)))
@in_run
def test_the_other_direction_is_whole_whoever_shuts_first(
    dialler_first: bool, pending: bool
) -> None:
    # Source: go1.27 net/net_test.go TestCloseWrite
    with connected() as ends:
        first, second = ends if dialler_first else ends[::-1]
        if pending:
            sender = go(first.write, MESSAGE)
            while not sender.done:
                gosched()
        first.close_write()
        assert read_all(second) == (MESSAGE if pending else b"")
        assert [second.read(), second.read(0), second.readinto(bytearray(8))] == [b"", b"", 0]

        answer = go(second.write, MESSAGE)
        assert read_exactly(first, len(MESSAGE)) == MESSAGE
        assert answer.join() == len(MESSAGE)

        second.close_write()
        assert [first.read(), first.read()] == [b"", b""]
        for end in (first, second):
            with pytest.raises(BrokenPipeError) as caught:
                end.write(b"x")
            ways = f"{end.local_addr}->{end.remote_addr}"
            assert str(caught.value) == f"write tcp {ways}: broken pipe"
            assert caught.value.errno == errno.EPIPE


@pytest.mark.parametrize("moment", ["not yet waited", "parked", "drained", "with data"])
@in_run
def test_the_end_of_the_stream_is_seen_whenever_it_comes(moment: str) -> None:
    with connected() as (near, far):
        if moment == "not yet waited":
            far.close_write()
            assert near.read() == b""
        elif moment == "parked":
            reader = parked(go(near.read))
            far.close_write()
            assert reader.join() == b""
        elif moment == "drained":
            reader = parked(go(near.read))
            far.write(b"x")
            assert reader.join() == b"x"  # a short read: nothing is left, the next one parks
            far.close_write()
            assert near.read() == b""
        else:
            reader = parked(go(near.read, 1))
            far.write(b"xy")
            far.close_write()
            assert [reader.join(), near.read(), near.read()] == [b"x", b"y", b""]
        near.write(b"still here")
        assert far.read() == b"still here"


@in_run
def test_data_and_end_at_any_moment_lose_nothing() -> None:
    for number in EVERY_MOMENT:
        with connected() as (near, far):
            reader = go(read_all, near)
            far.write(b"first")
            turns(number)
            far.write(b"second")
            turns(number)
            far.close_write()
            assert reader.join() == b"firstsecond"


@in_run
def test_both_ends_may_shut_at_once() -> None:
    with connected() as (near, far):
        readers = [parked(go(read_all, end)) for end in (near, far)]
        near.write(b"from near")
        far.write(b"from far")
        near.close_write()
        far.close_write()
        assert [reader.join() for reader in readers] == [b"from far", b"from near"]


@in_run
def test_to_shut_writing_twice_is_no_error() -> None:
    with connected() as (near, far):
        near.close_write()
        near.close_write()
        assert far.read() == b""


@in_run
def test_to_shut_what_the_peer_has_reset_is_one() -> None:
    with connected() as (near, far):
        reader = parked(go(near.read))
        reset(far)
        with pytest.raises(ConnectionResetError):
            reader.join()
        for shut in (near.close_write, near.close_read):
            with pytest.raises(OpError, match=r"^close tcp .*: transport endpoint") as caught:
                shut()
            assert caught.value.errno == errno.ENOTCONN


@in_run
def test_a_write_that_waits_when_writing_is_shut_fails_and_what_it_wrote_arrives() -> None:
    with connected() as (near, far):
        writer = parked(go(near.write, MORE_THAN_FITS))
        near.close_write()
        with pytest.raises(OpError) as caught:
            writer.join()
        assert isinstance(caught.value, BrokenPipeError)
        assert len(read_all(far)) == caught.value.bytes_written > 0


@in_run
def test_after_reading_is_shut_a_read_that_would_wait_returns_the_end() -> None:
    # Source: go1.27 net/net_test.go TestCloseRead
    with connected() as (near, far):
        reader = parked(go(near.read))
        near.close_read()
        assert reader.join() == b""
        assert near.read() == b""
        near.write(b"the other way goes on")
        assert far.read() == b"the other way goes on"


@in_run
def test_a_peer_that_has_shut_its_writing_makes_no_write_spin() -> None:
    # Source: go1.27 net/write_unix_test.go TestEndlessWrite
    with connected() as (near, far):
        small_buffers(near, far)
        far.close_write()
        fill(near)
        near.settimeout(0.02)
        with recorded("send") as calls, pytest.raises(DeadlineExceeded):
            while True:
                near.write(bytes(1 << 16))
        assert len(calls.of("send")) < 20


@in_run
def test_a_stream_is_passed_on_with_its_end() -> None:
    def pass_on(source: net.TCPConn, sink: net.TCPConn) -> None:
        while data := source.read():
            sink.write(data)
        sink.close_write()

    with connected() as (client, front), connected() as (back, server):
        forwarders = [go(pass_on, front, back), go(pass_on, back, front)]
        sender = go(client.write, MESSAGE)
        assert read_exactly(server, len(MESSAGE)) == MESSAGE
        sender.join()
        client.close_write()
        assert server.read() == b""
        server.write(b"answer after the end")
        server.close_write()
        assert read_all(client) == b"answer after the end"
        for forwarder in forwarders:
            forwarder.join()

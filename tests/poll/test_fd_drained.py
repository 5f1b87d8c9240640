"""A short read means that nothing is left: the next one parks without asking the kernel.

How much that saves, and that it never makes a reader miss anything.
"""

import random
import select
import socket
import sys
import threading
from functools import partial

import pytest

import netpoll
from netpoll._poll.stream_fd import StreamFD
from tests import tcp
from tests.kernel import TABLE, recorded
from tests.poll.operations import raised
from tests.program import reset
from tests.running import in_run, parked


def echoes(fd: StreamFD) -> None:
    while data := fd.read_bytes(4096):
        fd.write(data)


def ask(client: StreamFD, message: bytes) -> None:
    client.write(message)
    assert client.read_bytes(100) == message


# ---- what it saves ---------------------------------------------------------------------------


@in_run
def test_an_echo_costs_one_receive_and_one_send() -> None:
    with tcp.ends() as (server, client):
        echo = netpoll.go(echoes, server)
        ask(client, b"the first registers")
        with recorded(*TABLE) as calls:
            for n in range(100):
                ask(client, b"message %d" % n)
        for end in (server, client):
            number = end.fileno()
            ours = [name for name, (fd, *_) in calls.made if fd == number]
            assert sorted(ours) == ["recv"] * 100 + ["send"] * 100
        assert set(calls.count()) == {"recv", "send", "epoll_wait"}
        client.shutdown(1)
        echo.join()


@in_run
def test_only_the_first_wait_registers() -> None:
    with tcp.ends() as (a, b), recorded("epoll_ctl") as calls:
        echo = netpoll.go(echoes, b)
        for _ in range(10):
            ask(a, b"x")
        numbers = [fd for _, _, fd, _, _ in calls.of("epoll_ctl")]
        assert [numbers.count(end.fileno()) for end in (a, b)] == [1, 1]
        a.shutdown(1)
        echo.join()


@in_run
def test_a_read_that_filled_its_buffer_is_followed_by_a_try() -> None:
    with tcp.end() as (fd, peer), recorded("recv") as calls:
        peer.sendall(b"abcdef")
        assert [fd.read_bytes(2) for _ in range(3)] == [b"ab", b"cd", b"ef"]
        assert len(calls.made) == 3
        reader = parked(netpoll.go(fd.read_bytes, 2))
        assert len(calls.made) == 4
        peer.sendall(b"gh")
        assert reader.join() == b"gh"
        assert len(calls.made) == 5


@in_run
def test_an_event_noted_before_a_read_is_spent_by_it() -> None:
    with tcp.end() as (fd, peer):
        reader = parked(netpoll.go(fd.read_bytes, 10))
        peer.sendall(b"a")
        reader.join()
        waits = netpoll.go(
            raised, partial(fd.write, bytes(20_000_000))
        )  # so that there is a poller to ask
        for _ in range(3):
            peer.sendall(b"b")
            netpoll.sleep(0.001)
            with recorded("recv") as calls:
                assert fd.read_bytes(10) == b"b"
                reader = parked(netpoll.go(fd.read_bytes, 10))
                assert len(calls.made) == 1
            peer.sendall(b"c")
            assert reader.join() == b"c"
        waits.cancel()
        waits.join()


# ---- that it misses nothing ------------------------------------------------------------------


@in_run
def test_data_that_comes_between_a_short_read_and_the_next_is_seen() -> None:
    with tcp.end() as (fd, peer):
        peer.sendall(b"a")
        for n in range(200):
            assert fd.read_bytes(100) == (b"a" if n == 0 else b"b")
            peer.sendall(b"b")
            for _ in range(n % 5):
                netpoll.sleep(0)
            if n % 11 == 0:
                netpoll.sleep(0.0001)  # the poller has noted it before the reader parks


@pytest.mark.parametrize("seed", range(3))
@in_run
def test_single_bytes_and_random_sizes_over_twenty_thousand_messages(seed: int) -> None:
    chance = random.Random(seed)
    count = 20_000
    order = [chance.randrange(6) for _ in range(count)]
    sent = chance.randbytes(count)

    def trickles(fd: StreamFD) -> None:
        for at, choice in enumerate(order):
            fd.write(sent[at : at + 1])
            if choice < 3:
                netpoll.gosched()
            elif choice == 3 and at % 50 == 0:
                netpoll.sleep(0.00001)
        fd.shutdown(1)

    with tcp.ends() as (a, b):
        writer = netpoll.go(trickles, a)
        got = bytearray()
        while data := b.read_bytes(chance.choice([1, 1, 2, 3, 8, 64, 4096, 100_000])):
            got += data
        assert got == sent
        writer.join()


@in_run
def test_single_bytes_from_a_thread_that_runs_at_any_moment() -> None:
    count = 5000
    sent = random.Random(9).randbytes(count)

    def trickles(peer: socket.socket) -> None:
        for byte in sent:
            peer.send(bytes([byte]))

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        with tcp.end() as (fd, peer):
            chance = random.Random(10)
            thread = threading.Thread(target=trickles, args=(peer,))
            thread.start()
            got = bytearray()
            while len(got) < count:
                got += fd.read_bytes(chance.choice([1, 2, 3, 50, 5000]))
            thread.join()
            assert got == sent
    finally:
        sys.setswitchinterval(interval)


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("noted", [False, True], ids=["unseen", "noted-by-the-poller"])
@pytest.mark.parametrize("end", ["with-the-data", "later", "reset"])
@in_run
def test_the_end_is_seen_after_a_short_read(registered: bool, noted: bool, end: str) -> None:
    def ends(peer: socket.socket) -> None:
        if end == "reset":
            reset(peer)
        else:
            peer.shutdown(socket.SHUT_WR)

    with tcp.end() as (fd, peer):
        if registered:
            reader = parked(netpoll.go(fd.read_bytes, 100))
            peer.sendall(b"x")
            reader.join()
        peer.sendall(b"data")
        if end == "with-the-data":
            ends(peer)
        if noted:
            netpoll.sleep(0.0001)
        assert fd.read_bytes(100) == b"data"
        if end != "with-the-data":
            ends(peer)
        if noted:
            netpoll.sleep(0.0001)
        reader = netpoll.go(fd.read_bytes, 100)
        if end == "reset":
            with pytest.raises(ConnectionResetError):
                reader.join(timeout=5)
        else:
            assert reader.join(timeout=5) == b""


@pytest.mark.parametrize("registered", [False, True])
@pytest.mark.parametrize("noted", [False, True], ids=["unseen", "noted-by-the-poller"])
@pytest.mark.parametrize("before", [b"", b"a", b"abcdefgh"])
@pytest.mark.parametrize("after", [b"", b"z", b"stuvwxyz"])
@in_run
def test_urgent_data_stops_a_read_but_hangs_nobody(
    registered: bool, noted: bool, before: bytes, after: bytes
) -> None:
    """recv(2) stops at the urgent mark: the read is short although more is there."""
    with tcp.end() as (fd, peer):
        if registered:
            reader = parked(netpoll.go(fd.read_bytes, 100))
            peer.sendall(b"x")
            reader.join()
        peer.sendall(before)
        peer.send(b"!", socket.MSG_OOB)
        peer.sendall(after)
        if noted:
            netpoll.sleep(0.0001)
        peer.shutdown(socket.SHUT_WR)
        got = bytearray()
        reader = netpoll.go(fd.read_bytes, 100)
        while data := reader.join(timeout=5):
            got += data
            reader = netpoll.go(fd.read_bytes, 100)
        assert got == before + after


@in_run
def test_urgent_data_at_each_place_of_a_stream_without_an_end() -> None:
    for place in range(8):
        for pause in (False, True):
            with tcp.end() as (fd, peer):
                reader = netpoll.go(fd.read_bytes, 100)
                netpoll.gosched()
                for n in range(8):
                    peer.send(bytes([n]), socket.MSG_OOB if n == place else 0)
                    if pause:
                        netpoll.sleep(0)
                got = b""
                while True:
                    got += reader.join(timeout=5)
                    if len(got) == 7:
                        break
                    reader = netpoll.go(fd.read_bytes, 100)
                assert got == bytes(n for n in range(8) if n != place)


@in_run
def test_after_urgent_data_the_kernel_is_asked_each_time() -> None:
    with tcp.end() as (fd, peer):
        reader = parked(netpoll.go(fd.read_bytes, 100))
        peer.send(b"a!", socket.MSG_OOB)
        assert reader.join(timeout=5) == b"a"
        for message in (b"one", b"two"):
            reader = parked(netpoll.go(fd.read_bytes, 100))
            peer.sendall(message)
            assert reader.join(timeout=5) == message


@in_run
def test_no_reader_is_parked_while_there_is_something_to_read() -> None:
    """Whatever the order of writes, reads and looks of the poller."""
    chance = random.Random(11)
    with tcp.end() as (fd, peer):
        unread = 0
        reader = None
        for _ in range(3000):
            step = chance.randrange(4)
            if step == 0 and unread < 50:
                peer.send(b"x")
                unread += 1
            elif step == 1 and reader is None:
                reader = netpoll.go(fd.read_bytes, chance.choice([1, 2, 100]))
            elif step == 2:
                netpoll.gosched()
            elif step == 3:
                netpoll.sleep(0.000001)
            if reader is not None:
                if unread:
                    unread -= len(reader.join(timeout=5))
                    reader = None
                elif reader.done:
                    raise AssertionError(f"read {reader.join()!r} out of nothing")
            if reader is None:
                assert bool(select.select([fd.fileno()], [], [], 0)[0]) == bool(unread)
        if reader is not None:
            peer.send(b"x")
            reader.join(timeout=5)


@in_run
def test_a_short_read_of_a_unix_stream_may_leave_data_behind() -> None:
    """Source: unix(7), a read does not go past data that carries descriptors."""
    near, far = socket.socketpair()
    fd = StreamFD.adopt(near.detach())
    with far:
        for _ in range(3):
            socket.send_fds(far, [b"ab"], [0])
            far.sendall(b"cd")
            assert (fd.read_bytes(10), fd.read_bytes(10)) == (b"ab", b"cd")
    assert fd.read_bytes(10) == b""
    fd.close()

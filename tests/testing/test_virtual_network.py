"""The virtual clock and connections: deadlines follow it, and no jump overtakes what is on its
way."""

import socket
import time
from collections.abc import Callable
from contextlib import AbstractContextManager, closing

import pytest

from netpoll import DeadlineExceeded, go, net, sleep
from netpoll.testing import virtual_clock, wait_all_parked
from tests.net.ends import silent
from tests.running import in_run
from tests.testing.ends import Ends, in_memory, over_tcp, over_unix

HOUR = 3600.0
KINDS = pytest.mark.parametrize("ends", [over_tcp, over_unix, in_memory])
Kind = Callable[[], AbstractContextManager[Ends]]


@KINDS
@in_run
def test_a_deadline_is_on_the_virtual_clock(ends: Kind) -> None:
    with virtual_clock() as clock, ends() as (near, _):
        near.set_deadline(time.monotonic() + 60)
        sleep(59)
        with pytest.raises(DeadlineExceeded):
            near.read(1)
        assert clock.elapsed == 60
        near.set_deadline(clock.time() - 1)
        with pytest.raises(DeadlineExceeded):
            near.read(1)
        assert clock.elapsed == 60


@KINDS
@in_run
def test_a_timeout_is_on_the_virtual_clock(ends: Kind) -> None:
    with virtual_clock() as clock, ends() as (near, _):
        near.settimeout(60)
        with pytest.raises(DeadlineExceeded):
            near.read(1)
        assert clock.elapsed == 60


@KINDS
@in_run
def test_a_write_to_a_peer_that_does_not_read_ends_by_it(ends: Kind) -> None:
    with virtual_clock() as clock, ends() as (near, _):
        near.settimeout(60)
        with pytest.raises(DeadlineExceeded):
            near.write(bytes(1 << 24))
        assert clock.elapsed == 60


@KINDS
@in_run
def test_time_does_not_overtake_what_was_sent(ends: Kind) -> None:
    with virtual_clock() as clock, ends() as (near, far):
        near.settimeout(0.001)
        far.settimeout(0.001)

        def echo() -> None:
            while data := far.read(4096):
                far.write(data)

        echoing = go(echo)
        for i in range(300):
            near.write(b"%d" % i)
            assert near.read(100) == b"%d" % i
        near.close_write()
        echoing.join()
        assert clock.elapsed == 0


@in_run
def test_time_does_not_overtake_connections_that_are_made() -> None:
    with virtual_clock() as clock, net.listen("tcp", "127.0.0.1:0") as listener:

        def serve() -> None:
            for conn in listener:
                go(handle, conn)

        def handle(conn: net.Conn) -> None:
            with conn:
                sleep(1)
                conn.write(b"hello")

        def ask() -> bytes:
            with net.dial("tcp", listener.local_addr, timeout=1.5) as conn:
                conn.settimeout(1.5)
                return conn.read(10)

        server = go(serve)
        assert {each.join() for each in [go(ask) for _ in range(50)]} == {b"hello"}
        assert clock.elapsed == 1
        listener.close()
        server.join()


@pytest.mark.parametrize("more", [[], ["127.0.0.2", "127.0.0.3"]])
@in_run
def test_a_dial_that_nobody_answers_ends_by_it(more: list[str]) -> None:
    names = [(socket.AF_INET, 1, 6, "", (each, 0)) for each in ("127.0.0.1", *more)]
    with silent() as address, virtual_clock() as clock:
        port = address.rpartition(":")[2]
        with pytest.raises(TimeoutError):
            net.dial("tcp", f"name:{port}", resolver=net.Resolver(lambda *_: names), timeout=5)
        assert clock.elapsed == 5


@in_run
def test_a_slow_dance_takes_exactly_its_virtual_time() -> None:
    with virtual_clock() as clock, over_tcp() as (near, far):

        def slowly() -> None:
            for _ in range(10):
                sleep(60)
                far.write(b"x")

        writer = go(slowly)
        near.settimeout(60.001)
        assert b"".join(near.read(1) for _ in range(10)) == b"x" * 10
        assert clock.elapsed == 600
        writer.join()


@in_run
def test_an_idle_listener_does_not_stop_the_time() -> None:
    with virtual_clock() as clock, net.listen("tcp", "127.0.0.1:0") as listener:
        server = go(list, listener)
        sleep(HOUR)
        assert clock.elapsed == HOUR
        listener.close()
        server.join()


@KINDS
@in_run
def test_wait_all_parked_waits_for_what_is_on_its_way(ends: Kind) -> None:
    seen: list[bytes] = []
    with ends() as (near, far):

        def relay() -> None:
            while data := far.read(10):
                seen.append(data)

        relaying = go(relay)
        for i in range(100):
            near.write(b"%d" % i)
            wait_all_parked()
            assert seen[-1] == b"%d" % i
        near.close()
        relaying.join()


@in_run
def test_without_a_wait_for_the_kernel_an_hour_beside_a_listener_is_quick() -> None:
    begin = time.perf_counter()
    with virtual_clock(io_wait=0) as clock, net.listen("tcp", "127.0.0.1:0") as listener:
        server = go(list, listener)
        for _ in range(3600):
            sleep(1)
        assert clock.elapsed == HOUR
        listener.close()
        server.join()
    assert time.perf_counter() - begin < 2


@in_run
def test_in_memory_the_kernel_is_not_waited_for() -> None:
    begin = time.perf_counter()
    with virtual_clock(io_wait=1) as clock, in_memory() as (near, _):
        reader = go(near.read, 1)
        for _ in range(100):
            sleep(1)
        assert clock.elapsed == 100
        near.close()
        with pytest.raises(OSError, match="closed"):
            reader.join()
    assert time.perf_counter() - begin < 5


def test_a_socket_of_python_keeps_to_the_real_time() -> None:
    with virtual_clock() as clock:
        one, two = socket.socketpair()
        with closing(one), closing(two):
            one.settimeout(0.001)
            with pytest.raises(TimeoutError):
                one.recv(1)
        assert clock.elapsed == 0

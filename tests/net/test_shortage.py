"""More clients than descriptors: those who are in are served, the others wait, nothing spins."""

import errno
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack
from itertools import pairwise

import pytest

from netpoll import DeadlineExceeded, OpError, go, net
from netpoll.cli.procinfo import cpu_seconds
from tests.kernel import answering, one_by_one, recorded
from tests.net.ends import read_exactly, serving
from tests.program import PATIENCE, Program, open_files, receive, started
from tests.running import in_run

SERVER = """
import os
import netpoll
from netpoll import go, net

def handle(conn):
    with conn:
        while data := conn.read():
            conn.write(data)

def main():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        print("listening on", listener.local_addr, flush=True)
        input()
        for conn in listener:
            go(handle, conn)

netpoll.run(main)
"""
CLIENTS = 200


@pytest.fixture
def server() -> Iterator[Program]:
    limits = open_files(64, 64)
    with started("-W", "error", "-c", SERVER, prefix=limits, stdin=subprocess.PIPE) as process:
        yield Program(process)


def begin_to_accept(server: Program) -> None:
    assert server.process.stdin is not None
    server.process.stdin.write("\n")
    server.process.stdin.flush()


def greet(conn: socket.socket) -> None:
    conn.sendall(b"hello")


def is_served(conn: socket.socket, within: float) -> bool:
    """Tell whether the answer to a greeting comes in time."""
    conn.settimeout(within)
    try:
        return receive(conn, 5) == b"hello"
    except TimeoutError:
        return False


@pytest.mark.parametrize("crowd", ["comes one by one", "is there already"])
def test_clients_beyond_the_limit_wait_until_others_leave(server: Program, crowd: str) -> None:
    with ExitStack() as stack:
        if crowd == "comes one by one":
            begin_to_accept(server)
        clients = [stack.enter_context(server.connect()) for _ in range(CLIENTS)]
        for client in clients:
            greet(client)
        if crowd == "is there already":
            begin_to_accept(server)
        inside = [clients[0]]
        assert is_served(clients[0], PATIENCE)
        for client in clients[1:]:
            if not is_served(client, 0.1):
                break
            inside.append(client)
        outside = clients[len(inside) + 1 :]
        starved = clients[len(inside)]
        assert 30 < len(inside) < 64

        before, begin = cpu_seconds(server.process.pid), time.monotonic()
        for _ in range(10):
            for client in inside[:5]:
                greet(client)
                assert is_served(client, PATIENCE)
            assert not is_served(starved, 0.05)
        after, seconds = cpu_seconds(server.process.pid), time.monotonic() - begin
        assert before is not None
        assert after is not None
        assert (after - before) / seconds < 0.1

        begin = time.monotonic()
        for client in inside:
            client.close()
        assert is_served(starved, PATIENCE)
        assert time.monotonic() - begin < 1.5  # the longest pause is a second
        starved.close()
        for client in outside:
            assert is_served(client, PATIENCE)
            client.close()
    status, stderr = server.end()
    assert stderr.splitlines()[-1:] == ["KeyboardInterrupt"], stderr
    assert status == -2


@in_run
def test_accept_tries_again_after_longer_and_longer_pauses_and_then_serves() -> None:
    # Source: go1.27 net/http/serve_test.go TestAcceptMaxFds
    shortages = [-errno.EMFILE, -errno.ENFILE, -errno.ENOBUFS, -errno.ENOMEM]
    times = []

    def short(_: int) -> int | None:
        times.append(time.monotonic())
        return shortages.pop(0) if shortages else None

    with (
        net.listen("tcp", "127.0.0.1:0") as listener,
        net.dial("tcp", str(listener.local_addr)) as near,
    ):
        with answering(accept4=short), listener.accept() as far:
            assert far.remote_addr == near.local_addr
    pauses = [later - earlier for earlier, later in pairwise(times)]
    assert len(pauses) == 4
    for pause, least in zip(pauses, (0.005, 0.01, 0.02, 0.04), strict=True):
        assert least <= pause < least + 0.5


@in_run
def test_a_deadline_ends_the_wait_for_descriptors_too() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, net.dial("tcp", str(listener.local_addr)):
        with answering(accept4=lambda *_: -errno.EMFILE):
            listener.settimeout(0.02)
            begin = time.monotonic()
            with pytest.raises(DeadlineExceeded):
                listener.accept()
            assert 0.02 <= time.monotonic() - begin < 1
        listener.settimeout(None)
        listener.accept().close()


@in_run
def test_others_go_on_while_accept_waits_for_descriptors() -> None:
    with serving() as listener, net.dial("tcp", str(listener.local_addr)) as conn:
        conn.write(b"x")
        assert conn.read() == b"x"
        with (
            answering(accept4=lambda *_: -errno.EMFILE),
            recorded("send") as calls,
            net.dial("tcp", str(listener.local_addr)) as waits,
        ):
            for _ in range(100):
                conn.write(b"hello")
                assert read_exactly(conn, 5) == b"hello"
            waits.write(b"here")
            waits.settimeout(0.02)
            with pytest.raises(DeadlineExceeded):
                waits.read()
            assert len(calls.of("send")) == 201
        waiter = net.dial("tcp", str(listener.local_addr), timeout=5)
        with waiter:
            waiter.settimeout(5)
            waiter.write(b"there")
            assert read_exactly(waiter, 5) == b"there"


@in_run
def test_without_a_descriptor_a_dial_fails_at_once() -> None:
    with (
        answering(socket=lambda *_: -errno.EMFILE),
        pytest.raises(OpError, match=r"^dial tcp 127.0.0.1:1: too many open files$") as caught,
    ):
        net.dial("tcp", "127.0.0.1:1", timeout=5)
    assert caught.value.errno == errno.EMFILE


@pytest.mark.parametrize("places", [0, 1, 2])
@in_run
def test_without_a_place_in_the_poller_accept_fails_and_leaves_nothing_open(places: int) -> None:
    # One for the poller's own wake-up, one for signals, one for the listener.
    answers = [None] * places + [-errno.ENOSPC]
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with (
            answering(epoll_ctl=one_by_one(*answers)),
            pytest.raises(OpError, match=r"no space left on device$"),
        ):
            listener.accept()
        with net.dial("tcp", str(listener.local_addr)), listener.accept():
            pass


@in_run
def test_without_a_place_in_the_poller_the_dial_fails_and_the_rest_goes_on() -> None:
    # max_user_watches of epoll(7)
    with net.listen("tcp", "127.0.0.1:0") as listener:
        with (
            answering(epoll_ctl=lambda *_: -errno.ENOSPC),
            pytest.raises(OpError, match=r"no space left on device$"),
        ):
            net.dial("tcp", str(listener.local_addr))
        dialled = go(net.dial, "tcp", str(listener.local_addr))
        listener.accept().close()
        listener.accept().close()
        dialled.join().close()

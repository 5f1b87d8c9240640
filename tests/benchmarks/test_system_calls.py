"""How many system calls it takes: the shape of the speed, which no noise hides."""

import time
from contextlib import ExitStack

from benchmarks.bench import Programs
from benchmarks.peers import NETPOLL
from benchmarks.procfs import cpu_ns, wakeups
from netpoll import go, net
from netpoll._runtime.syscalls import NAMES
from tests.kernel import recorded
from tests.program import PATIENCE, receive, serving
from tests.running import in_run

CONNECTIONS, ECHOES = 5, 20
AT_REST = 0.2
"""Seconds, longer than anything that a process should do at intervals."""


def echo(conn: net.Conn) -> None:
    with conn:
        while data := conn.read(4096):
            conn.write(data)


def serve(listener: net.TCPListener) -> None:
    for conn in listener:
        go(echo, conn)


def ask(conns: list[net.TCPConn], times: int) -> None:
    for _ in range(times):
        for conn in conns:
            conn.write(b"x" * 64)
        for conn in conns:
            assert conn.read(4096) == b"x" * 64


@in_run
def test_an_echo_takes_one_recv_and_one_send_and_no_epoll_ctl() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener, ExitStack() as closed:
        accepting = go(serve, listener)
        address = str(listener.local_addr)
        conns = [closed.enter_context(net.dial("tcp", address)) for _ in range(CONNECTIONS)]
        ask(conns, 1)  # accepts, registers
        with recorded(*NAMES) as calls:
            ask(conns, ECHOES)
        made = calls.count()
        listener.close()
        accepting.join()
    each = 2 * CONNECTIONS * ECHOES  # client and server take part in this process
    assert (made.pop("recv"), made.pop("send")) == (each, each)
    assert made.pop("epoll_wait") < each
    assert not made


def test_an_idle_server_makes_no_system_call(nothing_in_go: Programs) -> None:
    command = NETPOLL.command(nothing_in_go)
    assert command is not None
    with serving(*command[1:], "echo", "4096") as server, ExitStack() as closed:
        for _ in range(CONNECTIONS):
            conn = closed.enter_context(server.connect())
            conn.sendall(b"x" * 64)
            assert receive(conn, 64) == b"x" * 64
        # Who uses no processor time and is never woken can have made none.
        assert rests(server.process.pid)


def rests(pid: int) -> bool:
    """Tell whether a process comes to do nothing at all."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        before = cpu_ns(pid), wakeups(pid)
        time.sleep(AT_REST)
        if (cpu_ns(pid), wakeups(pid)) == before:
            return True
    return False

"""How many system calls it takes: the shape of the speed, which no noise hides."""

import subprocess
import sys
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
AT_REST = 2.5
"""Seconds: who does something once a second, or every other one, is found out."""


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


def test_one_that_does_something_every_other_second_does_not_rest() -> None:
    program = "import time\nwhile True: time.sleep(2)"
    with subprocess.Popen([sys.executable, "-c", program]) as process:
        try:
            assert not rests(process.pid)
        finally:
            process.kill()


def rests(pid: int) -> bool:
    """Tell whether a process, once it has come to its end of something, does nothing at all."""
    end = time.monotonic() + PATIENCE
    while _changes(pid, 0.2) and time.monotonic() < end:
        pass
    return not _changes(pid, AT_REST)


def _changes(pid: int, seconds: float) -> bool:
    before = cpu_ns(pid), wakeups(pid)
    time.sleep(seconds)
    return (cpu_ns(pid), wakeups(pid)) != before

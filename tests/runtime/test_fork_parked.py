"""fork while goroutines are parked: in a signal handler, or on what the child uses."""

import os
import socket
import threading
from collections.abc import Callable
from typing import Generic, TypeVar

import pytest

from netpoll import ClosedError, go, lowlevel, net, run
from tests.net.ends import connected
from tests.program import PATIENCE
from tests.running import Outcome, in_run, parked, says
from tests.runtime.children import everything, in_child, no_warning

pytestmark = no_warning

T = TypeVar("T")

HANDLER = """\
import os, signal, socket, sys, threading, warnings
warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
from netpoll import blocking, go, gosched, lowlevel, net, run, sleep
from tests.runtime.children import everything
from tests.program import PATIENCE
from tests.running import parked

pid = None

def handler(*_):
    global pid
    pid = os.fork()
    if pid:
        print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
    for wake in wakes:
        wake()

def soon():
    signal.signal(signal.SIGALRM, handler)
    signal.setitimer(signal.ITIMER_REAL, 0.02)

def until_forked(wait, *args):
    while pid is None:
        result = wait(*args)
    return result

def told(result):
    said = f"{result} {everything()}"
    if pid == 0:
        os._exit(4 if said == f"{expected} all well" else 5)
    print(said, flush=True)

wakes = []
"""

PARKED = {
    "reading, and once more with nothing else to come": """
expected = b"y"
def main():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        peer = socket.create_connection((listener.local_addr.ip, listener.local_addr.port))
        with peer, listener.accept() as conn:
            wakes.append(lambda: peer.send(b"x"))
            soon()
            assert conn.read(1) == b"x"
            if pid:
                return told(b"y")
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            threading.Timer(0.05, peer.send, [b"y"]).start()
            told(conn.read(1))
""",
    "asleep": """
expected = None
def main():
    soon()
    told(until_forked(sleep, 0.04))
""",
    "asleep among others": """
expected = None
def main():
    others = [parked(go(sleep, 60)) for _ in range(3)]
    soon()
    told(until_forked(sleep, 0.04))
""",
    "reading": """
expected = b"x"
def main():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        peer = socket.create_connection((listener.local_addr.ip, listener.local_addr.port))
        with peer, listener.accept() as conn:
            wakes.append(lambda: peer.sendall(b"x"))
            soon()
            told(conn.read(1))
""",
    "accepting": """
expected = True
def main():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = listener.local_addr.ip, listener.local_addr.port
        peers = []
        wakes.append(lambda: peers.append(socket.create_connection(address)))
        soon()
        with listener.accept() as conn:
            told(isinstance(conn, net.TCPConn))
        peers.pop().close()
""",
    "waiting for a PollDesc": """
expected = None
def main():
    one, two = socket.socketpair()
    one.setblocking(False)
    with one, two, lowlevel.PollDesc(one.fileno()) as pd:
        wakes.append(lambda: two.send(b"x"))
        soon()
        told(pd.wait_readable())
""",
    "in lowlevel.park": """
expected = False
def main():
    soon()
    told(until_forked(lowlevel.park, 0.04))
""",
    "asleep while main joins it": """
expected = None
def main():
    def work():
        soon()
        told(until_forked(sleep, 0.04))
    go(work).join()
""",
    "joining a goroutine of another thread": """
expected = (0, 0)
def main():
    from netpoll._runtime.scheduler import ensure_scheduler
    goroutines, begun = [], threading.Event()
    def other():
        goroutines.append(go(sleep, 0.2))
        begun.set()
        goroutines[0].join()
    def join():
        try:
            goroutines[0].join(0.04)
        except TimeoutError:
            pass
    threading.Thread(target=run, args=(other,)).start()
    begun.wait()
    soon()
    until_forked(join)
    scheduler = ensure_scheduler()
    told((scheduler.outside, scheduler.calls))
""",
}


@pytest.mark.parametrize("lines", PARKED.values(), ids=PARKED)
def test_a_signal_handler_forks_while_all_is_parked_and_both_go_on(lines: str) -> None:
    code, said, *rest = says(HANDLER + lines + "\nrun(main)\n").splitlines()
    assert code == "4"
    assert said.endswith(" all well")
    assert not rest


# ---- descriptors on which somebody else is parked ----------------------------------------------


class OtherThread(Generic[T]):
    """A thread that stands still with a goroutine parked, until its result is asked for."""

    def __init__(self, fn: Callable[[], T]) -> None:
        self._go_on = threading.Event()
        is_parked = threading.Event()

        def main() -> T:
            goroutine = parked(go(fn))
            is_parked.set()
            self._go_on.wait(PATIENCE)
            return goroutine.join()

        self._thread = Outcome(run, main)
        self._thread.start()
        assert is_parked.wait(PATIENCE)

    def result(self) -> T:
        self._go_on.set()
        return self._thread.result()


@in_run
def test_a_connection_that_a_goroutine_of_another_thread_was_reading_can_be_read() -> None:
    with connected() as (near, far):
        thread = OtherThread(far.read)

        def child() -> bytes:
            far.settimeout(5)
            near.write(b"child")
            return far.read()

        assert in_child(child) == "b'child'"
        near.write(b"parent")
        assert thread.result() == b"parent"


@in_run
def test_a_connection_that_a_goroutine_of_another_thread_was_reading_can_be_closed() -> None:
    with connected() as (near, far):
        thread = OtherThread(far.read)

        def child() -> str:
            number = far.fileno()
            far.close()
            try:
                os.fstat(number)
            except OSError:
                return everything()
            return "still open"

        assert in_child(child) == "'all well'"
        near.write(b"parent")
        assert thread.result() == b"parent"


@in_run
def test_a_connection_that_a_goroutine_of_another_thread_was_writing_can_be_written() -> None:
    with connected() as (near, far):
        size = 8 << 20
        thread = OtherThread(lambda: near.write(bytes(size)))

        def child() -> int:
            near.settimeout(5)
            writer = go(near.write, b"x")
            got = 0
            while not writer.done:
                got += len(far.read(1 << 20))
            return writer.join()

        assert in_child(child) == "1"
        far.close()
        with pytest.raises(ConnectionError):
            thread.result()


@in_run
def test_a_listener_on_which_another_thread_was_accepting_accepts() -> None:
    with net.listen("tcp", "127.0.0.1:0") as listener:
        thread = OtherThread(listener.accept)

        def child() -> bytes:
            listener.settimeout(5)
            with net.dial("tcp", str(listener.local_addr)) as near, listener.accept() as far:
                near.write(b"x")
                return far.read()

        assert in_child(child) == "b'x'"
        listener.close()
        with pytest.raises(ClosedError):
            thread.result()


@in_run
def test_the_child_can_wait_for_a_polldesc_that_another_goroutine_waited_for() -> None:
    one, two = socket.socketpair()
    one.setblocking(False)
    with one, two, lowlevel.PollDesc(one.fileno()) as pd:
        waiter = parked(go(pd.wait_readable))

        def child() -> bytes:
            two.send(b"x")
            pd.wait_readable(5)
            return one.recv(10)

        assert in_child(child) == "b'x'"
        two.send(b"y")
        waiter.join(5)

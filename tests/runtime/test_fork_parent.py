"""fork: the parent does not notice, and goes on with all that it had."""

import os
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from netpoll import blocking, current, go, lowlevel, net, sleep
from netpoll._runtime.threads import BlockingPool
from tests.running import in_run, pair, parked, says
from tests.runtime.children import Child, everything, in_child, no_warning

pytestmark = no_warning


@contextmanager
def echo_service(connections: int) -> Iterator[list[net.Conn]]:
    """Serve echo to that many connections, each with a goroutine parked in read."""

    def echo(conn: net.Conn) -> None:
        with conn:
            while data := conn.read():
                conn.write(data)

    with net.listen("tcp", "127.0.0.1:0") as listener:
        conns: list[net.Conn] = []
        serving = []
        for _ in range(connections):
            conns.append(net.dial("tcp", str(listener.local_addr)))
            serving.append(parked(go(echo, listener.accept())))
        try:
            yield conns
        finally:
            for conn in conns:
                conn.close()
            for each in serving:
                each.join()


def assert_echoes(conns: list[net.Conn]) -> None:
    for conn in conns:
        conn.write(b"hello")
        assert conn.read(5) == b"hello"


@in_run
def test_the_parent_goes_on_serving() -> None:
    with echo_service(20) as conns:
        assert_echoes(conns)
        for fork in (in_child, lambda fn: go(in_child, fn).join()):
            assert fork(everything) == "'all well'"
            assert_echoes(conns)


@in_run
def test_a_child_that_closes_the_parent_s_connections_does_not_disturb_it() -> None:
    with echo_service(5) as conns:

        def child() -> None:
            for conn in conns:
                conn.close()

        assert in_child(child) == "None"
        assert_echoes(conns)


@in_run
def test_a_child_may_use_a_connection_of_the_parent() -> None:
    with pair() as (one, two):
        reader = parked(go(one.read_bytes, 10))

        def child() -> bytes:
            two.write(b"from the child")
            return b"written"

        assert in_child(child) == "b'written'"
        assert reader.join() == b"from the "[:10] + b"c"
        assert in_child(lambda: two.write(b"x")) == "1"
        # Parked there, on a descriptor that the parent's poller knows as well.
        assert one.read_bytes(100) == b"hildx"

        def read_in_child() -> bytes:
            go(two.write, b"y")
            return one.read_bytes(10)

        assert in_child(read_in_child) == "b'y'"
        reader = parked(go(one.read_bytes, 10))
        two.write(b"z")
        assert reader.join() == b"z"


@in_run
def test_a_child_that_lives_on_does_not_take_the_parent_s_events() -> None:
    with pair() as (one, two), pair() as (stay, leave):

        def child() -> bytes:
            parked(go(sleep, 60))
            return stay.read_bytes(1)

        living = Child(child)
        for _ in range(50):
            reader = parked(go(one.read_bytes, 1))
            two.write(b"x")
            assert reader.join() == b"x"
        leave.write(b"!")
        assert living.says() == "b'!'"


@in_run
def test_the_parent_still_hears_other_threads() -> None:
    sleep(0.0001)
    for _ in range(3):
        in_child(everything)
        waiter = parked(go(lowlevel.park))
        blocking(lowlevel.ready, waiter)
        waiter.join()


@in_run
def test_the_parent_still_hears_signals() -> None:
    main = current()
    before = signal.signal(signal.SIGUSR1, lambda *_: lowlevel.ready(main))
    try:
        sleep(0.0001)
        in_child(everything)
        go(in_child, everything).join()

        def interrupt() -> None:
            while not main.state.startswith("waiting"):
                pass
            # To this thread: only the wake-up descriptor breaks the poll of the other then.
            signal.pthread_kill(threading.get_ident(), signal.SIGUSR1)

        caller = threading.Thread(target=interrupt)
        caller.start()
        assert lowlevel.park(5) is True
        caller.join()
    finally:
        signal.signal(signal.SIGUSR1, before)


@in_run
def test_calls_on_threads_survive_a_fork_on_both_sides() -> None:
    reading, writing = os.pipe()
    waiting = parked(go(blocking, os.read, reading, 1))
    assert in_child(lambda: [blocking(lambda: 2) for _ in range(3)]) == "[2, 2, 2]"
    os.write(writing, b"x")
    assert waiting.join() == b"x"
    os.close(reading)
    os.close(writing)


@in_run
def test_every_pool_of_threads_survives_a_fork_on_both_sides() -> None:
    reading, writing = os.pipe()
    pools = [BlockingPool(1, idle_timeout=0.01) for _ in range(3)]
    waiting = [parked(go(pool.call, os.read, reading, 1)) for pool in pools]
    for _ in range(2):
        # Their only threads are busy in the parent, and there are none of them in the child.
        assert in_child(lambda: [pool.call(lambda: 2) for pool in pools]) == "[2, 2, 2]"
    os.write(writing, b"xyz")
    assert sorted(one.join() for one in waiting) == [b"x", b"y", b"z"]
    os.close(reading)
    os.close(writing)


@pytest.mark.skipif(sys.version_info >= (3, 14), reason="CPython's join of such a thread hangs")
def test_a_thread_whose_call_has_forked_is_none_of_the_childs_pool() -> None:
    said = says("""
        import os, threading, warnings
        from netpoll import blocking, run
        from netpoll._runtime import threads

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork where there are threads
        reading, writing = os.pipe()

        def fork():
            pid = os.fork()
            if pid:
                return os.waitpid(pid, 0)[1]
            threading.Thread(target=after, args=(threading.current_thread(),)).start()

        def after(thread):
            thread.join()  # its call is over, and it has looked for another one
            pool = threads._pool
            counts = pool.threads, pool.idle, blocking(lambda: 1)
            os.write(writing, repr(counts).encode())
            os._exit(4)

        status = run(blocking, fork)
        print(os.waitstatus_to_exitcode(status), os.read(reading, 100).decode())
    """)
    assert said == "4 (0, 0, 1)\n"


@in_run
def test_deadlines_hold_on_both_sides() -> None:
    with pair() as (one, _):
        one.settimeout(0.005)
        assert "DeadlineExceeded" in in_child(lambda: one.read_bytes(1))
        with pytest.raises(TimeoutError):
            one.read_bytes(1)

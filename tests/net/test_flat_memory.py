"""What a connection takes is given back, however it ends: nothing grows from one to the next."""

import errno
import gc
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import pytest

from netpoll import DeadlineExceeded, GoroutineCancelled, go, net
from netpoll._runtime.scheduler import attached_scheduler
from tests import udp
from tests.kernel import answering
from tests.net.ends import forgiving_echo, read_exactly, refusing, reset, serving, silent
from tests.running import in_run, open_descriptors, parked

ROUNDS = 400
SLACK = 50
"""Objects that may be more for reasons of the interpreter's own; a leak has one of each round."""
PAGES = 128
"""Pages of memory that may be more: half a megabyte. A kilobyte a round would be as much."""

Round = Callable[[], None]


def resident() -> int:
    """Return how many pages of memory this process has."""
    return int(Path("/proc/self/statm").read_text(encoding="ascii").split()[1])


def check_flat(once: Round) -> None:
    """Fail if what the process holds grows with the number of rounds."""

    def rounds() -> tuple[int, int, int, int]:
        for _ in range(ROUNDS):
            once()
        gc.collect()
        scheduler = attached_scheduler()
        assert scheduler is not None
        objects, descriptors = len(gc.get_objects()), len(open_descriptors())
        return objects, descriptors, scheduler.armed_timers(), resident()

    rounds()  # what is made once and kept
    before = rounds()
    after = rounds()
    assert after[0] - before[0] < SLACK
    assert after[1:3] == before[1:3]
    assert after[3] - before[3] < PAGES


@in_run
def test_of_connections_that_were_served() -> None:
    with serving(forgiving_echo) as listener:
        address = str(listener.local_addr)

        def once() -> None:
            with net.dial("tcp", address) as conn:
                conn.write(b"hello")
                assert read_exactly(conn, 5) == b"hello"

        check_flat(once)


@in_run
def test_of_connections_that_were_reset() -> None:
    with serving(forgiving_echo) as listener:
        address = str(listener.local_addr)

        def once() -> None:
            conn = net.dial("tcp", address)
            conn.write(b"hello")
            reset(conn)

        check_flat(once)


@in_run
def test_of_handlers_that_raised() -> None:
    def fail(conn: net.TCPConn) -> None:
        with conn:
            raise ZeroDivisionError

    def once() -> None:
        with net.dial("tcp", address) as conn:
            handler = go(fail, listener.accept())
            assert conn.read() == b""
            with pytest.raises(ZeroDivisionError):
                handler.join()

    with net.listen("tcp", "127.0.0.1:0") as listener:
        address = str(listener.local_addr)
        check_flat(once)


@in_run
def test_of_dials_that_failed() -> None:
    nobody = refusing()

    def once() -> None:
        with pytest.raises(ConnectionRefusedError):
            net.dial("tcp", nobody)
        with answering(socket=lambda *_: -errno.EMFILE), pytest.raises(OSError, match="many open"):
            net.dial("tcp", nobody)

    check_flat(once)


@in_run
def test_of_dials_that_took_too_long() -> None:
    with silent() as address:

        def once() -> None:
            with pytest.raises(DeadlineExceeded):
                net.dial("tcp", address, timeout=1e-5)

        check_flat(once)


@in_run
def test_of_reads_that_ended_otherwise() -> None:
    with serving(forgiving_echo) as listener, net.dial("tcp", str(listener.local_addr)) as conn:

        def once() -> None:
            conn.settimeout(1e-5)
            with suppress(DeadlineExceeded):
                conn.read()
            conn.settimeout(None)
            reader = parked(go(conn.read))
            reader.cancel()
            with pytest.raises(GoroutineCancelled):
                reader.join()

        check_flat(once)


@in_run
def test_of_datagrams_and_their_errors() -> None:
    def once() -> None:
        with udp.listen() as here, udp.listen() as there:
            here.write_to(b"x", there.local_addr)
            assert there.read_from() == (b"x", here.local_addr)
            with pytest.raises(OSError, match="missing port"):
                here.write_to(b"x", "nowhere")

    check_flat(once)

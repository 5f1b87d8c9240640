"""Without run: the first call that parks makes a thread a scheduler's thread."""

import signal
import socket
import threading

import pytest

from netpoll import DeadlineExceeded, current, go, gosched, net, sleep
from netpoll._runtime.scheduler import attached_scheduler
from tests.running import on_thread, open_descriptors, pair, parked, says, script


def test_a_goroutine_may_be_started_and_joined_at_the_top_level() -> None:
    assert go(lambda: 1).join() == 1


def test_go_alone_makes_a_scheduler() -> None:
    assert attached_scheduler() is None
    goroutine = go(lambda: 1)
    assert attached_scheduler() is not None
    assert goroutine.join() == 1


def test_importing_makes_no_scheduler() -> None:
    assert on_thread(attached_scheduler) is None


def test_a_thread_may_start_and_join_goroutines() -> None:
    assert on_thread(lambda: go(lambda: 1).join()) == 1


def test_sleep_and_gosched_work_alone() -> None:
    sleep(0.001)
    gosched()
    assert current().name == "main"


def test_connections_work_alone() -> None:
    with (
        net.listen("tcp", "127.0.0.1:0") as listener,
        net.dial("tcp", str(listener.local_addr)) as conn,
        listener.accept() as accepted,
    ):
        conn.write(b"x")
        assert accepted.read(1) == b"x"
        accepted.settimeout(0.001)
        with pytest.raises(DeadlineExceeded):
            accepted.read(1)


def test_goroutines_go_on_whenever_main_parks() -> None:
    seen: list[int] = []

    def work() -> None:
        for i in range(3):
            seen.append(i)
            gosched()

    goroutine = go(work)
    for i in range(3):
        assert len(seen) == i
        gosched()
    goroutine.join()


def test_what_was_parked_with_its_thread_ends_with_it() -> None:
    seen: list[str] = []

    def work() -> None:
        try:
            sleep(60)
        finally:
            seen.append("ended")

    on_thread(lambda: parked(go(work)))
    assert seen == ["ended"]


def test_a_thread_gives_everything_back() -> None:
    before = open_descriptors()
    for _ in range(10):
        on_thread(sleep, 0.001)
        assert open_descriptors() == before


def test_the_handler_of_ctrl_c_is_there_while_there_is_a_scheduler() -> None:
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    gosched()
    assert signal.getsignal(signal.SIGINT) is not signal.default_int_handler


def test_threads_without_a_scheduler_cost_nothing() -> None:
    with pair() as (one, _), pytest.raises(TypeError):
        one.write("not bytes")  # type: ignore[arg-type]
    assert threading.active_count() >= 1


def test_a_read_that_need_not_wait_needs_no_poller() -> None:
    before = open_descriptors()
    ours, theirs = socket.socketpair()
    with ours, theirs, pair() as (one, two):
        two.write(b"x")
        assert one.read_bytes(1) == b"x"
        assert len(open_descriptors()) == len(before) + 4


# ---- as at the prompt


def test_statements_at_the_prompt_share_one_scheduler() -> None:
    lines = """\
    from netpoll import *
    import netpoll
    from netpoll import go, sleep, net
    g = go(lambda: (sleep(0.001), "slept")[1])
    print(g.state)
    g.join()
    listener = net.listen("tcp", "127.0.0.1:0")
    serving = go(lambda: [conn.write(conn.read()) for conn in listener])
    conn = net.dial("tcp", str(listener.local_addr))
    _ = conn.write(b"hello")
    conn.read()
    conn.close(); listener.close()
    """
    program = f"""
        import code, sys
        prompt = code.InteractiveConsole()
        for line in {lines!r}.splitlines():
            prompt.push(line.strip())
    """
    done = script(program)
    assert done.stdout.split() == ["new", "'slept'", "b'hello'"]


def test_a_program_may_end_with_goroutines_that_never_ran() -> None:
    assert says("import netpoll; netpoll.go(print, 'never')") == ""

"""no_leaks: what is left behind is named, and what ends in time is not."""

import os
import socket
import threading

import pytest

from netpoll import blocking, go, gosched, lowlevel, net, run, shield, sleep
from netpoll._runtime.alarm import Alarm
from netpoll.testing import no_leaks, virtual_clock
from tests.running import in_run, open_descriptors, parked
from tests.testing.ends import over_tcp


@in_run
def test_a_block_that_leaves_nothing_is_fine() -> None:
    with no_leaks():
        go(sleep, 0.001).join()
        with net.listen("tcp", "127.0.0.1:0") as listener:
            net.dial("tcp", listener.local_addr).close()
        with over_tcp() as (first, second), over_tcp() as (third, fourth):
            first.write(b"spliced")
            first.close_write()
            assert net.copy(third, second) == 7
            assert fourth.read(10) == b"spliced"
        assert blocking(int) == 0
        Alarm(3600, gosched).stop()


@in_run
def test_a_goroutine_is_named_with_its_origin_and_stack() -> None:
    def worker() -> None:
        lowlevel.park()

    with pytest.raises(AssertionError, match="left behind") as caught, no_leaks():
        left = go(worker)
    text = str(caught.value)
    assert text.count("waiting: park") == 1
    assert left.name in text
    assert f"started at {__file__}" in text
    assert "in worker\n    lowlevel.park()" in text
    left.cancel()


@in_run
def test_one_that_was_there_before_is_not_its_business() -> None:
    before = parked(go(lowlevel.park))
    with no_leaks():
        pass
    before.cancel()


@in_run
def test_one_that_was_cancelled_gets_to_its_end() -> None:
    def slow_to_end() -> None:
        try:
            lowlevel.park()
        finally:
            with shield():
                for _ in range(50):
                    gosched()

    with no_leaks():
        parked(go(slow_to_end)).cancel()


@in_run
def test_one_whose_connection_was_closed_gets_to_its_end() -> None:
    def drain(conn: net.Conn) -> None:
        with conn:
            while conn.read(100):
                pass

    with no_leaks(), net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial("tcp", listener.local_addr)
        go(drain, listener.accept())
        near.close()


@in_run
def test_one_that_sleeps_is_left_behind_however_short() -> None:
    with virtual_clock() as clock:
        with pytest.raises(AssertionError, match="waiting: sleep"), no_leaks():
            sleeper = go(sleep, 0.001)
        assert clock.elapsed == 0
        sleeper.cancel()


@in_run
def test_one_that_never_parks_is_found_too() -> None:
    def spin() -> None:
        while not ends:
            gosched()

    ends: list[bool] = []
    with pytest.raises(AssertionError, match="spin"), no_leaks():
        spinner = go(spin)
    ends.append(True)
    spinner.join()


@in_run
def test_a_descriptor_is_named() -> None:
    with pytest.raises(AssertionError, match=r"descriptor \d+: socket:") as caught, no_leaks():
        left = socket.socket()
    assert f"descriptor {left.fileno()}:" in str(caught.value)
    left.close()


@in_run
def test_a_number_that_is_of_another_file_now_is_left_behind() -> None:
    number = os.open("/dev/null", os.O_RDONLY)
    with pytest.raises(AssertionError, match=f"descriptor {number}: /dev/zero"), no_leaks():
        os.close(number)
        assert os.open("/dev/zero", os.O_RDONLY) == number
    os.close(number)


@in_run
def test_a_thread_is_named_with_its_stack() -> None:
    told = threading.Event()

    def work() -> None:
        told.wait(20)

    thread = threading.Thread(target=work, name="stays")
    with pytest.raises(AssertionError, match="thread stays") as caught, no_leaks():
        thread.start()
    assert "in work\n    told.wait(20)" in str(caught.value)
    told.set()
    thread.join()


@in_run
def test_a_thread_that_is_about_to_end_is_waited_for() -> None:
    with no_leaks():
        threading.Timer(0.05, int).start()


@in_run
def test_an_alarm_is_named() -> None:
    named = r"alarm: gosched-\d+ \(started at .*test_leaks.py"
    with pytest.raises(AssertionError, match=named), no_leaks():
        alarm = Alarm(3600, gosched)
    alarm.stop()


@in_run
def test_the_failure_of_the_block_is_the_one_that_is_heard() -> None:
    with pytest.raises(ZeroDivisionError), no_leaks():
        left = go(lowlevel.park)
        raise ZeroDivisionError
    left.cancel()


def test_around_a_run_it_looks_for_what_outlives_it() -> None:
    with no_leaks():
        run(lambda: parked(go(sleep, 3600)).done)
    number = -1
    with pytest.raises(AssertionError, match="descriptor"), no_leaks():
        number = run(lambda: os.open("/dev/null", os.O_RDONLY))
    os.close(number)


def test_without_a_run_it_leaves_no_scheduler_itself() -> None:
    before = open_descriptors()
    with no_leaks():
        sleep(0.001)
    assert open_descriptors() == before


def test_goroutines_of_no_run_are_found() -> None:
    with pytest.raises(AssertionError, match="waiting: park"), no_leaks():
        left = go(lowlevel.park)
    left.cancel()
    gosched()


@no_leaks()
def test_it_is_a_decorator() -> None:
    run(gosched)

"""A signal handler that raises while a process is started or talked to."""

import os
import sys
from collections.abc import Iterator
from contextlib import suppress
from time import monotonic, sleep
from typing import Any

import pytest

import netpoll
import netpoll.process
from netpoll.process import PIPE, Popen
from tests.broken_off import Alarm, raises_at, steps_of
from tests.process.commands import CAT, SLEEP
from tests.running import in_run, open_descriptors, says

PACKAGE = netpoll.process.__file__.rpartition("/")[0]
SOON = 10.0


def no_child_is_left() -> bool:
    """Wait for what threads reap; True once there is no child at all."""
    end = monotonic() + SOON
    while monotonic() < end:
        try:
            os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT | os.WNOHANG)
        except ChildProcessError:
            return True
        sleep(1e-3)
    return False


@pytest.fixture(autouse=True)
def _only_alarms_come_up_in_finalizers(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Pass over the alarms that finalizers are broken off by; nothing else may go wrong there."""
    told: list[type[BaseException]] = []
    monkeypatch.setattr(sys, "unraisablehook", lambda unraisable: told.append(unraisable.exc_type))
    yield
    assert {*told} <= {Alarm}


@in_run
def test_a_start_broken_off_at_any_step_leaves_no_process_and_no_descriptor() -> None:
    made: list[Popen[bytes]] = []

    def start() -> None:
        made.append(Popen(SLEEP, stdin=PIPE, stdout=PIPE))

    def end() -> None:
        while made:
            with made.pop() as child:
                child.kill()

    start()
    end()
    netpoll.sleep(1e-3)  # the poller has its descriptors from now on
    before = open_descriptors()
    steps = 0
    for _ in steps_of(start, PACKAGE):
        steps += 1
        end()
        assert no_child_is_left(), steps
        assert open_descriptors() == before, steps
    end()  # the last time it was not broken off
    assert steps > 40


@in_run
def test_a_talk_broken_off_at_any_step_is_gone_on_with() -> None:
    data = os.urandom(200_000)  # more than the pipe holds
    step, broken_off = 0, True
    while broken_off:
        step += 1
        with Popen(CAT, stdin=PIPE, stdout=PIPE) as child:
            said: list[Any] = []

            def talk(child: Popen[bytes] = child, said: list[Any] = said) -> None:
                said.append(child.communicate(data))

            broken_off = raises_at(step, talk, PACKAGE)
            if broken_off and not said:
                with suppress(ValueError):  # it has the data
                    said.append(child.communicate(data))
                if not said:
                    said.append(child.communicate())
            assert said[0][0] == data, step
    assert step > 40


def test_ctrl_c_at_any_moment_loses_and_repeats_nothing() -> None:
    said = says(
        """
        import os, random, signal, threading, time
        from netpoll import process, run

        DATA = os.urandom(1 << 20)
        armed, ended = threading.Semaphore(0), False

        def interrupt():
            while True:
                armed.acquire()
                if ended:
                    return
                time.sleep(random.random() * 4e-3)
                os.kill(os.getpid(), signal.SIGINT)

        def interrupted(fn):
            # Calls fn, in which a KeyboardInterrupt may come up; in any case one has after this.
            outcome = None
            try:
                armed.release()
                outcome = fn()
                for _ in range(6000):   # a signal just before a sleep does not end it
                    time.sleep(0.01)
            except KeyboardInterrupt:
                return outcome

        def talk(child):
            output, broken_off = None, 0
            while output is None:
                given = DATA if child._exchange is None else None
                output = interrupted(lambda: child.communicate(given)[0])
                broken_off += output is None
            assert output == DATA
            return broken_off

        def main():
            broken_off = 0
            for _ in range(100):
                with process.Popen(["cat"], stdin=-1, stdout=-1) as child:
                    broken_off += talk(child)
            return broken_off

        thread = threading.Thread(target=interrupt)
        thread.start()
        print(run(main) > 20)
        ended = True
        armed.release()
        """
    )
    assert said == "True\n"

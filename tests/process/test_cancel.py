"""A goroutine that is cancelled, or whose time is over, while it has to do with a process."""

import os
import signal
from collections.abc import Callable
from contextlib import suppress
from time import monotonic
from typing import Any

import pytest

from netpoll import Cancelled, GoroutineCancelled, ScopeTimeout, go, process, sleep, timeout
from netpoll.process import PIPE, Popen
from tests.process.commands import CAT, DEAF, SLEEP
from tests.running import in_run, open_descriptors, parked, says

MUCH = 4 << 20
SOON = 5.0

RUNS: dict[str, Callable[[], object]] = {
    "wait": lambda: process.run(SLEEP),
    "feed": lambda: process.run(SLEEP, input=bytes(MUCH)),
    "drain": lambda: process.run(SLEEP, stdout=PIPE),
    "all": lambda: process.run(SLEEP, input=bytes(MUCH), capture_output=True),
    "busy": lambda: process.run(["yes"], capture_output=True),
    "ends": lambda: process.run(CAT, input=bytes(MUCH), capture_output=True),
    "deaf": lambda: process.run(DEAF, stdout=PIPE),
}


def alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


@pytest.mark.parametrize("run", RUNS.values(), ids=RUNS)
@in_run
def test_a_run_that_is_cancelled_kills_and_reaps(run: Callable[[], object]) -> None:
    sleep(1e-3)  # the poller has its descriptors from now on
    before = open_descriptors().keys()
    for moment in range(12):
        goroutine = go(run)
        sleep(0.0007 * moment * moment)
        begin = monotonic()
        goroutine.cancel()
        with suppress(GoroutineCancelled):
            goroutine.join(SOON)
        assert monotonic() - begin < SOON
        assert open_descriptors().keys() == before, moment
        with pytest.raises(ChildProcessError):
            os.waitpid(-1, os.WNOHANG)


@pytest.mark.parametrize("run", [run for name, run in RUNS.items() if name != "ends"])
@in_run
def test_a_run_in_a_block_whose_time_is_over_ends_with_it(run: Callable[[], object]) -> None:
    with pytest.raises(ScopeTimeout), timeout(0.05):
        run()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


@in_run
def test_a_wait_that_is_cancelled_ends_alone() -> None:
    with Popen(SLEEP) as child:
        waiting = parked(go(child.wait))
        other = parked(go(child.wait))
        waiting.cancel()
        with pytest.raises(GoroutineCancelled):
            waiting.join(SOON)
        assert child.poll() is None
        child.kill()
        assert other.join(SOON) == -9


@in_run
def test_a_block_that_is_cancelled_kills_what_it_has_started() -> None:
    pids: list[int] = []

    def block() -> None:
        with Popen(SLEEP) as child:
            pids.append(child.pid)
            sleep(3600)

    goroutine = parked(go(block))
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join(SOON)
    assert not alive(pids[0])


@in_run
def test_an_end_that_comes_with_the_cancellation_is_not_lost() -> None:
    for _ in range(50):
        with Popen(CAT, stdin=PIPE) as child:
            waiting = parked(go(child.wait))
            assert child.stdin is not None
            child.stdin.close()
            os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
            waiting.cancel()
            outcome: Any = None
            with suppress(GoroutineCancelled):
                outcome = waiting.join(SOON)
            assert outcome in {None, 0}
            assert child.wait(SOON) == 0


@in_run
def test_a_run_inside_a_cancelled_goroutine_does_not_outlive_its_first_park() -> None:
    outcomes: list[str] = []

    def cleaning_up() -> None:
        try:
            sleep(3600)
        finally:
            try:
                process.run(SLEEP)
            except Cancelled:
                outcomes.append("cancelled")
                raise

    goroutine = parked(go(cleaning_up))
    goroutine.cancel()
    with pytest.raises(GoroutineCancelled):
        goroutine.join(SOON)
    assert outcomes == ["cancelled"]


@pytest.mark.parametrize(
    ("command", "code"),
    [(["sh", "-c", "echo; exec sleep 3600"], -signal.SIGINT), (DEAF, -signal.SIGKILL)],
)
def test_after_a_ctrl_c_it_has_a_moment_to_end_by_itself(command: list[str], code: int) -> None:
    said = says(
        """
        import os, signal, sys
        from netpoll import go, process, run, sleep

        def interrupt(child):
            child.stdout.read(1)
            os.kill(child.pid, signal.SIGINT)   # as a terminal does to all of its group
            os.kill(os.getpid(), signal.SIGINT)

        def main():
            child = None
            try:
                with process.Popen(sys.argv[1:], stdout=-1) as child:
                    go(interrupt, child)
                    child.wait()
            except KeyboardInterrupt:
                print(child.returncode)

        run(main)
        """,
        *command,
    )
    assert said == f"{code:d}\n"

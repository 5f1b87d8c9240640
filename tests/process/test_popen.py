"""Popen: a process to talk to, to wait for and to send signals to."""

import os
import signal
import subprocess
import threading
from time import monotonic

import pytest

import netpoll
from netpoll import File, go, process, sleep
from netpoll.process import PIPE, Popen
from tests.process.commands import CAT, SLEEP, python, talk
from tests.running import in_run, on_thread, parked
from tests.runtime.children import no_warning

SOON = 5.0


@in_run
def test_one_talks_to_it_through_files_that_park() -> None:
    with Popen(CAT, stdin=PIPE, stdout=PIPE) as cat:
        assert cat.stdin is not None
        assert cat.stdout is not None
        assert cat.stderr is None
        assert isinstance(cat.stdin, File)
        reading = parked(go(cat.stdout.read))
        cat.stdin.write(b"hello")
        assert reading.join() == b"hello"
        lines = cat.stdout.makefile("r")
        cat.stdin.write("zw\xf6lf\n".encode())
        assert lines.readline() == "zw\xf6lf\n"
        cat.stdin.close()
        assert cat.stdout.read() == b""
        assert cat.wait() == 0
    assert cat.stdin.closed
    assert cat.stdout.closed


@in_run
def test_wait_parks_until_it_has_ended() -> None:
    with Popen(CAT, stdin=PIPE) as cat:
        waiting = parked(go(cat.wait))
        assert cat.poll() is None
        assert cat.returncode is None
        assert cat.stdin is not None
        cat.stdin.close()
        assert waiting.join(SOON) == 0
        assert cat.returncode == cat.poll() == cat.wait() == 0


@in_run
def test_any_number_may_wait_and_each_hears_of_it() -> None:
    with Popen(SLEEP) as child:
        waiting = [parked(go(child.wait)) for _ in range(10)]
        child.terminate()
        assert [goroutine.join(SOON) for goroutine in waiting] == [-15] * 10


@in_run
def test_those_who_wait_may_be_of_several_threads() -> None:
    with Popen(SLEEP) as child:
        here = parked(go(child.wait))
        codes: list[int] = []
        threads = [
            threading.Thread(target=lambda: codes.append(child.wait(SOON))) for _ in range(4)
        ]
        for thread in threads:
            thread.start()
        sleep(0.02)
        child.kill()
        assert here.join(SOON) == -9
        for thread in threads:
            netpoll.blocking(thread.join)
        assert codes == [-9] * 4


@in_run
def test_a_code_is_lost_by_nobody_however_many_threads_look_for_it() -> None:
    for _ in range(30):
        with Popen(["sh", "-c", "exit 3"]) as child:

            def look(child: Popen[bytes] = child) -> int:
                while (code := child.poll()) is None:
                    pass
                return code

            threads = [go(netpoll.blocking, look) for _ in range(4)]
            waiting = go(child.wait)
            assert {goroutine.join(SOON) for goroutine in [*threads, waiting]} == {3}


@in_run
def test_a_wait_is_over_after_its_time_and_the_process_goes_on() -> None:
    with Popen(SLEEP) as child:
        begin = monotonic()
        with pytest.raises(process.TimeoutExpired) as caught:
            child.wait(0.05)
        assert 0.05 <= monotonic() - begin < SOON
        assert (caught.value.cmd, caught.value.timeout) == (SLEEP, 0.05)
        for timeout in (0, -1):
            with pytest.raises(process.TimeoutExpired):
                child.wait(timeout)
        assert child.poll() is None
        child.kill()
        assert child.wait(SOON) == -9
        assert child.wait(0) == -9


@in_run
def test_waits_with_different_limits_do_not_disturb_one_another() -> None:
    with Popen(SLEEP) as child:
        long = parked(go(child.wait, 60))
        with pytest.raises(process.TimeoutExpired):
            child.wait(0.01)
        assert not long.done
        child.kill()
        assert long.join(SOON) == -9


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGUSR1])
@in_run
def test_the_exit_code_of_one_that_a_signal_ended_is_negative(number: int) -> None:
    with Popen(SLEEP) as child:
        child.send_signal(number)
        assert child.wait(SOON) == -number


@in_run
def test_a_signal_for_one_that_has_ended_goes_nowhere() -> None:
    with Popen(["true"]) as child:
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        child.kill()  # a zombie
        assert child.wait() == 0
        child.kill()
        child.send_signal(0)
        assert child.returncode == 0


@in_run
def test_one_that_is_stopped_has_not_ended() -> None:
    with Popen(SLEEP) as child:
        child.send_signal(signal.SIGSTOP)
        os.waitid(os.P_PID, child.pid, os.WSTOPPED)
        assert child.poll() is None
        child.send_signal(signal.SIGCONT)
        child.kill()
        assert child.wait(SOON) == -9


@in_run
def test_a_process_may_read_what_another_writes() -> None:
    with (
        Popen(["sh", "-c", "printf 'b\\na\\n'"], stdout=PIPE) as first,
        Popen(["sort"], stdin=first.stdout, stdout=PIPE) as second,
    ):
        assert first.stdout is not None
        first.stdout.close()
        assert talk(second) == (b"a\nb\n", None)


@in_run
def test_the_first_of_a_pipeline_hears_that_the_second_has_ended() -> None:
    with (
        Popen(["yes"], stdout=PIPE) as first,
        Popen(["head", "-n", "1"], stdin=first.stdout, stdout=PIPE) as second,
    ):
        assert first.stdout is not None
        first.stdout.close()
        assert talk(second, timeout=SOON) == (b"y\n", None)
        assert first.wait(SOON) == -signal.SIGPIPE


@in_run
def test_leaving_the_block_closes_the_pipes_and_waits() -> None:
    with Popen(python("import sys; sys.stdin.read(); sys.exit(5)"), stdin=PIPE) as child:
        pass
    assert child.returncode == 5


@in_run
def test_an_error_in_the_block_is_raised_after_the_end() -> None:
    with pytest.raises(ZeroDivisionError), Popen(CAT, stdin=PIPE) as child:
        raise ZeroDivisionError
    assert child.returncode == 0


def test_without_a_run_and_on_any_thread() -> None:
    def use() -> int:
        with Popen(["sh", "-c", "exit 9"]) as child:
            return child.wait()

    assert use() == 9
    assert on_thread(use) == 9


@in_run
def test_it_looks_like_a_popen() -> None:
    with Popen(["true"]) as child:
        assert repr(child) == "<Popen: returncode: None args: ['true']>"
        child.wait()
        assert repr(child) == "<Popen: returncode: 0 args: ['true']>"
        assert child.args == ["true"]
        assert child.pid > 0
    with Popen(["echo", "x" * 100], stdout=process.DEVNULL) as child:
        assert len(repr(child)) == 80
    assert process.TimeoutExpired is subprocess.TimeoutExpired


@no_warning
@in_run
def test_a_function_may_run_in_the_child_before_the_program() -> None:
    done = process.run(["sh", "-c", "pwd"], stdout=PIPE, preexec_fn=lambda: os.chdir("/usr"))
    assert done.stdout == b"/usr\n"
    with pytest.raises(process.SubprocessError):
        process.run(["true"], preexec_fn=lambda: 1 / 0)


@in_run
def test_sessions_and_groups_are_made() -> None:
    with Popen(SLEEP, start_new_session=True) as child:
        assert os.getsid(child.pid) == child.pid
        child.kill()
    with Popen(SLEEP, process_group=0) as child:
        assert os.getpgid(child.pid) == child.pid
        child.kill()

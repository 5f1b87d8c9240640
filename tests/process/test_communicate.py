"""communicate: all three pipes at once, and gone on with after a timeout."""

import os

import pytest

from netpoll import GoroutineCancelled, go, process, sleep
from netpoll.process import PIPE, Popen
from tests.process.commands import CAT, DEAF, SLEEP, python, talk
from tests.running import in_run, parked

SOON = 20.0


@in_run
def test_it_returns_what_has_come_on_each_pipe() -> None:
    with Popen(["sh", "-c", "cat; echo err >&2"], stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
        assert talk(child, b"in") == (b"in", b"err\n")
        assert child.returncode == 0
        assert talk(child) == (b"in", b"err\n")
    with Popen(["true"]) as child:
        assert talk(child) == (None, None)


@in_run
def test_after_a_timeout_it_goes_on_and_nothing_is_lost() -> None:
    data = os.urandom(1 << 22)  # more than any pipe holds
    source = (
        "import sys, time\n"
        "for _ in range(1 << 6):\n"
        "    sys.stdout.buffer.write(sys.stdin.buffer.read(1 << 16)); time.sleep(0.002)"
    )
    with Popen(python(source), stdin=PIPE, stdout=PIPE) as child:
        expired = 0
        given: bytes | None = data
        while True:
            try:
                output, _ = child.communicate(given, timeout=0.005)
            except process.TimeoutExpired as error:
                expired += 1
                assert data.startswith(error.output or b"")
                given = None
            else:
                break
    assert output == data
    assert expired > 2


@in_run
def test_input_cannot_be_given_twice() -> None:
    with Popen(SLEEP, stdin=PIPE) as child:
        with pytest.raises(process.TimeoutExpired):
            child.communicate(b"x", timeout=0)
        with pytest.raises(ValueError, match="after starting"):
            child.communicate(b"y")
        child.kill()


@in_run
def test_input_needs_a_pipe() -> None:
    with Popen(["true"]) as child, pytest.raises(ValueError, match="stdin=PIPE"):
        child.communicate(b"x")


@in_run
def test_a_cancelled_one_loses_nothing_either() -> None:
    with Popen(DEAF, stdin=PIPE, stdout=PIPE, stderr=PIPE) as child:
        for _ in range(5):
            talking = parked(go(child.communicate))
            sleep(0.02)
            talking.cancel()
            with pytest.raises(GoroutineCancelled):
                talking.join(SOON)
        assert child.poll() is None
        child.kill()
        assert talk(child, timeout=SOON) == (b"\n", b"")


@in_run
def test_a_pipe_that_the_program_has_closed_is_left_out() -> None:
    with Popen(CAT, stdin=PIPE, stdout=PIPE) as child:
        assert child.stdin is not None
        child.stdin.write(b"x")
        child.stdin.close()
        assert talk(child) == (b"x", None)


@in_run
def test_text_is_decoded_and_ends_of_lines_made_plain() -> None:
    with Popen(CAT, stdin=PIPE, stdout=PIPE, encoding="utf-16-le") as child:
        assert talk(child, "x\r\ny") == ("x\ny", None)


@in_run
def test_an_input_that_is_no_data_is_told_before_anything_is_sent() -> None:
    with Popen(CAT, stdin=PIPE, stdout=PIPE) as child:
        with pytest.raises(TypeError):
            child.communicate("text")  # type: ignore[arg-type]
        assert talk(child, b"data") == (b"data", None)

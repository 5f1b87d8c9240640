"""process.run: what subprocess.run does, while the other goroutines go on."""

import os
import pickle
import subprocess
import sys
from pathlib import Path
from time import monotonic
from typing import Any

import pytest

from netpoll import go, process, sleep
from netpoll.process import DEVNULL, PIPE, STDOUT
from tests.process.commands import CAT, SLEEP, python
from tests.running import in_run

MUCH = 10 << 20


@in_run
def test_it_returns_the_exit_code_and_the_output() -> None:
    done = process.run(["sh", "-c", "echo out; echo err >&2; exit 3"], capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, b"out\n", b"err\n")


@pytest.mark.parametrize(
    "options",
    [
        {"args": ["true"]},
        {"args": ["false"]},
        {"args": ["sh", "-c", "kill -9 $$"]},
        {"args": ["sh", "-c", "kill -TERM $$"], "capture_output": True},
        {"args": "echo $0-$HOME; exit 7", "shell": True, "capture_output": True},
        {"args": CAT, "input": b"fed", "capture_output": True},
        {"args": CAT, "input": b"", "capture_output": True},
        {"args": CAT, "stdin": DEVNULL, "capture_output": True},
        {"args": CAT, "input": "b\xe4r\r\n\n", "stdout": PIPE, "encoding": "utf-8"},
        {"args": CAT, "input": "text", "stdout": PIPE, "text": True},
        {"args": ["printf", r"a\r\nb\rc\n"], "stdout": PIPE, "text": True},
        {"args": ["printf", r"\377"], "stdout": PIPE, "errors": "replace", "encoding": "ascii"},
        {"args": ["sh", "-c", "echo a; echo b >&2"], "stdout": PIPE, "stderr": STDOUT},
        {"args": ["sh", "-c", "echo a; echo b >&2"], "stdout": DEVNULL, "stderr": PIPE},
        {"args": ["sh", "-c", "echo a >&2"], "stderr": DEVNULL},
        {"args": ["pwd"], "cwd": "/", "stdout": PIPE},
        {"args": ["env"], "env": {"A": "b"}, "stdout": PIPE},
        {"args": ["name", "-c", "echo $0"], "executable": "/bin/sh", "stdout": PIPE},
        {"args": Path("/bin/true")},
        {"args": ["sh", "-c", "umask"], "umask": 0o27, "stdout": PIPE},
        {"args": CAT, "input": memoryview(b"view"), "stdout": PIPE},
        {"args": ["sh", "-c", "echo x"], "capture_output": True, "pipesize": 4096},
    ],
)
def test_it_does_what_subprocess_does(options: dict[str, Any]) -> None:
    @in_run
    def here() -> Any:
        return process.run(**options)

    expected: Any = subprocess.run(**options, check=False)
    done = here()
    assert vars(done) == vars(expected)
    assert type(done) is subprocess.CompletedProcess


@in_run
def test_check_raises_for_another_code_than_0() -> None:
    with pytest.raises(process.CalledProcessError) as caught:
        process.run(["sh", "-c", "echo out; exit 4"], stdout=PIPE, check=True)
    assert (caught.value.returncode, caught.value.output) == (4, b"out\n")
    assert process.run(["true"], check=True).returncode == 0


@in_run
def test_the_others_go_on_meanwhile() -> None:
    turns = 0

    def count() -> None:
        nonlocal turns
        while True:
            sleep(0.001)
            turns += 1

    counter = go(count)
    process.run(["sleep", "0.1"])
    counter.cancel()
    assert turns > 10


@in_run
def test_much_goes_both_ways_at_once() -> None:
    data = os.urandom(1 << 16) * (MUCH >> 16)
    assert process.run(CAT, input=data, stdout=PIPE).stdout == data


@in_run
def test_all_three_pipes_carry_much_at_once() -> None:
    source = (
        "import sys, threading\n"
        "def err(): sys.stderr.buffer.write(b'e' * (4 << 20))\n"
        "t = threading.Thread(target=err); t.start()\n"
        "sys.stdout.buffer.write(sys.stdin.buffer.read(1)); t.join()\n"
        "sys.stdout.buffer.write(sys.stdin.buffer.read())"
    )
    done = process.run(python(source), input=b"i" * MUCH, capture_output=True)
    assert done.stdout == b"i" * MUCH
    assert done.stderr == b"e" * (4 << 20)


@in_run
def test_a_child_that_reads_no_more_is_no_error() -> None:
    closes = python("import os, sys; os.close(0); sys.stdout.write('closed')")
    assert process.run(closes, input=bytes(MUCH), stdout=PIPE).stdout == b"closed"
    assert process.run(["true"], input=bytes(MUCH)).returncode == 0
    assert process.run(["head", "-c", "5"], input=b"0123456789" * 99999, stdout=PIPE).stdout == (
        b"01234"
    )


@in_run
def test_one_whose_time_is_over_is_killed_and_its_output_kept() -> None:
    begin = monotonic()
    with pytest.raises(process.TimeoutExpired) as caught:
        process.run(["sh", "-c", "echo begun; exec sleep 3600"], stdout=PIPE, timeout=0.2)
    assert 0.2 <= monotonic() - begin < 5
    assert (caught.value.timeout, caught.value.output) == (0.2, b"begun\n")
    assert caught.value.stderr is None
    assert caught.value.cmd == ["sh", "-c", "echo begun; exec sleep 3600"]


@pytest.mark.parametrize("timeout", [0, -1, 1e-9])
@in_run
def test_no_time_at_all_is_over_at_once(timeout: float) -> None:
    with pytest.raises(process.TimeoutExpired):
        process.run(SLEEP, timeout=timeout)


@in_run
def test_a_program_that_is_not_there_is_named_in_the_error() -> None:
    with pytest.raises(FileNotFoundError) as caught:
        process.run(["/no/such/program"], capture_output=True)
    assert caught.value.filename == "/no/such/program"
    with pytest.raises(FileNotFoundError) as caught:
        process.run(["true"], cwd="/no/such/directory", input=b"x")
    assert caught.value.filename == "/no/such/directory"
    with pytest.raises(PermissionError):
        process.run(["/etc/passwd"])


@in_run
def test_what_cannot_be_meant_is_an_error() -> None:
    with pytest.raises(ValueError, match="stdin and input"):
        process.run(CAT, stdin=PIPE, input=b"")
    with pytest.raises(ValueError, match="capture_output"):
        process.run(CAT, stdout=PIPE, capture_output=True)
    with pytest.raises(TypeError, match="unexpected keyword argument 'bufsize'"):
        process.run(CAT, bufsize=0)  # type: ignore[call-overload]
    with pytest.raises(TypeError, match="input is text"):
        process.run(CAT, input=b"x", text=True)
    with pytest.raises(TypeError):
        process.run(CAT, input="x")
    with pytest.raises(ValueError, match="STDOUT is for stderr"):
        process.run(CAT, stdin=STDOUT)
    with pytest.raises(ValueError, match="no descriptor"):
        process.run(CAT, stdin=-7)


@in_run
def test_200_run_at_once() -> None:
    script = python("import sys; sys.stdout.write(sys.stdin.read())")

    def one(number: int) -> bytes:
        return process.run(script, input=b"%d" % number, stdout=PIPE, timeout=60).stdout

    running = [go(one, number) for number in range(200)]
    assert [goroutine.join() for goroutine in running] == [b"%d" % n for n in range(200)]


def test_it_works_without_a_run_as_well() -> None:
    assert process.run(["echo", "x"], stdout=PIPE).stdout == b"x\n"


def test_the_result_can_be_pickled() -> None:
    done = process.run([sys.executable, "-c", ""], capture_output=True)
    assert vars(pickle.loads(pickle.dumps(done))) == vars(done)  # noqa: S301 - our own

"""run: a process from its start to its end, in one call.

Source: CPython Lib/subprocess.py run; go1.27 os/exec/exec.go (*Cmd).Run, CommandContext
"""

from __future__ import annotations

from subprocess import PIPE, CalledProcessError, CompletedProcess
from typing import TYPE_CHECKING, Any, Literal, overload

from netpoll.process.popen import Popen
from netpoll.process.spawn import Command, Options
from netpoll.process.streams import Stream

if TYPE_CHECKING:
    from typing import Unpack

    from typing_extensions import Buffer


@overload
def run(
    args: Command,
    *,
    stdin: Stream = None,
    input: str | None = None,
    stdout: Stream = None,
    stderr: Stream = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    text: Literal[True],
    encoding: str | None = None,
    errors: str | None = None,
    pipesize: int = -1,
    **options: Unpack[Options],
) -> CompletedProcess[str]: ...
@overload
def run(
    args: Command,
    *,
    stdin: Stream = None,
    input: str | None = None,
    stdout: Stream = None,
    stderr: Stream = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    text: bool | None = None,
    encoding: str,
    errors: str | None = None,
    pipesize: int = -1,
    **options: Unpack[Options],
) -> CompletedProcess[str]: ...
@overload
def run(
    args: Command,
    *,
    stdin: Stream = None,
    input: Buffer | None = None,
    stdout: Stream = None,
    stderr: Stream = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    text: Literal[False] | None = None,
    encoding: None = None,
    errors: None = None,
    pipesize: int = -1,
    **options: Unpack[Options],
) -> CompletedProcess[bytes]: ...
@overload
def run(
    args: Command,
    *,
    stdin: Stream = None,
    input: str | Buffer | None = None,
    stdout: Stream = None,
    stderr: Stream = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    text: bool | None = None,
    encoding: str | None = None,
    errors: str | None = None,
    pipesize: int = -1,
    **options: Unpack[Options],
) -> CompletedProcess[Any]: ...
def run(
    args: Command,
    *,
    stdin: Stream = None,
    input: str | Buffer | None = None,  # noqa: A002 - as in subprocess
    stdout: Stream = None,
    stderr: Stream = None,
    capture_output: bool = False,
    timeout: float | None = None,
    check: bool = False,
    **options: Any,
) -> CompletedProcess[Any]:
    """Run a process to its end and return its exit code, and its output if captured. Parks.

    As subprocess.run, whose arguments, result and exceptions these are: capture_output sends stdout
    and stderr into pipes, input goes to its stdin, check raises CalledProcessError for an exit
    code other than 0. TimeoutExpired after `timeout` seconds, with the output so far. A process
    whose goroutine is cancelled, whose time is over or whose run fails in another way is killed and
    reaped before the exception goes on; after a Ctrl-C it has 0.25 s to end by itself.
    """
    if input is not None:
        if stdin is not None:
            raise ValueError("stdin and input arguments may not both be used.")
        stdin = PIPE
    if capture_output:
        if stdout is not None or stderr is not None:
            raise ValueError("stdout and stderr arguments may not be used with capture_output.")
        stdout = stderr = PIPE
    process: Popen[Any]
    with Popen(args, stdin=stdin, stdout=stdout, stderr=stderr, **options) as process:
        try:
            out, err = process.communicate(input, timeout)
        except KeyboardInterrupt:
            raise  # the end of the block is polite
        except BaseException:
            process.kill()
            raise
    code = process.wait()
    if check and code:
        raise CalledProcessError(code, process.args, out, err)
    return CompletedProcess(process.args, code, out, err)

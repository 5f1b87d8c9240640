"""The server process of the demo."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import IO

_COMMAND = ("-m", "netpoll", "echo", "--listen", "127.0.0.1:0", "--until-eof")
_ANNOUNCEMENT = "listening on "
_PATIENCE = 5.0


class ServerError(OSError):
    """The server process ended before it listened."""


@dataclass(frozen=True, slots=True)
class Server:
    """An echo server; pid is None if somebody else has started it."""

    address: str
    pid: int | None


@contextmanager
def echo_server() -> Iterator[Server]:
    """Run `netpoll echo` as a process of its own, and end it with the block.

    It also ends when its standard input does, and to that the kernel sees even if this process is
    killed.
    """
    process = subprocess.Popen(
        [sys.executable, *_COMMAND],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        # A terminal sends Ctrl-C to each process of the foreground group. The server has to go on
        # until the client has its last answers.
        start_new_session=True,
    )
    try:
        yield Server(_address(process), process.pid)
    finally:
        _end(process)


def _address(process: "subprocess.Popen[str]") -> str:
    line = process.stdout.readline() if process.stdout else ""
    if line.startswith(_ANNOUNCEMENT):
        return line.removeprefix(_ANNOUNCEMENT).strip()
    status = process.wait(_PATIENCE)
    raise ServerError(f"the server process ended with status {status} before it listened")


def _end(process: "subprocess.Popen[str]") -> None:
    process.terminate()
    try:
        process.wait(_PATIENCE)
    except (subprocess.TimeoutExpired, KeyboardInterrupt):
        process.kill()
        process.wait()
    _close(process.stdin)
    _close(process.stdout)


def _close(pipe: IO[str] | None) -> None:
    if pipe is not None:
        pipe.close()

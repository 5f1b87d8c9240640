"""Programs under test: processes of their own, which end with the test whatever happens."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

PATIENCE = 20.0
NETPOLL = ("-m", "netpoll")


class Program:
    """A server that has said where it listens."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self.process = process
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("listening on "), process.communicate(timeout=PATIENCE)
        self.address = line.removeprefix("listening on ").strip()

    @property
    def port(self) -> int:
        return int(self.address.rpartition(":")[2])

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def end(self, number: int = signal.SIGINT) -> tuple[int, str]:
        """Send a signal and return the exit status and what stands on standard error."""
        self.process.send_signal(number)
        _, stderr = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, stderr


@contextmanager
def started(
    *command: str, prefix: Sequence[str] = (), stdin: int = subprocess.DEVNULL
) -> Iterator["subprocess.Popen[str]"]:
    """Start Python with these arguments, and kill it at the end if it still runs."""
    with subprocess.Popen(
        [*prefix, sys.executable, *command],
        stdin=stdin,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        try:
            yield process
        finally:
            process.kill()


@contextmanager
def serving(
    *command: str, prefix: Sequence[str] = (), stdin: int = subprocess.DEVNULL
) -> Iterator[Program]:
    """Start a server and wait until it listens."""
    with started(*command, prefix=prefix, stdin=stdin) as process:
        yield Program(process)


def finished(*command: str, prefix: Sequence[str] = ()) -> "subprocess.CompletedProcess[str]":
    """Run Python with these arguments until it ends."""
    return subprocess.run(
        [*prefix, sys.executable, *command],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )


def open_files(soft: int, hard: int) -> list[str]:
    """Return what to put before a command that is to have these limits of open files."""
    return ["sh", "-c", f'ulimit -Sn {soft} && ulimit -Hn {hard} && exec "$@"', "sh"]


def receive(conn: socket.socket, size: int) -> bytes:
    """Return so many bytes, or fewer if the stream ends before."""
    data = bytearray()
    while len(data) < size and (more := conn.recv(size - len(data))):
        data += more
    return bytes(data)


def receive_all(conn: socket.socket) -> bytes:
    """Return everything up to the end of the stream."""
    data = bytearray()
    while more := conn.recv(65536):
        data += more
    return bytes(data)


def reset(conn: socket.socket) -> None:
    """Close so that the other side gets a reset instead of an orderly end."""
    # struct linger: on, no seconds; see socket(7).
    conn.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
    conn.close()

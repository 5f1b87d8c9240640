"""The load of files wants all of a file, and nothing else."""

import socket
from contextlib import suppress
from pathlib import Path

import pytest

from benchmarks.driving import parse
from tests.benchmarks.loads import run

SIZE = 300_000
FILE = (bytes(range(256)) * (SIZE // 256 + 1))[:SIZE]


@pytest.mark.parametrize("options", ["", " --spin 1"])
def test_a_file_is_fetched_once_more_than_it_is_counted(load: Path, options: str) -> None:
    served: list[None] = []

    def serve(conn: socket.socket) -> None:
        served.append(None)
        conn.sendall(FILE)

    done = run(load, "file", serve, f"--size {SIZE} --requests 3{options}")
    assert (done.returncode, done.stderr) == (0, "")
    reading = parse(done.stdout)
    assert (reading.operations, reading.bytes, len(served)) == (3, 3 * SIZE, 4)


@pytest.mark.parametrize(
    ("content", "complaint"),
    [
        (FILE[:-1], "bytes came"),
        (FILE + bytes([SIZE % 256]), "of the file came"),
        (FILE[1:] + FILE[:1], "wrong bytes after"),
        (FILE[:200_000] + b"?" + FILE[200_001:], "wrong bytes after"),
        (b"", "bytes came"),
    ],
    ids=["short", "long", "shifted", "changed", "empty"],
)
def test_a_file_that_is_not_the_file_ends_the_run(
    load: Path, content: bytes, complaint: str
) -> None:
    done = run(load, "file", lambda conn: conn.sendall(content), f"--size {SIZE} --requests 1")
    assert done.returncode == 1
    assert complaint in done.stderr
    assert done.stdout == ""


def test_a_file_without_end_ends_the_run(load: Path) -> None:
    def serve(conn: socket.socket) -> None:
        with suppress(OSError):
            while True:
                conn.sendall(bytes(range(256)) * 1000)

    done = run(load, "file", serve, f"--size {SIZE} --requests 1")
    assert (done.returncode, done.stdout) == (1, "")
    assert "more than the 300000 bytes of the file came" in done.stderr

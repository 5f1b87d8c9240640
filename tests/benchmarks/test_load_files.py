"""The load of files wants all of a file, and nothing else."""

import socket
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
        (FILE + bytes([SIZE % 256]), "bytes came"),
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

"""SIGPIPE, left to its default action, ends no program that writes to who has gone."""

import pytest

from tests.running import says

PROGRAM = """
import os, signal, socket, tempfile
import netpoll
from netpoll import net

signal.signal(signal.SIGPIPE, signal.SIG_DFL)

def pair(kind):
    if kind == "pipe":
        reads, writes = map(netpoll.open_fd, os.pipe())
        reads.close()
        return writes
    if kind == "within":
        near, far = net.pipe()
    else:
        with net.listen("tcp", "127.0.0.1:0") as listener:
            near = net.dial("tcp", str(listener.local_addr))
            far = listener.accept()
            near.close_write()
    far.close()
    return near

def source():
    reads, writes = map(netpoll.open_fd, os.pipe())
    writes.write(b"data" * 100)
    writes.close()
    return reads

def call(op, end):
    file = tempfile.TemporaryFile()
    file.write(b"data" * 100)
    file.seek(0)
    if op == "write":
        end.write(b"x")
    elif op == "writev":
        end.writev([b"x", b"y"])
    elif op == "sendfile":
        end.sendfile(file)
    elif op == "copy of a file":
        net.copy(end, file)
    else:
        net.copy(end, source())

def main():
    end = pair(KIND)
    for _ in range(3):
        try:
            call(OP, end)
        except BrokenPipeError as error:
            print(type(error).__name__)
    end.close()
    print(signal.pthread_sigmask(signal.SIG_BLOCK, []), signal.sigpending())

netpoll.run(main)
print(signal.getsignal(signal.SIGPIPE) is signal.SIG_DFL)
"""


@pytest.mark.parametrize(
    ("kind", "op"),
    [
        (kind, op)
        for kind in ("tcp", "pipe", "within")
        for op in ("write", "writev", "sendfile", "copy of a file", "copy")
        if (kind, op) != ("pipe", "sendfile")  # a File has none
    ],
)
def test_writing_to_who_has_gone(kind: str, op: str) -> None:
    program = f"KIND, OP = {kind!r}, {op!r}\n{PROGRAM}".replace(
        "netpoll.run(main)", "import warnings; warnings.simplefilter('ignore')\nnetpoll.run(main)"
    )
    assert says(program) == "OpError\n" * 3 + "set() set()\nTrue\n"

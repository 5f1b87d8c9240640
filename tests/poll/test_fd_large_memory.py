"""Large reads without memory: what was taken from the kernel is returned, the rest is there later.

In programs of their own, whose address space is closed while a read takes place.
"""

import errno
from pathlib import Path

import pytest

from tests import tcp
from tests.kernel import answering, one_by_one
from tests.poll.test_fd_large import ASKED, room_of, send
from tests.program import finished
from tests.running import in_run

PROGRAM = """
import fcntl, resource, signal, socket, struct, sys, termios, time
from netpoll import net, run

USUAL, LARGE, ASKED = 400_000, 600_000, 8 << 20

def unread(fd):
    return struct.unpack("i", fcntl.ioctl(fd, termios.FIONREAD, bytes(4)))[0]

def mapped():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[0]) * resource.getpagesize()

def send(peer, conn, data):
    peer.sendall(data)
    while unread(conn.fileno()) < len(data):
        time.sleep(0.001)   # not netpoll's: nobody is to look at the poller

def read_all(conn, size):
    parts = []
    while sum(map(len, parts)) < size:
        parts.append(conn.read(ASKED))
    return b"".join(parts)

def main():
    signal.alarm(15)
    listener = net.listen("tcp", "127.0.0.1:0")
    peer = socket.create_connection(("127.0.0.1", listener.local_addr.port))
    conn = listener.accept()
    conn.set_read_buffer(4 << 20)
    for _ in range(20):
        send(peer, conn, bytes(USUAL))
        read_all(conn, USUAL)
    data = bytes(n % 251 for n in range(LARGE))
    send(peer, conn, data)
    first = b""
    resource.setrlimit(resource.RLIMIT_AS, (mapped(), -1))
    try:
        first = conn.read(ASKED)
    except MemoryError:
        pass
    finally:
        resource.setrlimit(resource.RLIMIT_AS, (-1, -1))
    rest = read_all(conn, LARGE - len(first))
    print(first + rest == data, len(first) < LARGE)

run(main)
"""


@pytest.mark.parametrize(
    "malloc", ["MALLOC_MMAP_THRESHOLD_=65536", "MALLOC_MMAP_THRESHOLD_=524288"]
)
def test_a_read_for_which_there_is_no_memory_loses_nothing_and_nobody_waits_for_it(
    malloc: str, tmp_path: Path
) -> None:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM, encoding="ascii")
    found = finished(str(program), prefix=["env", malloc])
    assert (found.returncode, found.stdout) == (0, "True True\n"), found.stderr


@in_run
def test_what_was_taken_is_returned_though_the_kernel_fails_at_the_rest() -> None:
    with tcp.end() as (fd, peer):
        size = room_of(fd, peer)
        data = send(fd, peer, size + 1000)
        with answering(recv=one_by_one(None, -errno.ENOMEM)):
            assert fd.read_bytes(ASKED) == data[:size]
        assert fd.read_bytes(ASKED) == data[size:]

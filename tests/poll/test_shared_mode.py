"""Somebody who shares a pipe or a listener makes it blocking: who uses it parks all the same.

Each case is a program of its own: a call that blocks would hold up all threads of this one.
"""

import textwrap

import pytest

from tests.running import says

PROGRAM = """
import os, tempfile, time
from threading import Timer

import netpoll
from netpoll import go, net, open_fd
from netpoll._poll.sendfile import NOT_HANDLED, sendfile

DATA = bytes(range(256)) * 1200
turns = 0

def count():
    global turns
    while True:
        netpoll.sleep(0.001)
        turns += 1

def share(*files):
    for file in files:
        os.set_blocking(file.fileno(), True)    # as a shell does that has it for its standard input

def read_slowly(file, size):
    data = b""
    while len(data) < size:
        netpoll.sleep(0.0005)
        data += file.read(8192)
    return data

def main():
    ticks = go(count)
    with tempfile.TemporaryFile() as disk:
        disk.write(DATA)
        disk.flush()
        reads, writes = map(open_fd, os.pipe())
        with reads, writes:
            case(reads, writes, disk)
    ticks.cancel()
    print("well")

"""

CASES = {
    "reading": """
        share(reads)
        buffer = bytearray(2)
        for read in (
            lambda: reads.read(2),
            lambda: reads.readinto(buffer),
            lambda: reads.readv([buffer, bytearray(1)]),
        ):
            before = turns
            later = Timer(0.02, lambda: os.write(writes.fileno(), b"it"))
            later.start()
            assert read() in (b"it", 2)
            assert turns > before
            later.join()
        writes.close()
        assert reads.read() == b""
    """,
    "reading_within_a_limit": """
        share(reads)
        reads.settimeout(0.01)
        for _ in range(2):
            try:
                reads.read()
            except netpoll.DeadlineExceeded:
                pass
            else:
                raise AssertionError
        writes.write(b"x")
        assert reads.read() == b"x"
    """,
    "writing": """
        share(writes)
        for write in (lambda: writes.write(DATA), lambda: writes.writev([DATA[:5], DATA[5:]])):
            before = turns
            reader = go(read_slowly, reads, len(DATA))
            assert write() == len(DATA)
            assert reader.join() == DATA
            assert turns - before > 10
    """,
    "writing_to_nobody": """
        share(writes)
        reads.close()
        try:
            writes.write(DATA)
        except BrokenPipeError:
            pass
        else:
            raise AssertionError
    """,
    "copying": """
        share(writes)
        reader = go(read_slowly, reads, len(DATA))
        disk.seek(0)
        assert net.copy(writes, disk) == len(DATA)
        assert reader.join() == DATA
        assert turns > 10
    """,
    "sending_a_file_to_a_socket": """
        near, far = socket.socketpair()
        with net.from_fd(near.detach()) as conn, net.from_fd(far.detach()) as peer:
            share(conn)
            assert sendfile(conn._fd, disk.fileno(), 0) == NOT_HANDLED
            reader = go(read_slowly, peer, len(DATA))
            assert conn.sendfile(disk) == len(DATA)
            assert reader.join() == DATA
        assert turns > 10
    """,
    "relaying": """
        with net.listen("tcp", "127.0.0.1:0") as listener:
            def connected():
                return net.dial("tcp", str(listener.local_addr)), listener.accept()
            source, relays = connected()
            target, sink = connected()
        for shared in (relays, target):
            with_turns = turns
            share(shared)
            copying = go(net.copy, target, relays, 6 + len(DATA))
            for piece in (b"one", b"two"):
                netpoll.sleep(0.01)
                source.write(piece)
                assert sink.read() == piece
            feeding = go(source.write, DATA)
            assert read_slowly(sink, len(DATA)) == DATA
            assert copying.join() == 6 + len(DATA)
            assert feeding.join() == len(DATA)
            assert turns - with_turns > 10
            os.set_blocking(shared.fileno(), False)
        for conn in (source, relays, target, sink):
            conn.close()
    """,
    "accepting": """
        with net.listen("tcp", "127.0.0.1:0") as listener:
            share(listener)
            listener.set_deadline(time.monotonic() + 0.01)
            try:
                listener.accept()
            except netpoll.DeadlineExceeded:
                listener.set_deadline(None)
            else:
                raise AssertionError
            for _ in range(3):
                before = turns
                accepting = go(listener.accept)
                netpoll.sleep(0.01)
                with net.dial("tcp", str(listener.local_addr)) as near, accepting.join() as far:
                    near.write(b"x")
                    assert far.read() == b"x"
                assert turns > before
            assert os.get_blocking(listener.fileno())
    """,
}


@pytest.mark.parametrize("case", CASES)
def test_it_holds_up_nobody_else(case: str) -> None:
    body = textwrap.indent(textwrap.dedent(CASES[case]), "    ")
    source = f"import socket\n{PROGRAM}def case(reads, writes, disk):\n{body}\nnetpoll.run(main)\n"
    assert says(source) == "well\n"

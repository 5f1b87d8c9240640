"""What writes without MSG_NOSIGNAL raises no SIGPIPE, and takes nobody's away."""

import pytest

from tests.running import says

PREPARE = """
import ctypes, os, signal, socket, threading
from tests.netpoll.table import buffers, call, errno_of, vector

file = os.memfd_create("data")
os.write(file, b"data")
full = os.pipe()
os.write(full[1], b"data")

WRITES = {
    "quiet_write": lambda fd: (fd, b"data", 4),
    "writev": lambda fd: (fd, vector(parts), 1),
    "sendfile": lambda fd: (fd, file, ctypes.byref(ctypes.c_int64(0)), 4),
    "splice": lambda fd: (full[0], fd, 4, 0),
}
parts = buffers(b"data")

def broken_pipe():
    read, write = os.pipe()
    os.close(read)
    return write

def broken_stream(family):
    near, far = socket.socketpair() if family == socket.AF_UNIX else tcp_pair()
    far.close()
    near.shutdown(socket.SHUT_WR)
    return near.detach()

def tcp_pair():
    with socket.create_server(("127.0.0.1", 0)) as listener:
        near = socket.create_connection(listener.getsockname())
        return near, listener.accept()[0]

def ends():
    return [broken_pipe(), broken_stream(socket.AF_UNIX), broken_stream(socket.AF_INET)]

def write_to_all():
    return {errno_of(name, *WRITES[name](fd)) for name in WRITES for fd in ends()}
"""
"""No reader is left of any of these."""


@pytest.mark.parametrize(
    "action",
    ["SIG_IGN", "SIG_DFL", "lambda *_: print('called')"],
    ids=["ignored", "default", "handled"],
)
def test_a_reader_that_is_gone_is_an_error_and_no_signal(action: str) -> None:
    action = action if action.startswith("lambda") else f"signal.{action}"
    end = f"signal.signal(signal.SIGPIPE, {action})\nprint(write_to_all())"
    assert says(PREPARE + end) == "{'EPIPE'}\n"


def test_it_raises_one_where_nothing_is_done_about_it() -> None:
    """What the others are to be told apart from; the call is one of the table's too."""
    end = """
signal.signal(signal.SIGPIPE, lambda *_: print("called", flush=True))
try:
    os.write(broken_pipe(), b"data")
except BrokenPipeError:
    print("EPIPE")
"""
    assert sorted(says(PREPARE + end).split()) == ["EPIPE", "called"]


def test_a_part_that_was_written_before_the_reader_went_is_no_signal_either() -> None:
    end = """
signal.signal(signal.SIGPIPE, signal.SIG_DFL)
for name in ("quiet_write", "writev"):
    read, write = os.pipe()
    size = call("pipe_size", write, 4096)
    def go_away():
        got = 0
        while got < 2 * size:
            got += len(os.read(read, size))
        os.close(read)
    reader = threading.Thread(target=go_away)
    reader.start()
    (much,) = buffers(bytes(64 * size))
    what = (much, 64 * size) if name == "quiet_write" else (vector([much]), 1)
    done = call(name, write, *what)
    reader.join()
    print(2 * size <= done < 64 * size)
"""
    assert says(PREPARE + end) == "True\nTrue\n"


def test_the_mask_and_the_action_are_as_they_were() -> None:
    end = """
for mask in (set(), {signal.SIGPIPE}, {signal.SIGUSR1}):
    signal.pthread_sigmask(signal.SIG_SETMASK, mask)
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    write_to_all()
    print(signal.pthread_sigmask(signal.SIG_BLOCK, ()) == mask, signal.sigpending())
"""
    assert says(PREPARE + end) == "True set()\n" * 3


def test_a_signal_that_waits_already_stays() -> None:
    end = """
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGPIPE})
signal.signal(signal.SIGPIPE, lambda *_: print("called", flush=True))
signal.pthread_kill(threading.get_ident(), signal.SIGPIPE)
print(write_to_all(), signal.sigpending() == {signal.SIGPIPE})
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGPIPE})
"""
    assert says(PREPARE + end) == "{'EPIPE'} True\ncalled\n"

"""What concerns a whole process with connections open: SIGPIPE, fork, the interpreter's end."""

import textwrap

import pytest

from tests.running import says, script

CONNECTED = """
import os, signal, sys
import netpoll
from netpoll import go, gosched, net, run

def connected():
    with net.listen("tcp", "127.0.0.1:0") as listener:
        near = net.dial("tcp", str(listener.local_addr))
        return near, listener.accept()

def reset(conn):
    conn.set_linger(0)
    conn.close()
"""


def program(source: str) -> str:
    return CONNECTED + textwrap.dedent(source)


# ---- SIGPIPE


@pytest.mark.parametrize(
    "write",
    [
        "near.write(b'x')",
        "near.writev([b'x', b'y'])",
        "near.makefile('wb', buffering=0).write(b'x')",
        "with near.makefile('wb') as file: file.write(b'x')",
    ],
)
def test_writing_to_a_peer_that_left_is_an_error_and_kills_nobody(write: str) -> None:
    # Source: go1.27 os/pipe_test.go TestEPIPE
    said = says(
        program(f"""
            def main():
                near, far = connected()
                reset(far)
                for _ in range(20):
                    try:
                        {write}
                    except (BrokenPipeError, ConnectionResetError) as error:
                        print(type(error).__name__, error.errno)
                near.close()

            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            run(main)
        """)
    )
    assert said.splitlines()[1:] == ["OpError 32"] * 19


def test_who_is_blocked_in_a_write_when_the_peer_leaves_is_not_killed_either() -> None:
    said = says(
        program("""
            def main():
                for write in ("write", "writev"):
                    near, far = connected()
                    data = bytes(64 << 20)
                    writer = go(getattr(near, write), data if write == "write" else [data, data])
                    gosched()
                    near.close_write()  # the next system call is EPIPE
                    try:
                        writer.join()
                    except BrokenPipeError as error:
                        print(error.op, error.bytes_written > 0)
                    near.close()
                    far.close()

            signal.signal(signal.SIGPIPE, signal.SIG_DFL)
            run(main)
        """)
    )
    assert said == "write True\nwrite True\n"


# ---- fork


def test_a_child_goes_on_with_the_connections_of_its_parent_and_leaves_the_parent_its_own() -> None:
    said = says(
        program("""
            def echo(conn):
                while data := conn.read():
                    conn.write(data.upper())

            def main():
                near, far = connected()
                with near, far:
                    server = go(echo, far)
                    near.write(b"before")
                    assert near.read() == b"BEFORE"
                    pid = os.fork()
                    if pid == 0:
                        # Only this goroutine is here: each byte is answered once, by the parent.
                        near.write(b"child")
                        assert near.read() == b"CHILD"
                        a, b = connected()
                        reader = go(a.read)
                        b.write(b"own")
                        assert reader.join() == b"own"
                        a.close(), b.close()
                        print("child", flush=True)
                        os._exit(0)
                    while True:     # an answer that the parent has to give; not by waitpid(2)
                        gosched()
                        if os.waitpid(pid, os.WNOHANG)[0]:
                            break
                    near.write(b"after")
                    assert near.read() == b"AFTER"
                    near.close_write()
                    server.join()
                    print("parent")

            run(main)
        """)
    )
    assert said == "child\nparent\n"


def test_a_child_that_ends_takes_nothing_from_those_who_wait_in_the_parent() -> None:
    said = says(
        program("""
            def main():
                near, far = connected()
                listener = net.listen("tcp", "127.0.0.1:0")
                reader = go(near.read)
                acceptor = go(listener.accept)
                netpoll.sleep(0.001)
                pid = os.fork()
                if pid == 0:
                    near.close(), far.close(), listener.close()
                    sys.exit(0)
                assert os.waitpid(pid, 0)[1] == 0
                far.write(b"still here")
                assert reader.join() == b"still here"
                with net.dial("tcp", str(listener.local_addr)), acceptor.join():
                    print("parent")
                for one in (near, far, listener):
                    one.close()

            run(main)
        """)
    )
    assert said == "parent\n"


def test_a_listener_may_serve_in_several_processes() -> None:
    said = says(
        program("""
            def serve(listener):
                for conn in listener:
                    with conn:
                        conn.write(b"%d" % os.getpid())

            def main():
                listener = net.listen("tcp", "127.0.0.1:0")
                children = []
                for _ in range(3):
                    pid = os.fork()
                    if pid == 0:
                        serve(listener)
                    children.append(pid)
                for _ in range(30):
                    with net.dial("tcp", str(listener.local_addr)) as conn:
                        assert int(conn.read()) in children
                for pid in children:
                    os.kill(pid, signal.SIGTERM)
                    os.waitpid(pid, 0)
                listener.close()
                print("served")

            run(main)
        """)
    )
    assert said == "served\n"


# ---- the end of the interpreter

PARKED = """
    def park(name, call, conn):
        try:
            with conn:
                call()
        finally:
            print(name, "ended", conn.closed)
            for peer in peers:
                peer.close()

    def begin():
        global peers
        reader, writer = connected(), connected()
        listener = net.listen("tcp", "127.0.0.1:0")
        peers = reader[1], writer[1]
        go(park, "reader", reader[0].read, reader[0])
        go(park, "writer", lambda: writer[0].write(bytes(64 << 20)), writer[0])
        go(park, "acceptor", listener.accept, listener)
        netpoll.sleep(0.001)
"""
ENDED = ["acceptor ended True", "reader ended True", "writer ended True"]


@pytest.mark.parametrize(
    ("end", "status", "complaint"),
    [
        ("begin()", 0, ""),
        ("run(begin)", 0, ""),
        ("begin(); sys.exit(3)", 3, ""),
        ("run(lambda: (begin(), sys.exit(3)))", 3, ""),
        ("begin(); 1 / 0", 1, "ZeroDivisionError: division by zero"),
        ("run(lambda: (begin(), 1 / 0))", 1, "ZeroDivisionError: division by zero"),
        ("run(lambda: (begin(), os.kill(os.getpid(), signal.SIGINT)))", -2, "KeyboardInterrupt"),
    ],
)
def test_who_is_parked_when_the_program_ends_ends_in_order(
    end: str, status: int, complaint: str
) -> None:
    done = script(program(textwrap.dedent(PARKED) + end))
    assert sorted(done.stdout.splitlines()) == ENDED
    assert done.stderr.splitlines()[-1:] == ([complaint] if complaint else [])
    assert done.returncode == status


def test_daemon_threads_with_connections_do_not_hold_up_the_end() -> None:
    said = says(
        program("""
            import threading

            def take(conn):
                with conn:
                    conn.read()
                    conn.read()

            def serve():
                with net.listen("tcp", "127.0.0.1:0") as listener:
                    addresses.append(str(listener.local_addr))
                    listening.set()
                    for conn in listener:
                        go(take, conn)

            addresses, listening = [], threading.Event()
            threading.Thread(target=run, args=(serve,), daemon=True).start()
            listening.wait()
            conns = [net.dial("tcp", addresses[0]) for _ in range(5)]
            for conn in conns:
                conn.write(b"x")
            print("end")
            for conn in conns:
                conn.close()
        """)
    )
    assert said == "end\n"

"""Ctrl-C at any moment while connections are served."""

import signal
import socket
import subprocess
import threading
import time
from contextlib import suppress

import pytest

from tests.program import PATIENCE, Program, receive, started

SERVER = """
import os
import netpoll
from netpoll import go, net

begun = ended = 0

def handle(conn):
    global begun, ended
    begun += 1
    try:
        with conn:
            while data := conn.read():
                conn.write(data)
    except ConnectionError:
        pass
    finally:
        ended += 1

def serve(address):
    with net.listen("tcp", address) as listener:
        print("listening on", listener.local_addr, flush=True)
        for conn in listener:
            go(handle, conn)

def descriptors():
    return len(os.listdir("/proc/self/fd"))

def main():
    address = "127.0.0.1:0"
    before = descriptors()
    while True:
        interrupted = False
        try:
            netpoll.run(serve, address)
        except KeyboardInterrupt:
            interrupted = True
        assert interrupted  # out of the block: the exception keeps alive what it went through
        print("interrupted", begun, begun - ended, descriptors() - before, flush=True)
        if input() != "again":
            break

main()
"""
MOMENTS = 60


def load(port: int, end: threading.Event) -> None:
    """Connect, talk and leave, again and again; the server may be gone at any time."""
    while not end.is_set():
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5) as conn:
            for number in range(20):
                message = bytes([number]) * (1 + 997 * number % 7000)
                conn.sendall(message)
                answer = receive(conn, len(message))
                assert answer == message[: len(answer)]


def interrupted(process: "subprocess.Popen[str]", after: float) -> list[int]:
    """Send SIGINT so many seconds after the server listens; return what it says of its end."""
    server = Program(process)
    end = threading.Event()
    clients = [threading.Thread(target=load, args=(server.port, end)) for _ in range(3)]
    for client in clients:
        client.start()
    time.sleep(after)
    process.send_signal(signal.SIGINT)
    assert process.stdout is not None
    said, *numbers = process.stdout.readline().split()
    end.set()
    for client in clients:
        client.join(PATIENCE)
    assert said == "interrupted"
    return [int(number) for number in numbers]


@pytest.mark.timeout(60)
def test_the_server_ends_in_order_whenever_it_comes() -> None:
    # Without -W error: a connection accepted in that moment may have no handler yet to close it.
    with started("-c", SERVER, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        begun = []
        for moment in range(MOMENTS):
            handlers, left, descriptors = interrupted(process, (moment % 20) ** 2 * 2e-5)
            assert (left, descriptors) == (0, 0)
            begun.append(handlers)
            last = moment == MOMENTS - 1
            process.stdin.write("enough\n" if last else "again\n")
            process.stdin.flush()
        _, stderr = process.communicate(timeout=PATIENCE)
        assert (process.returncode, stderr) == (0, "")
        assert begun[-1] > 0

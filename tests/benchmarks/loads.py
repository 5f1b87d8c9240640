"""Running the load generator against servers on threads."""

import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from typing import TypeAlias

Serve = Callable[[socket.socket], None]
Reply = Callable[[bytes], list[bytes]]
Done: TypeAlias = "subprocess.CompletedProcess[str]"
PATIENCE = 20


@contextmanager
def served(serve: Serve) -> Iterator[int]:
    """Serve each connection on a thread, until the block ends; return the port."""
    threads: list[threading.Thread] = []

    def handle(conn: socket.socket) -> None:
        with suppress(OSError), closing(conn):
            serve(conn)

    def accept_all() -> None:
        with suppress(OSError):
            while True:
                thread = threading.Thread(target=handle, args=(listener.accept()[0],), daemon=True)
                threads.append(thread)
                thread.start()

    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        accepting = threading.Thread(target=accept_all, daemon=True)
        accepting.start()
        try:
            yield listener.getsockname()[1]
        finally:
            listener.shutdown(socket.SHUT_RDWR)  # wakes accept, which close alone would not
            accepting.join(PATIENCE)
            for thread in threads:
                thread.join(PATIENCE)


@contextmanager
def answering(reply: Reply) -> Iterator[int]:
    """Answer datagrams on a thread with what `reply` makes of each, until the block ends."""

    def answer_all() -> None:
        while True:
            data, sender = sock.recvfrom(65536)
            if sender == end.getsockname():
                return
            for answer in reply(data):
                sock.sendto(answer, sender)

    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as end,
    ):
        sock.bind(("127.0.0.1", 0))
        end.connect(sock.getsockname())
        thread = threading.Thread(target=answer_all, daemon=True)
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            while thread.is_alive():  # it may be lost
                end.send(b"")
                thread.join(0.05)


def run(load: Path, mode: str, serve: Serve, options: str) -> Done:
    """Run a load against a server of connections."""
    with served(serve) as port:
        return run_at(load, mode, port, options)


def run_datagrams(load: Path, mode: str, reply: Reply, options: str) -> Done:
    """Run a load against a server of datagrams."""
    with answering(reply) as port:
        return run_at(load, mode, port, options)


def run_at(load: Path, mode: str, port: int, options: str) -> Done:
    """Run a load against what listens there."""
    return subprocess.run(
        [str(load), mode, "--port", str(port), *options.split()],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )

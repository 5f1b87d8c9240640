"""Redis itself, which keeps nothing on disk. It takes this process's place: the number stays.

Redis does not say which port it has if it may choose one, and says nothing before it is asked
either: so a port is chosen here, and another process says when it can be connected to.
"""

import os
import socket
import time

PATIENCE = 10.0


def free_port() -> int:
    """Return a port on which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def announce(port: int) -> None:
    """Say where it listens as soon as it does."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=PATIENCE).close()
        except ConnectionRefusedError:
            time.sleep(0.005)
        else:
            print(f"listening on 127.0.0.1:{port}", flush=True)
            return


port = free_port()
if os.fork() == 0:
    announce(port)
    os._exit(0)
settings = {"port": port, "bind": "127.0.0.1", "save": "", "appendonly": "no"}
words = [word for name, value in settings.items() for word in (f"--{name}", str(value))]
os.execvp("redis-server", ["redis-server", *words, "--logfile", os.devnull])  # noqa: S606, S607

"""The real Redis, to compare answers with."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.clients import client
from tests.program import PATIENCE


@contextmanager
def redis_server(directory: Path) -> Iterator[str]:
    """Start an empty redis-server, and return the path of the socket on which it listens."""
    path = str(directory / "redis.sock")
    command = [client("redis-server"), "--port", "0", "--unixsocket", path, "--save", ""]
    with subprocess.Popen(
        [*command, "--appendonly", "no", "--dir", str(directory)], stdout=subprocess.PIPE, text=True
    ) as process:
        try:
            assert process.stdout is not None
            log = []
            for line in process.stdout:
                log.append(line)
                if "ready to accept connections" in line.lower():
                    break
            else:
                raise AssertionError("".join(log))
            yield path
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)

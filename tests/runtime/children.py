"""Forked processes, and all that they should be able to do."""

import os
import signal
from collections.abc import Callable

import pytest

from netpoll import blocking, go, net, sleep
from tests.running import parked

no_warning = pytest.mark.filterwarnings(
    # From 3.12 on fork says so where there is a second thread; ours are none the child needs.
    "ignore:This process .* is multi-threaded:DeprecationWarning"
)


class Child:
    """A forked process that runs a function, and never anything of pytest."""

    def __init__(self, fn: Callable[[], object]) -> None:
        self._read, write = os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(30)  # it ends, whatever is wrong
            status = 99
            try:
                os.close(self._read)
                os.write(write, repr(fn()).encode())
                status = 0
            except BaseException as exception:  # noqa: BLE001 - it goes to the parent
                os.write(write, repr(exception).encode())
            finally:
                os._exit(status)
        os.close(write)

    def says(self) -> str:
        """Wait for the end of the child and return what its function returned, or raised."""
        with os.fdopen(self._read, "rb") as stream:
            said = blocking(stream.read)
        blocking(os.waitpid, self.pid, 0)
        return said.decode()


def in_child(fn: Callable[[], object]) -> str:
    return Child(fn).says()


def everything() -> str:
    """Use each part of the runtime."""
    sleep(0.001)
    assert go(lambda: 1).join() == 1
    assert blocking(lambda: 2) == 2
    with net.listen("tcp", "127.0.0.1:0") as listener:
        accepting = go(listener.accept)
        with net.dial("tcp", str(listener.local_addr)) as conn, accepting.join() as accepted:
            reading = parked(go(accepted.read, 10))
            conn.write(b"x")
            assert reading.join() == b"x"
    return "all well"

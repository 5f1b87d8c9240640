"""Every operation of a descriptor that parks, on a descriptor where it does.

Each file operations_*.py beside this one adds those of its own kind of descriptor, in lists of
these names, any of which it may leave out: READS and WRITES of data, ACCEPTS, CONNECTS, and those
that make a system call of the caller's own, RAW_READS and RAW_WRITES. What stands in one is held to
all that a descriptor promises of deadlines, close, cancellation and lost numbers.
"""

from importlib import import_module
from pathlib import Path

from tests.kernel import TABLE
from tests.poll.operation import Blocked as Blocked
from tests.poll.operation import Operation as Operation
from tests.poll.operation import name_of as name_of
from tests.poll.operation import raised as raised

_KINDS = [
    import_module(f"tests.poll.{file.stem}")
    for file in sorted(Path(__file__).parent.glob("operations_*.py"))
]


def _all(name: str) -> list[Blocked]:
    return [blocked for kind in _KINDS for blocked in getattr(kind, name, [])]


READS = _all("READS")
WRITES = _all("WRITES")
ACCEPTS = _all("ACCEPTS")
CONNECTS = _all("CONNECTS")
RAW_READS = _all("RAW_READS")
RAW_WRITES = _all("RAW_WRITES")
IN_TABLE = [*READS, *WRITES, *ACCEPTS, *CONNECTS]
"""Those that make no system call but those of the table."""

ALL = [*IN_TABLE, *RAW_READS, *RAW_WRITES]

READING = {*READS, *ACCEPTS, *RAW_READS}
"""Those that the read deadline is for; the others have the write deadline."""

CALLS = TABLE & {
    *("recv", "recvfrom", "recvmsg", "recvmmsg", "read", "readv"),
    *("send", "sendto", "sendmsg", "sendmmsg", "write", "quiet_write", "writev"),
    *("accept4", "connect", "sendfile", "splice"),
}
"""The system calls by which these operations find out that they have to wait."""

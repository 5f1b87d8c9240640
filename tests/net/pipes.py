"""Pipes of the system as Files, and two of them joined to a connection."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import netpoll


@contextmanager
def piped() -> Iterator[tuple[netpoll.File, netpoll.File]]:
    """Return the end of a pipe to read from and the one to write to."""
    reads, writes = os.pipe()
    with netpoll.open_fd(reads) as near, netpoll.open_fd(writes) as far:
        yield near, far


class Duplex:
    """Two pipes, one for each direction, with the methods of a connection."""

    def __init__(self, reads: netpoll.File, writes: netpoll.File) -> None:
        self.reads = reads
        self.writes = writes
        self.read = reads.read
        self.readinto = reads.readinto
        self.write = writes.write
        self.set_read_deadline = reads.set_read_deadline
        self.set_write_deadline = writes.set_write_deadline
        self.gettimeout = reads.gettimeout

    local_addr = remote_addr = None

    @property
    def closed(self) -> bool:
        return self.reads.closed and self.writes.closed

    def close(self) -> None:
        self.reads.close()
        self.writes.close()

    def set_deadline(self, when: float | None) -> None:
        self.reads.set_deadline(when)
        self.writes.set_deadline(when)

    def settimeout(self, seconds: float | None) -> None:
        self.reads.settimeout(seconds)
        self.writes.settimeout(seconds)


@contextmanager
def duplex() -> Iterator[tuple[Duplex, Duplex]]:
    """Return two ends, connected by two pipes."""
    with piped() as (here, from_there), piped() as (there, from_here):
        yield Duplex(here, from_here), Duplex(there, from_there)

"""The ways to wait for something of netpoll.sync, each in a state in which it has to wait."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from netpoll.sync import Cond, Event, Mutex, RWMutex, Semaphore, WaitGroup


@dataclass
class Wait:
    """A thing that is taken, and what can be done about it.

    take: waits for it; a time that is up is False or TimeoutError. give: lets one who waits have
    it. back: what that one does in the end. free: whether it is as if nobody had ever been there,
    once it was given and given back.
    """

    what: object
    take: Callable[..., object]
    give: Callable[[], object]
    back: Callable[[], object]
    free: Callable[[], object]


def nothing() -> None:
    """Have nothing to give back."""


def mutex() -> Wait:
    m = Mutex()
    m.lock()
    return Wait(m, m.lock, m.unlock, m.unlock, lambda: not m.locked)


def to_read() -> Wait:
    rw = RWMutex()
    rw.lock()
    return Wait(rw, rw.rlock, rw.unlock, rw.runlock, lambda: not rw.locked and not rw.readers)


def to_write_behind_a_writer() -> Wait:
    rw = RWMutex()
    rw.lock()
    return Wait(rw, rw.lock, rw.unlock, rw.unlock, lambda: not rw.locked and not rw.readers)


def to_write_behind_a_reader() -> Wait:
    rw = RWMutex()
    rw.rlock()
    return Wait(rw, rw.lock, rw.runlock, rw.unlock, lambda: not rw.locked and not rw.readers)


def one_unit() -> Wait:
    s = Semaphore(1)
    s.acquire()
    return Wait(
        s, lambda timeout=None: s.acquire(1, timeout), s.release, s.release, lambda: s.free == 1
    )


def all_units() -> Wait:
    s = Semaphore(3)
    s.acquire()
    return Wait(
        s,
        lambda timeout=None: s.acquire(3, timeout),
        s.release,
        lambda: s.release(3),
        lambda: s.free == 3,
    )


def signal() -> Wait:
    cond = Cond(Mutex())

    def take(timeout: float | None = None) -> bool:
        with cond.mutex:
            return cond.wait(timeout)

    return Wait(cond, take, cond.signal, nothing, lambda: not cond.mutex.locked)


def broadcast() -> Wait:
    wait = signal()
    assert isinstance(wait.what, Cond)
    wait.give = wait.what.broadcast
    return wait


def event() -> Wait:
    e = Event()
    return Wait(e, e.wait, e.set, nothing, e.is_set)


def waitgroup() -> Wait:
    wg = WaitGroup()
    wg.add(2)
    wg.done()
    return Wait(wg, wg.wait, wg.done, nothing, lambda: wg.count == 0)


KINDS: list[Callable[[], Wait]] = [
    mutex,
    to_read,
    to_write_behind_a_writer,
    to_write_behind_a_reader,
    one_unit,
    all_units,
    signal,
    broadcast,
    event,
    waitgroup,
]
LOCKS = [mutex, to_write_behind_a_writer, to_write_behind_a_reader, one_unit, all_units]
"""Those that one at a time can have."""

each_kind = pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)


def nobody_waits(what: object) -> bool:
    """Tell whether the line of it is empty, by what it says itself."""
    return "waiting" not in repr(what)

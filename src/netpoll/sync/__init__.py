"""Locks, and what else goroutines wait for one another with.

Mutex, RWMutex, Cond, WaitGroup, Once, `once` and Pool are Go's and have Go's names; Event and
Barrier are Python's and have those of `threading`; Semaphore is that of golang.org/x/sync. One name
for one thing: a mutex has `lock` and `unlock` and no `acquire`, which takes units of a semaphore.

All of them serve goroutines of any thread, and threads that have none. Who waits stands in line,
first in, first out, and is handed what it waits for. Only what has to wait parks, and only that
raises Cancelled; what gives something back never does. Who is cancelled, or whose time is up, has
got nothing, and nothing is lost by it. Where both come at the same moment, it has what it waited
for, and the cancellation comes up at its next park.

What takes something raises TimeoutError when its time is up, so that nobody goes on without it;
what only waits for something to happen (Event.wait, Cond.wait) returns False. Misuse is a
RuntimeError.
"""

from netpoll.sync.barrier import Barrier
from netpoll.sync.cond import Cond
from netpoll.sync.event import Event
from netpoll.sync.mutex import Mutex
from netpoll.sync.once import Once, once
from netpoll.sync.pool import Pool
from netpoll.sync.rwmutex import RWMutex
from netpoll.sync.semaphore import Semaphore
from netpoll.sync.waitgroup import WaitGroup

__all__ = [
    "Barrier",
    "Cond",
    "Event",
    "Mutex",
    "Once",
    "Pool",
    "RWMutex",
    "Semaphore",
    "WaitGroup",
    "once",
]

"""no_leaks: what a block has begun and not ended.

    left behind    counts if                                      is named by
    a goroutine    it is not done                                 name, origin, state, stack
    an alarm       it is set                                      the goroutine that it would begin
    a timer        it is armed, and neither of these explains it  how many there are
    a descriptor   its number is of something else than before    number, what it is of, its object
    a thread       it runs, and is no idle one of netpoll's own   name, stack

Goroutines, alarms and timers are those of the calling thread. Who waits in a lock or a channel is a
goroutine.

Source: go.uber.org/goleak (looks again for a while before it complains).
"""

from __future__ import annotations

import gc
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from netpoll._poll import splice
from netpoll._runtime import alarm, deadlock, lifecycle, report
from netpoll._runtime.goroutine import gosched
from netpoll._runtime.scheduler import Scheduler, attached_scheduler, ensure_scheduler
from netpoll.net.endpoint import Endpoint
from netpoll.net.file import File
from netpoll.net.stream_listener import StreamListener

PAUSES = [0.001 * 2**i for i in range(10)]
"""Seconds of real time between two looks, a second in all, before a thread or a descriptor counts
as left."""

PAUSES_FOR_TASKS = PAUSES[:2]
"""The same for goroutines and timers. Some: what was sent to a socket may still be on its way."""

ROUNDS = 100
"""How often the others are let run before a look: more than the ticks after which the scheduler
polls."""

DESCRIPTORS = Path("/dev/fd")
OWN_THREADS = "netpoll-blocking"

Found = dict[tuple[str, object], str]
"""What there is, and how it is named."""


@contextmanager
def no_leaks() -> Iterator[None]:
    """Raise AssertionError at the end of the block if something that began in it is still there.

    Goroutines, alarms, timers, descriptors and threads, with what is known of each. Who can run
    does so first: what was closed or cancelled gets to its end. Up to a second is waited for
    threads and descriptors, and no timer of a goroutine is. Nothing is looked at if the block
    raises. To find goroutines it belongs inside of `run`, whose end ends them. Also as a decorator.
    """
    attached = attached_scheduler()
    scheduler = ensure_scheduler()
    scheduler.open_descriptors()
    tasks, timers, things = _tasks(scheduler), scheduler.armed_timers(), _things()
    yield
    found = _left_tasks(tasks, timers) + _left_things(things)
    if attached is None and attached_scheduler() is scheduler and not found:
        lifecycle.end_own()
    if found:
        raise AssertionError("\n".join(["left behind:", *found]))


def _left_tasks(before: Found, timers: int) -> list[str]:
    for pause in (*PAUSES_FOR_TASKS, 0):
        scheduler = _let_run()
        if scheduler is None:
            return []
        found = _more(_tasks(scheduler), before)
        more_timers = scheduler.armed_timers() - timers
        if not found and more_timers <= 0:
            return []
        time.sleep(pause)  # the thread's: the goroutines' timers do not get their turn
    return found or [f"timers of after() or tick(), or deadlines: {more_timers}"]


def _left_things(before: Found) -> list[str]:
    for pause in (*PAUSES, 0):
        _let_run()
        found = {thing: text for thing, text in _things().items() if thing not in before}
        if not found:
            break
        time.sleep(pause)
    owners = _owners() if found else {}
    return [text + owners.get(str(number), "") for (number, _), text in found.items()]


def _owners() -> dict[str, str]:
    """Return what to say of the descriptors of netpoll's objects, by their numbers."""
    return {
        str(each.fileno()): f": {each!r}"
        for each in gc.get_objects()
        if isinstance(each, (Endpoint, File, StreamListener)) and not each.closed
    }


def _let_run() -> Scheduler | None:
    """Let all run who can, and drop what nobody holds any more."""
    scheduler = attached_scheduler()
    for _ in range(ROUNDS if scheduler is not None else 0):
        gosched()
    gc.collect()
    return scheduler


def _more(now: Found, before: Found) -> list[str]:
    return [text for thing, text in now.items() if thing not in before]


def _tasks(scheduler: Scheduler) -> Found:
    found: Found = {("goroutine", each.id): report.dump([each]) for each in scheduler.goroutines()}
    for each in alarm.pending(scheduler):
        found["alarm", each.id] = f"alarm: {report.describe(each)}"
    return found


def _things() -> Found:
    splice.drop_pipes()  # which are kept for the next copy
    found: Found = {}
    for descriptor in DESCRIPTORS.iterdir():
        try:
            what = descriptor.readlink()
        except FileNotFoundError:  # the one that listed them
            continue
        found[descriptor.name, what] = f"descriptor {descriptor.name}: {what}"
    for thread in threading.enumerate():
        if thread.name != OWN_THREADS and thread.ident not in deadlock.without_work:
            found["thread", thread] = "\n".join(["thread " + thread.name, *_stack(thread)])
    return found


def _stack(thread: threading.Thread) -> list[str]:
    frame = sys._current_frames().get(thread.ident or 0)  # noqa: SLF001 - no other way
    return [] if frame is None else [text.rstrip("\n") for text in traceback.format_stack(frame)]

"""Goroutines started from outside: on the scheduler of another thread.

A goroutine that has not begun belongs to no thread yet. It is made by the one that starts it, in a copy of
that one's contextvars context, and enters the other's scheduler as one that was woken from outside does: by
the inbound queue. Nothing between the check that the scheduler lives and the queue runs Python code.
"""
import threading

from netpoll._runtime import deadlock
from netpoll._runtime.g cimport G
from netpoll._runtime.goroutine cimport begin, prepare
from netpoll._runtime.scheduler cimport Scheduler, enqueue_runnable, scheduler_or_none


def start(Scheduler s not None, fn, tuple args not None, dict kwargs not None):
    """Start a goroutine on this scheduler, from any thread. RuntimeError if that has ended."""
    cdef G g = prepare(fn, args, kwargs)
    if s is scheduler_or_none():
        begin(s, g, &s.runq)
        return g
    if has_ended(s):
        raise RuntimeError("the scheduler of that thread has ended")
    s.link(g)
    enqueue_runnable(<void *>g, False)
    return g


def has_ended(Scheduler s not None):
    """Tell whether its main has ended: from outside, no goroutine can be started there any more."""
    return s.closed or s.ending or s.draining


def scheduler_of_main():
    """Return the scheduler of the process's main thread, None if it has none."""
    of_it = deadlock._schedulers.get(threading.main_thread().ident)
    return None if of_it is None else of_it()

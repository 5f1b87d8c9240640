"""Park and ready: a wake-up that is kept until it is taken, for those who build their own ways to wait.

    permit       ready                    park
    none         -> kept                  parks until there is one
    kept         stays (there is one)     -> none, returns at once
    awaited      -> none, wakes           (one goroutine parks once)

Source: java.util.concurrent.locks.LockSupport; go1.27 runtime/lock_futex.go notesleep.
"""
from libc.stdint cimport int64_t, uint8_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, G_DEAD, G_WAITING, WAKE_TIMEOUT
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, park as park_current, ready as make_ready
from netpoll._runtime.timers cimport timer_disarm

cdef enum Permit:
    # Kept apart: a call on a thread takes no wake-up that was meant for park().
    BY_READY = 1
    BY_CALL = 2


cdef bint park_for(uint8_t permit, object timeout) except -1:
    """Park until the permit is there and consume it; False if `timeout` seconds passed first."""
    cdef int64_t until = moment(timeout)
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    s.check_pending(g)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    g.reason = "park" if permit == BY_READY else "a call on a thread"
    if until:
        s.timers.arm(&g.timer, until)   # may raise: before it counts as waiting
    g.parked_for = permit
    g.state = G_WAITING
    s.outside += 1
    try:
        park_current(s, g)
    finally:
        s.outside -= 1
        g.parked_for = 0
        timer_disarm(&g.timer)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    if g.wake == WAKE_TIMEOUT:
        return False
    s.raise_pending(g)


cdef int give_permit(G g, uint8_t permit) except -1:
    if g.state == G_DEAD:
        return 0
    g.permits |= permit
    # What waits for something else finds it at its next park.
    if g.parked_for & permit:
        make_ready(<void *>g)
    return 0


def park(timeout=None):
    """Park the calling goroutine until `ready`; return False if `timeout` seconds passed first.

    A `ready` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """
    return park_for(BY_READY, timeout)


def ready(goroutine):
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""
    if not isinstance(goroutine, G):
        raise TypeError(f"ready() needs a Goroutine, not {type(goroutine).__name__}")
    give_permit(goroutine, BY_READY)


def await_call(timeout=None):
    """Park until `call_done`; return False if `timeout` seconds passed first.

    Also returns for a call that was given up before: the caller looks whether it is done.
    """
    return park_for(BY_CALL, timeout)


def call_done(G goroutine not None):
    """Wake a goroutine from `await_call`. Any thread."""
    give_permit(goroutine, BY_CALL)

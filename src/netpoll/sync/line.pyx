"""Standing in line; see line.pxd for what becomes of a waiter."""
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport after
from netpoll._runtime.g cimport G, IN_LINE, IN_QUEUE, WAKE_TIMEOUT
from netpoll._runtime.raised cimport np_pass_on
from netpoll._runtime.scheduler cimport Scheduler
from netpoll._runtime.wait cimport park_shared
from netpoll._runtime.waitq cimport Waiter, WaitQ, enqueue, leave

cdef enum:
    HURRY = 50_000_000      # ns within which a Ctrl-C is promised to be heard


cdef class Shared:
    """Something that goroutines of any thread wait in; the kinds are in the other files."""

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        """Settle what a waiter leaves that does not come to it; it is out of the line already."""


cdef Waiter *join_line(WaitQ *line, G g, Py_ssize_t share) except NULL:
    """Put g at the end of a line; the caller stands in it next, without anything in between that can raise."""
    cdef Waiter *waiter = enqueue(line, <void *>g)
    waiter.owner = <void *>share
    return waiter


cdef void strand(void *inside, int mode) noexcept:
    cdef Waiter *waiter = <Waiter *>inside
    cdef G g = <G>waiter.g
    cdef Py_ssize_t share = <Py_ssize_t>waiter.owner
    g.on_strand = NULL
    (<Shared>g.waits_on).left(leave(waiter), share)


cdef int stand_once(Shared what, Scheduler s, G g, Waiter *waiter, int64_t until, const char *reason) noexcept:
    """Park in line; < 0: an exception is set."""
    cdef int outcome
    g.reason = reason
    g.waits_on = <void *>what
    g.on_strand, g.inside, g.inside_mode = strand, <void *>waiter, IN_LINE | IN_QUEUE
    outcome = park_shared(s, g, until)
    g.on_strand = NULL
    return outcome


cdef int step_out(Shared what, Waiter *waiter, int outcome) noexcept:
    """Leave the line; return what the waiter was granted and can use."""
    cdef Py_ssize_t share = <Py_ssize_t>waiter.owner
    cdef int granted = leave(waiter)
    if granted and outcome >= 0:
        return granted
    what.left(granted, share)
    return 0


cdef int stand(Shared what, Scheduler s, G g, Waiter *waiter, int64_t until, const char *reason) except -1:
    """Park until the waiter is granted (what it was granted) or the time is up (0); frees it in any case.

    Raises what is pending unless it was granted: then that comes up at the next park.
    """
    cdef int outcome = stand_once(what, s, g, waiter, until, reason)
    cdef int granted = step_out(what, waiter, outcome)
    if outcome < 0:
        return np_pass_on()
    if granted:
        if g.interrupt is not None:
            s.interrupt_later(g)
        return granted
    if g.wake == WAKE_TIMEOUT:
        return 0
    return s.raise_pending(g)


cdef int stand_firm(Shared what, Scheduler s, G g, Waiter *waiter, const char *reason) except -1:
    """Park until the waiter is granted, whatever is cancelled meanwhile; that comes up at the next park.

    A Ctrl-C, what a signal handler raises, or a deadlock comes up with the grant if that is there within HURRY, and
    else without it, at the latest when there is another one.
    """
    cdef int outcome = 0
    cdef int64_t until = 0
    cdef object pending = None
    cdef object before
    while outcome >= 0 and not waiter.granted:
        if g.interrupt is not None:
            before, pending, g.interrupt = pending, g.interrupt, None
            if before is not None:
                break
            until = after(HURRY)
        elif pending is not None and g.wake == WAKE_TIMEOUT:
            break
        outcome = stand_once(what, s, g, waiter, until, reason)
    cdef int granted = step_out(what, waiter, outcome)
    if outcome < 0:
        return np_pass_on()
    if not granted:
        raise pending
    if pending is not None:
        g.interrupt = pending
        s.interrupt_later(g)
    return granted

"""The ways to wait: for a descriptor, in a queue, for a moment.

Each parks the calling goroutine, and says afterwards why it runs again. What ended the wait counts
first: a goroutine that has what it waited for says so, and a cancellation that came at the same moment
comes up at its next park.

Source: go1.27 runtime/netpoll.go netpollblock, runtime/time.go timeSleep.
"""
from libc.errno cimport EBADF
from libc.stdint cimport int64_t, uint32_t

import os

from netpoll._runtime.clock cimport np_coarse_time
from netpoll._runtime.g cimport G, G_RUNNING, G_WAITING, IN_LINE, IN_QUEUE, WAKE_READY, WAKE_TIMEOUT
from netpoll._runtime.netpoll cimport (
    MODE_READ,
    POLL_CLOSING,
    POLL_OK,
    POLL_STALE,
    POLL_TIMEOUT,
    PollDesc,
    pd_abandon_wait,
    pd_begin_wait,
    pd_check,
    pd_commit_wait,
    pd_end_wait,
)
from netpoll._runtime.raised cimport np_pass_on
from netpoll._runtime.scheduler cimport Scheduler, current_g, park
from netpoll._runtime.timers cimport Timer, TimerHeap, timer_disarm
from netpoll._runtime.waitq cimport Waiter, leave
from netpoll.errors import ClosedError, DeadlineExceeded

ctypedef int (*park_fn)(Scheduler s, G g) noexcept
ctypedef int (*arm_fn)(TimerHeap timers, Timer *timer, int64_t when) noexcept
cdef park_fn park_quietly = <park_fn><void *>park    # see raised.pxd


cdef int arm(TimerHeap timers, Timer *timer, int64_t when) except -1:
    return timers.arm(timer, when)


cdef arm_fn arm_quietly = <arm_fn><void *>arm


cdef int fail_poll(int error) except -1:
    """Raise what a PollError means."""
    if error == POLL_CLOSING:
        raise ClosedError()
    if error == POLL_TIMEOUT:
        raise DeadlineExceeded()
    if error == POLL_STALE:
        raise OSError(EBADF, os.strerror(EBADF))
    raise OSError(EBADF, "the descriptor cannot be waited for")


cdef int wait_poll(Scheduler s, PollDesc *pd, int mode, int64_t until) except -1:
    """Park until `pd` is ready in this direction; return a PollError. `until` 0: no limit of its own."""
    cdef G g = current_g(s)
    cdef int error = pd_check(pd, mode)
    if error:
        return error
    if pd_begin_wait(pd, mode):
        return POLL_OK
    if g.stop or g.interrupt is not None:
        pd_abandon_wait(pd, mode, NULL)
        s.check_pending(g)
    g.state = G_WAITING
    if not pd_commit_wait(pd, mode, <void *>g):
        g.state = G_RUNNING
        return POLL_OK if pd_end_wait(pd, mode, <void *>g) else pd_check(pd, mode)
    g.reason = "read" if mode == MODE_READ else "write"
    if until:
        s.timers.arm(&g.timer, until)
    cdef uint32_t tag = pd.tag
    s.net_waiters += 1
    cdef int outcome = park_quietly(s, g)
    s.net_waiters -= 1
    if until:
        timer_disarm(&g.timer)
    # After a close the descriptor may serve somebody else already: hands off.
    if (outcome < 0 or g.wake != WAKE_READY) and pd.tag == tag:
        pd_abandon_wait(pd, mode, <void *>g)
    if outcome < 0:
        return np_pass_on()
    if g.wake == WAKE_READY:
        if pd.tag != tag:
            return POLL_CLOSING
        return POLL_OK if pd_end_wait(pd, mode, <void *>g) else pd_check(pd, mode)
    if g.wake == WAKE_TIMEOUT:
        return POLL_TIMEOUT
    return s.raise_pending(g)


cdef int wait_queue(Scheduler s, Waiter *waiter, G g, int64_t until) except -1:
    """Park until the waiter is granted (what it was granted) or the time is up (0); frees it either way.

    Raises what is pending unless it was granted: then that comes up at the next park. Who is left behind by a run or
    by a fork leaves the queue. A caller whose queue other threads can reach has set `g.waits_on`.
    """
    cdef bint own_way = g.on_strand != NULL     # the caller's way out does more
    cdef int granted, outcome
    if not own_way:
        g.on_strand, g.inside, g.inside_mode = strand_waiter, <void *>waiter, IN_LINE | IN_QUEUE
    outcome = park_shared(s, g, until)
    if not own_way:
        g.on_strand = NULL
    granted = leave(waiter)
    if outcome < 0:
        return np_pass_on()
    if granted:
        if g.interrupt is not None:
            s.interrupt_later(g)
        return granted
    if g.wake == WAKE_TIMEOUT:
        return 0
    return s.raise_pending(g)


cdef void strand_waiter(void *inside, int mode) noexcept:
    leave(<Waiter *>inside)


cdef int park_shared(Scheduler s, G g, int64_t until) noexcept:
    """Park in what the caller has queued it in; `g.wake` says afterwards why it runs again. < 0: an exception is set.

    `until` 0: no limit. `g.waits_on`, if set, is what dumps name; any thread may wake it then.
    """
    cdef bint shared = g.waits_on != NULL
    cdef int outcome
    g.parked_at = np_coarse_time()
    if until:
        if arm_quietly(s.timers, &g.timer, until) < 0:
            g.waits_on = NULL
            return -1
    s.shared += shared
    g.state = G_WAITING
    outcome = park_quietly(s, g)
    s.shared -= shared
    g.waits_on = NULL
    g.parked_at = 0
    if until:
        timer_disarm(&g.timer)
    return outcome


cdef int sleep_until(Scheduler s, int64_t when) except -1:
    """Park until `when`."""
    cdef G g = current_g(s)
    s.check_pending(g)
    g.reason = "sleep"
    s.timers.arm(&g.timer, when)    # may raise: before it counts as waiting
    g.state = G_WAITING
    cdef int outcome = park_quietly(s, g)
    timer_disarm(&g.timer)
    if outcome < 0:
        return np_pass_on()
    if g.wake != WAKE_TIMEOUT:
        s.raise_pending(g)
    return 0

"""The latch; see latch.pxd for its states."""
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, ON_THREAD
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, ready_all
from netpoll._runtime.wait cimport wait_queue
from netpoll._runtime.waitq cimport Waiter, enqueue

cdef enum:
    BY_LATCH = 4    # beside the permits of permits.pyx: it is woken from outside, after a fork too


cdef class Latch:
    """Opens once, from any thread, and stays open. `reason` says what is waited for, in dumps."""

    def __init__(self, str reason not None):
        """Make one that is shut."""
        self.reason = reason.encode()

    cdef bint wait_until(self, int64_t until) except -1:
        """Park until it is open, or until `until` (0: for ever); say whether it is. Open comes before cancelled."""
        cdef Scheduler s
        cdef G g
        cdef Waiter *waiter
        if self.opened:
            return True
        s = get_scheduler()
        g = current_g(s)
        s.check_pending(g)
        if self.opened:
            return True
        g.reason = self.reason
        waiter = enqueue(&self.waiters, <void *>g)
        s.outside += 1
        s.calls += 1
        g.parked_for = BY_LATCH | ON_THREAD
        try:
            wait_queue(s, waiter, g, until)
        finally:
            g.parked_for = 0
            s.outside -= 1
            s.calls -= 1
        return self.opened

    cdef void open_now(self) noexcept:
        """Open it. C alone: no Python code runs."""
        self.opened = True
        ready_all(&self.waiters)

    def wait(self, timeout=None):
        """Park until it is open; return False if `timeout` seconds passed first."""
        return self.wait_until(moment(timeout))

    def open(self):
        """Open it, and wake all who wait. Any thread; does not park."""
        self.open_now()


def check_cancelled():
    """Raise what is pending for the calling goroutine, as a park would; else do nothing."""
    cdef Scheduler s = get_scheduler()
    s.check_pending(current_g(s))

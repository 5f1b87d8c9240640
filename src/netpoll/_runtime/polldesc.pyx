"""PollDesc for Python: readiness of a descriptor that somebody else owns.

Source: go1.27 internal/poll/fd_poll_runtime.go.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport (
    MODE_READ,
    MODE_WRITE,
    POLL_CLOSING,
    POLL_OK,
    PollDesc as CPollDesc,
    Poller,
    pd_close,
    pd_unblock,
)
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, ready_list
from netpoll._runtime.wait cimport fail_poll, wait_poll
from netpoll.errors import ClosedError


cdef void strand(void *inside, int mode) noexcept:
    """Let go of a goroutine that will never run again."""
    cdef PollDesc desc = <PollDesc>inside
    desc.waiting &= ~mode
    if desc.pd != NULL:
        pd_unblock(desc.pd, mode, False)


@cython.no_gc_clear     # __dealloc__ needs the poller
cdef class PollDesc:
    """The readiness of one descriptor, which must be non-blocking and stays the caller's.

    Edge-triggered: after a wait, read or write until the system says EAGAIN, then wait again. One
    waiter a direction, RuntimeError for a second. Belongs to the thread that makes it. `close`
    before the descriptor is closed; `with` does it.
    """

    cdef CPollDesc *pd
    cdef Poller poller
    cdef Scheduler scheduler
    cdef int waiting

    def __init__(self, int fileno):
        """Register. OSError.

        PermissionError for what cannot be waited for (a regular file), FileExistsError for what is
        registered already, by a connection or another PollDesc.
        """
        cdef GList woken = GList(NULL, NULL, 0)
        if self.pd != NULL:
            raise RuntimeError("registered already")
        self.scheduler = get_scheduler()
        self.poller = self.scheduler.poller
        if self.poller.owns(fileno):
            raise ValueError(f"descriptor {fileno} is the poller's own")
        self.pd = self.poller.register(fileno, False, &woken)
        ready_list(&woken)

    def __dealloc__(self):
        if self.pd != NULL:
            self.poller.deregister(self.pd)

    def wait_readable(self, timeout=None):
        """Park until there may be something to read; DeadlineExceeded after `timeout` seconds."""
        self.wait(MODE_READ, timeout)

    def wait_writable(self, timeout=None):
        """Park until something may be written; DeadlineExceeded after `timeout` seconds."""
        self.wait(MODE_WRITE, timeout)

    cdef int wait(self, int mode, object timeout) except -1:
        cdef Poller _poller    # kept alive: its cache holds what is waited on
        cdef int error
        cdef int64_t until
        cdef G g
        if self.pd == NULL or self.scheduler.closed:
            raise ClosedError()
        if get_scheduler() is not self.scheduler:
            raise RuntimeError("this descriptor is registered with the scheduler of another thread")
        if self.waiting & mode:
            raise RuntimeError("another goroutine waits for this descriptor in this direction")
        until = moment(timeout)
        if self.poller.closed:
            self.move()
        _poller = self.poller
        self.waiting |= mode
        g = current_g(self.scheduler)
        g.on_strand, g.inside, g.inside_mode = strand, <void *>self, mode
        try:
            error = wait_poll(self.scheduler, self.pd, mode, until)
        finally:
            self.waiting &= ~mode
            g.on_strand = NULL
        if error == POLL_OK or (error == POLL_CLOSING and self.pd != NULL):   # moved meanwhile: try again
            return 0
        return fail_poll(error)

    cdef int move(self) except -1:
        """Register with the poller that took the place of one whose own descriptor was lost."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef CPollDesc *old = self.pd
        self.pd = self.scheduler.poller.register(old.fd, False, &woken)
        self.poller.deregister(old)
        self.poller = self.scheduler.poller
        ready_list(&woken)
        return 0

    def close(self):
        """End the registration; who waits gets ClosedError. The descriptor stays open."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef CPollDesc *pd = self.pd
        if pd == NULL:
            return
        self.pd = NULL
        pd_close(pd, &woken)
        ready_list(&woken)
        self.poller.deregister(pd)

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self.close()

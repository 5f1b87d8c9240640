"""Semaphore: so many units, of which each acquires some and gives them back.

    free   line      acquire(k)                          release(k)
    >= k   empty     free - k                            free + k; more than the capacity: RuntimeError
    < k    empty     first in line                       the same
    any    waiters   last in line, however small k is    free + k; then those at the head for whom that is enough

Strictly first in, first out: who wants one unit does not overtake one who wants ten, who would starve else. When the
first in line gives up, those behind it for whom there is enough go in.

Source: golang.org/x/sync semaphore.Weighted.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, WAKE_READY, make_runnable, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport Scheduler, current_g, enqueue_runnable, get_scheduler, ready_list, spend_here
from netpoll._runtime.waitq cimport WaitQ, dequeue
from netpoll.sync.line cimport Shared, join_line, length, share_of, stand


@cython.final
cdef class Semaphore(Shared):
    """`capacity` units, one at least, all free at first; who wants more than that waits in line.

    For `with`, which takes one unit, or `holding(k)`. First in, first out, whatever the number of
    units. A goroutine that is cancelled while it waits gets none. Any thread.

    Source: golang.org/x/sync semaphore.Weighted.
    """

    cdef readonly Py_ssize_t capacity
    cdef readonly Py_ssize_t free
    cdef WaitQ line

    def __cinit__(self, Py_ssize_t capacity):
        if capacity < 1:
            raise ValueError(f"a semaphore has at least one unit, not {capacity}")
        self.capacity = self.free = capacity

    def __repr__(self):
        cdef Py_ssize_t waiting = length(&self.line)
        return f"<Semaphore {self.free} of {self.capacity} free{f', {waiting} waiting' if waiting else ''}>"

    def acquire(self, Py_ssize_t k=1, timeout=None):
        """Take k units, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks if fewer are free or somebody waits already; raises Cancelled then, and only then.
        ValueError for k < 1 and for more than there are, which would wait for ever.

        Source: golang.org/x/sync semaphore.Weighted.Acquire.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        if not self.take(k):
            self.wait_turn(k, timeout, until)

    def try_acquire(self, Py_ssize_t k=1):
        """Take k units if so many are free and nobody waits; tell whether that was so.

        Source: golang.org/x/sync semaphore.Weighted.TryAcquire.
        """
        return self.take(k)

    def release(self, Py_ssize_t k=1):
        """Give k units back. RuntimeError if fewer are taken, ValueError for k < 1. Never parks.

        Source: golang.org/x/sync semaphore.Weighted.Release.
        """
        if k < 1:
            raise ValueError(f"one unit at least, not {k}")
        if k > self.capacity - self.free:
            raise RuntimeError(f"release of {k} units, of which {self.capacity - self.free} are taken: {self!r}")
        self.free += k
        if self.line.first != NULL:
            self.hand_out()

    def holding(self, Py_ssize_t k=1, timeout=None):
        """Return what `with` holds k units by; it may be used any number of times."""
        self.check(k)
        return Holding(self, k, timeout)

    def __enter__(self):
        if not self.take(1):
            self.wait_turn(1, None, 0)

    def __exit__(self, kind, exception, traceback):
        self.release()

    cdef int check(self, Py_ssize_t k) except -1:
        if k < 1:
            raise ValueError(f"one unit at least, not {k}")
        if k > self.capacity:
            raise ValueError(f"{k} units will never be free: {self!r}")
        return 0

    cdef bint take(self, Py_ssize_t k) except -1:
        self.check(k)
        spend_here()
        if k > self.free or self.line.first != NULL:
            return False
        self.free -= k
        return True

    cdef int wait_turn(self, Py_ssize_t k, object timeout, int64_t until) except -1:
        """Stand in line for k units."""
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        s.check_pending(g)
        if k <= self.free and self.line.first == NULL:
            self.free -= k
            return 0
        if not stand(self, s, g, join_line(&self.line, g, k), until, "to acquire from"):
            raise TimeoutError(f"no {k} units within {timeout} s: {self!r}")
        return 0

    cdef void hand_out(self) noexcept:
        """Give those at the head of the line what they wait for, as long as it is enough."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef void *g
        while self.line.first != NULL and share_of(self.line.first) <= self.free:
            self.free -= share_of(self.line.first)
            g = dequeue(&self.line, 1)
            if make_runnable(g, WAKE_READY):
                push(&woken, g)
        if woken.count == 1:
            enqueue_runnable(woken.head, True)  # handed over: it runs next
        else:
            ready_list(&woken)

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if granted:
            self.free += share
        self.hand_out()


@cython.final
cdef class Holding:
    """Some units of a Semaphore, for `with`."""

    cdef Semaphore semaphore
    cdef Py_ssize_t k
    cdef object timeout

    def __cinit__(self, Semaphore semaphore not None, Py_ssize_t k, timeout):
        self.semaphore = semaphore
        self.k = k
        self.timeout = timeout

    def __enter__(self):
        self.semaphore.acquire(self.k, self.timeout)

    def __exit__(self, kind, exception, traceback):
        self.semaphore.release(self.k)

"""Mutex: a lock that one goroutine at a time has.

    holder   line      lock                          unlock
    nobody   empty     the caller has it             RuntimeError
    one      empty     the caller is first in line   nobody has it
    one      waiters   the caller is last in line    the first in line has it, and is woken

Handed over, and not put up for whoever comes first: then nobody can starve, who waits longest is next, and a waiter
that is woken has the lock and need not try again. Go does that only after somebody has waited for 1 ms, because its
threads would otherwise stand still until the next one runs; here the next one runs as soon as the present one parks,
and what it costs is one switch.

Source: go1.27 internal/sync/mutex.go (starvation mode).
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, ready, spend_here
from netpoll._runtime.waitq cimport Waiter, dequeue
from netpoll.sync.holder cimport hold_by, hold_here, holds_here, name_of_holder
from netpoll.sync.line cimport Shared, join_line, length, stand, stand_firm


@cython.final
cdef class Mutex(Shared):
    """A lock that one goroutine at a time has; the others wait in line, first in, first out.

    For `with`. Not reentrant: who locks what it has itself waits for itself. Another goroutine may
    unlock it. One that is cancelled while it waits does not get it; one that ends without having
    unlocked it leaves it locked. Any thread, also one without goroutines.

    Source: go1.27 sync/mutex.go Mutex.
    """

    def __repr__(self):
        if not self.holder.id:
            return "<Mutex unlocked>"
        cdef Py_ssize_t waiting = length(&self.line)
        return f"<Mutex locked by {name_of_holder(&self.holder)}{f', {waiting} waiting' if waiting else ''}>"

    @property
    def locked(self):
        """Whether anybody has it."""
        return self.holder.id != 0

    def lock(self, timeout=None):
        """Take the lock, waiting in line for at most `timeout` seconds: TimeoutError after that.

        Parks if somebody has it; raises Cancelled then, and only then.

        Source: go1.27 sync/mutex.go (*Mutex).Lock.
        """
        self.take(timeout, 0 if timeout is None else moment(timeout))

    def try_lock(self):
        """Take the lock if nobody has it, and tell whether that was so. Does not wait.

        Source: go1.27 sync/mutex.go (*Mutex).TryLock.
        """
        spend_here()
        if self.holder.id:
            return False
        hold_here(&self.holder)
        return True

    def unlock(self):
        """Give the lock to the first in line, or back. RuntimeError if nobody has it. Never parks.

        Source: go1.27 sync/mutex.go (*Mutex).Unlock.
        """
        self.give()

    def __enter__(self):
        self.take(None, 0)

    def __exit__(self, kind, exception, traceback):
        self.give()

    cdef int take(self, object timeout, int64_t until) except -1:
        spend_here()    # before, not after: nobody is to wait for one who lets the others run
        if self.forgone is not None:
            self.forgive(current_g(get_scheduler()))    # it never unlocked what it did not get
        if self.holder.id:
            return self.wait_turn(timeout, until)
        hold_here(&self.holder)
        return 0

    cdef int give(self) except -1:
        if self.forgone is not None and self.forgive(current_g(get_scheduler())):
            return 0
        if self.holder.id:
            self.pass_on()
        else:
            raise RuntimeError("unlock of a Mutex that is not locked")
        return 0

    cdef int wait_turn(self, object timeout, int64_t until) except -1:
        """Stand in line for the lock."""
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        cdef Waiter *waiter
        cdef const char *reason = "to lock"
        s.check_pending(g)
        if not self.holder.id:
            hold_here(&self.holder)
            return 0
        if holds_here(&self.holder, g):
            reason = "to lock, though it has it itself,"
        waiter = join_line(&self.line, g, 0)
        if not stand(self, s, g, waiter, until, reason):
            raise TimeoutError(f"no lock within {timeout} s: {self!r}")
        return 0

    cdef void pass_on(self) noexcept:
        cdef void *g = dequeue(&self.line, 1)
        if g == NULL:
            self.holder.id = 0
        else:
            hold_by(&self.holder, g)
            ready(g)

    cdef int retake(self, Scheduler s, G g) except -1:
        """Lock again at the end of a wait for a Cond, whatever is cancelled meanwhile."""
        if not self.holder.id:
            hold_here(&self.holder)
            return 0
        try:
            return stand_firm(self, s, g, join_line(&self.line, g, 0), "to lock again")
        except BaseException:
            if self.forgone is None:
                self.forgone = set()
            self.forgone.add(g.id)  # the unlock to come would be of what another one has
            raise

    cdef bint forgive(self, G g) except -1:
        """Forget that somebody owes no unlock, if so it is; tell whether it was."""
        cdef bint owed_none = g.id in self.forgone
        self.forgone.discard(g.id)
        if not self.forgone:
            self.forgone = None
        return owed_none

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if granted:
            self.pass_on()

"""Cond: goroutines that wait, with a Mutex, until somebody says that something has changed.

    step of wait                what can happen                         the mutex
    called                      its caller does not hold it             RuntimeError
    in line, mutex given up     signal, broadcast                       -> lock again; True
    (one step)                  time is up                              -> lock again; False
                                cancelled                               -> lock again; Cancelled
    lock again                  cancelled: comes up at the next park    taken
                                Ctrl-C, a deadlock                      taken if it is free within 50 ms; else it stays
                                                                        with who has it, the exception comes up, and
                                                                        the unlock that follows does nothing

A signal goes to who stands in line and to nobody else: one that comes before wait is lost, and one that comes at the
same moment as a timeout or a cancellation counts (True, and the cancellation comes up at the next park). Locking again
may take as long as others hold the mutex; a timeout does not cover it.

Source: go1.27 sync/cond.go; threading.Condition for the timeout and wait_for.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment, nanotime
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler
from netpoll._runtime.waitq cimport Waiter, WaitQ
from netpoll.sync.holder cimport holds_here
from netpoll.sync.line cimport Shared, join_line, length, let_all_in, let_in, stand
from netpoll.sync.mutex cimport Mutex


@cython.final
cdef class Cond(Shared):
    """A place where goroutines wait for a change of what a Mutex protects. Any thread.

    Source: go1.27 sync/cond.go Cond.
    """

    cdef readonly Mutex mutex
    cdef WaitQ line

    @cython.embedsignature(False)  # without the default, which is there for the message alone
    def __cinit__(self, mutex=None):
        if not isinstance(mutex, Mutex):
            raise TypeError("Cond() needs a Mutex, which its users lock: Cond(Mutex())")
        self.mutex = mutex

    def __repr__(self):
        cdef Py_ssize_t waiting = length(&self.line)
        return f"<Cond{f', {waiting} waiting' if waiting else ''}, with {self.mutex!r}>"

    def wait(self, timeout=None):
        """Unlock the mutex, wait for `signal` or `broadcast`, lock it again; all parks.

        False if `timeout` seconds passed first. Also when it raises Cancelled the mutex is locked
        again, for however long that takes. RuntimeError if the caller does not hold it. As between
        the signal and its return others may have changed everything: in a loop, or `wait_for`.

        Source: go1.27 sync/cond.go (*Cond).Wait.
        """
        return self.wait_until(0 if timeout is None else moment(timeout))

    def wait_for(self, predicate, timeout=None):
        """Wait until `predicate()`, called with the mutex locked, is true; return that.

        What it returned last, if `timeout` seconds passed first. Otherwise as `wait`.

        Source: threading.Condition.wait_for.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        self.demand(get_scheduler())
        while True:
            result = predicate()
            if result or (until and nanotime() >= until):
                return result
            self.wait_until(until)

    def signal(self):
        """Wake the first in line, if anybody waits. With the mutex locked or not. Never parks.

        Source: go1.27 sync/cond.go (*Cond).Signal.
        """
        let_in(&self.line, 1)

    def broadcast(self):
        """Wake all who wait; they lock the mutex in the order in which they came. Never parks.

        Source: go1.27 sync/cond.go (*Cond).Broadcast.
        """
        let_all_in(&self.line, 1)

    cdef int demand(self, Scheduler s) except -1:
        if not holds_here(&self.mutex.holder, current_g(s)):
            raise RuntimeError(f"the caller does not hold the mutex: {self!r}")
        return 0

    cdef bint wait_until(self, int64_t until) except -1:
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        cdef Waiter *waiter
        self.demand(s)
        s.check_pending(g)
        waiter = join_line(&self.line, g, 0)
        self.mutex.pass_on()
        try:
            return stand(self, s, g, waiter, until, "for a signal of") != 0
        finally:
            self.mutex.retake(s, g)

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if granted:
            let_in(&self.line, 1)   # the signal was for anybody who waits

"""Mutex; see mutex.pyx."""
from libc.stdint cimport int64_t, uint64_t

from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler
from netpoll._runtime.waitq cimport WaitQ
from netpoll.sync.holder cimport Holder
from netpoll.sync.line cimport Shared

cdef class Mutex(Shared):
    cdef WaitQ line
    cdef Holder holder
    cdef set forgone            # the ids of those who left a wait for a Cond without the lock; None: nobody

    cdef int take(self, object timeout, int64_t until) except -1
    cdef int give(self) except -1
    cdef int wait_turn(self, object timeout, int64_t until) except -1
    cdef void pass_on(self) noexcept
    cdef bint forgive(self, G g) except -1
    cdef int retake(self, Scheduler s, G g) except -1

"""Latch: what comes to its end on another thread, and the goroutines that wait for that.

    latch    wait       open
    shut     parks      -> opened; wakes all who wait
    opened   returns    nothing

Source: java.util.concurrent.CountDownLatch of one.
"""
from libc.stdint cimport int64_t

from netpoll._runtime.waitq cimport WaitQ

cdef class Latch:
    cdef WaitQ waiters
    cdef readonly bint opened
    cdef bytes reason           # what its waiters wait for, in dumps

    cdef bint wait_until(self, int64_t until) except -1
    cdef void open_now(self) noexcept

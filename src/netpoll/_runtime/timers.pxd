"""Timers of one scheduler: a 4-ary heap that is lazy about moving a timer to a later time.

    timer          index   when        heap_when    meaning
    idle           -1      NO_TIME     any          in no heap
    armed          >= 0    t           t            fires at t
    postponed      >= 0    t           u < t        was armed for u, is looked at then and sinks to t
    disarmed       >= 0    NO_TIME     u            was armed for u, leaves the heap then at the latest

A deadline that is pushed on with every request (the usual case) and a timeout that did not come
(the usual case too) thus cost one store each. `next_when` settles what is postponed or disarmed at
the top, so a sleeping process is not woken for nothing.

Source: go1.27 runtime/time.go (lazy deletion and modification, 4-ary heap).
"""
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

from netpoll._runtime.glist cimport GList

cdef enum:
    NO_TIME = 0

ctypedef void (*fire_fn)(Timer *timer, GList *ready) noexcept

cdef struct Timer:
    int64_t when        # due, ns on the monotonic clock; NO_TIME: disarmed
    int64_t heap_when   # the key under which it lies in the heap
    fire_fn fire        # puts the goroutines that can run on `ready`
    void *arg
    int32_t index       # place in the heap, -1: none
    uint32_t seq        # the owner's sequence number when it was armed

cdef inline void timer_init(Timer *timer, fire_fn fire, void *arg) noexcept:
    timer.when = NO_TIME
    timer.heap_when = 0
    timer.fire = fire
    timer.arg = arg
    timer.index = -1
    timer.seq = 0


cdef inline void timer_disarm(Timer *timer) noexcept:
    timer.when = NO_TIME


cdef class TimerHeap:
    cdef Timer **heap
    cdef int32_t count
    cdef int32_t capacity
    cdef uint64_t changes       # how often a timer was armed

    cdef int arm(self, Timer *timer, int64_t when) except -1
    cdef void remove(self, Timer *timer) noexcept
    cdef int64_t next_when(self) noexcept
    cdef int armed(self) noexcept
    cdef int run_due(self, int64_t now, GList *ready) noexcept
    cdef int grow(self) except -1
    cdef void settle_top(self) noexcept
    cdef void sift_up(self, int32_t index, Timer *timer) noexcept
    cdef void sift_down(self, int32_t index, Timer *timer) noexcept
    cdef void take_out(self, int32_t index) noexcept

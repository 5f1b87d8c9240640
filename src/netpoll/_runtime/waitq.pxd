"""WaitQ: goroutines that wait for one thing, first in first out. The one waiting primitive.

A waiter is a small C struct from malloc, never a variable on the C stack: the stack of a parked
goroutine is copied away, so nobody else could follow a pointer into it.

    waiter      queue   granted   who owns the struct
    queued      set     0         the queue and the goroutine
    granted     NULL    > 0       the goroutine: it was taken from the queue and handed what it waited for,
                                  the number says what
    withdrawn   NULL    0         the goroutine: timeout or cancellation, it took itself out

A goroutine that is granted and cancelled at the same moment has what it waited for: it says so to the
caller, and the cancellation comes up at the next park.
"""
from libc.stdint cimport uint8_t

cdef struct Waiter:
    Waiter *next
    Waiter *prev
    WaitQ *queue
    void *g
    void *owner         # whose queue it is, for whoever queued it
    uint8_t granted

cdef struct WaitQ:
    Waiter *first
    Waiter *last

cdef Waiter *enqueue(WaitQ *queue, void *g) except NULL
cdef void *dequeue(WaitQ *queue, uint8_t grant) noexcept
cdef int leave(Waiter *waiter) noexcept

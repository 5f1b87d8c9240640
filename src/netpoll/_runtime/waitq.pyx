"""The waiting queue; see waitq.pxd for the states of a waiter."""
from libc.stdint cimport uint8_t
from libc.stdlib cimport free, malloc


cdef Waiter *enqueue(WaitQ *queue, void *g) except NULL:
    """Append a waiter for goroutine `g`; the caller parks next and then calls `leave`."""
    cdef Waiter *waiter = <Waiter *>malloc(sizeof(Waiter))
    if waiter == NULL:
        raise MemoryError("no memory to wait")
    waiter.g = g
    waiter.granted = 0
    waiter.queue = queue
    waiter.next = NULL
    waiter.prev = queue.last
    if queue.last == NULL:
        queue.first = waiter
    else:
        queue.last.next = waiter
    queue.last = waiter
    return waiter


cdef void take_out(Waiter *waiter) noexcept:
    cdef WaitQ *queue = waiter.queue
    if waiter.prev == NULL:
        queue.first = waiter.next
    else:
        waiter.prev.next = waiter.next
    if waiter.next == NULL:
        queue.last = waiter.prev
    else:
        waiter.next.prev = waiter.prev
    waiter.queue = NULL


cdef void *dequeue(WaitQ *queue, uint8_t grant) noexcept:
    """Hand the first waiter `grant`; return its goroutine, NULL if nobody waits."""
    cdef Waiter *waiter = queue.first
    if waiter == NULL:
        return NULL
    take_out(waiter)
    waiter.granted = grant
    return waiter.g


cdef int leave(Waiter *waiter) noexcept:
    """End a wait and free the waiter; return what it was handed, 0 if nothing."""
    cdef int granted = waiter.granted
    if waiter.queue != NULL:
        take_out(waiter)
    free(waiter)
    return granted

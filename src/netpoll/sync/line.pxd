"""Standing in line: what all that goroutines wait for here have in common, over the runtime's one waiting queue.

    a waiter    how                                       what it has   then
    in line     join_line, stand                          nothing
    granted     let_in, let_all_in                        its share     stand returns what it was granted
    withdrawn   its time is up, it was cancelled          nothing       left(0): those behind it may fit now
    lost        granted, but it will never run (left
                behind by a run or a fork), or its
                park failed                               its share     left(granted): the share goes back

Whoever grants changes the state in the waiter's name before it wakes it, so there is no moment at which a
third one could take what was meant for the first in line, and nothing that who wakes up would have to try again.
All is settled before anything that can run Python code: exact under the GIL, from any thread.

Source: go1.27 runtime/sema.go (semrelease with hand-off).
"""
from libc.stdint cimport int64_t, uint8_t

from netpoll._runtime.g cimport G, WAKE_READY, make_runnable
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport Scheduler, enqueue_runnable, ready
from netpoll._runtime.waitq cimport Waiter, WaitQ, dequeue

cdef class Shared:
    cdef object __weakref__

    cdef void left(self, int granted, Py_ssize_t share) noexcept

cdef Waiter *join_line(WaitQ *line, G g, Py_ssize_t share) except NULL
cdef int stand(Shared what, Scheduler s, G g, Waiter *waiter, int64_t until, const char *reason) except -1
cdef int stand_firm(Shared what, Scheduler s, G g, Waiter *waiter, const char *reason) except -1


cdef inline Py_ssize_t share_of(Waiter *waiter) noexcept:
    """How much it stands in line for; kept in the field that the queue leaves to whoever queues."""
    return <Py_ssize_t>waiter.owner


cdef inline void let_in(WaitQ *line, uint8_t grant) noexcept:
    """Grant the first in line what it waits for, if anybody is there; it runs next."""
    cdef void *g = dequeue(line, grant)
    if g != NULL:
        ready(g)


cdef inline void let_all_in(WaitQ *line, uint8_t grant) noexcept:
    """Grant everybody in line what they wait for.

    They run in the order in which they came: each at the end of the run queue, since in the run-next slot the
    last would push the others out.
    """
    cdef void *g
    if line.first != NULL and line.first == line.last:
        let_in(line, grant)
        return
    while True:
        g = dequeue(line, grant)
        if g == NULL:
            return
        if make_runnable(g, WAKE_READY):
            enqueue_runnable(g, False)


cdef inline Py_ssize_t length(WaitQ *line) noexcept:
    """How many stand in it; counted, for dumps only."""
    cdef Waiter *waiter = line.first
    cdef Py_ssize_t found = 0
    while waiter != NULL:
        found += 1
        waiter = waiter.next
    return found

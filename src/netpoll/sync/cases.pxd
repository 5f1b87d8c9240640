"""Case: a goroutine that waits at a channel. One that selects has several, and waits once.

    case       line   wait.served   who knows it
    standing   set    NULL          the line of a channel: it is to send `value`, or to receive
    served     NULL   itself        its goroutine: the value was taken, one was brought, or the channel was closed
    lost       NULL   another       nobody: another case of the same wait was served
    given up   NULL   NULL          nobody: the time was up, it was cancelled, or its goroutine will never run again

Whoever serves a case takes all cases of that wait out of their lines in the same step. So each case that stands in
a line can be served, and one that lost has left no trace by the time that anybody can look.

A goroutine that was served and cancelled at the same moment has what it waited for, and the cancellation comes up
at its next park. Only of a close it does not hear then: that is lost by nobody.

A wait is memory from malloc, never on the C stack: that of a parked goroutine is copied away.

Source: go1.27 runtime/runtime2.go sudog, runtime/select.go.
"""
from cpython.object cimport PyObject
from libc.stdint cimport int64_t

from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler

cdef struct Line:
    Case *first
    Case *last

cdef struct Case:
    Case *next
    Case *prev
    Line *line
    Wait *wait
    PyObject *value     # what is to be sent, borrowed from the goroutine that waits; NULL: a receive
    int turn            # for select: which case is the next to stand in line

cdef struct Wait:
    void *g
    Case *served
    PyObject *value     # what the receive that was served got, owned
    bint ok             # served by a goroutine; False: by a close
    int count
    Case cases[1]       # in truth `count`

cdef Wait *begin_wait(G g, int count) except NULL
cdef void end_wait(Wait *wait) noexcept
cdef int stand(Scheduler s, G g, Wait *wait, int64_t until) except -1


cdef inline void join_line(Line *line, Case *case) noexcept:
    """Stand at the end of a line."""
    case.line = line
    case.next = NULL
    case.prev = line.last
    if line.last == NULL:
        line.first = case
    else:
        line.last.next = case
    line.last = case


cdef inline void leave_line(Case *case) noexcept:
    cdef Line *line = case.line
    if case.prev == NULL:
        line.first = case.next
    else:
        case.prev.next = case.next
    if case.next == NULL:
        line.last = case.prev
    else:
        case.next.prev = case.prev
    case.line = NULL


cdef inline void give_up(Wait *wait) noexcept:
    """Take all cases of a wait out of the lines."""
    cdef int i
    for i in range(wait.count):
        if wait.cases[i].line != NULL:
            leave_line(&wait.cases[i])


cdef inline void *serve(Case *case, PyObject *value, bint ok) noexcept:
    """Give a case its turn, a receive with `value` (which it owns then); return the goroutine, to be made ready."""
    cdef Wait *wait = case.wait
    wait.served = case
    wait.value = value
    wait.ok = ok
    give_up(wait)
    return wait.g

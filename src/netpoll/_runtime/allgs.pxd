"""All goroutines of one thread that are not dead: a list that holds each of them alive.

Source: go1.27 runtime/proc.go (allgs), though a dead one leaves this list.
"""
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from netpoll._runtime.g cimport G

cdef struct AllGs:
    void *youngest
    int64_t count


cdef inline void enlist(AllGs *all_gs, G g) noexcept:
    """Add a new one."""
    g.all_prev = NULL
    g.all_next = all_gs.youngest
    if all_gs.youngest != NULL:
        (<G>all_gs.youngest).all_prev = <void *>g
    all_gs.youngest = <void *>g
    all_gs.count += 1
    Py_INCREF(g)


cdef inline void strike(AllGs *all_gs, G g) noexcept:
    """Take out one that is dead, which may be freed by that."""
    if g.all_prev == NULL:
        all_gs.youngest = g.all_next
    else:
        (<G>g.all_prev).all_next = g.all_next
    if g.all_next != NULL:
        (<G>g.all_next).all_prev = g.all_prev
    g.all_next = g.all_prev = NULL
    all_gs.count -= 1
    Py_DECREF(g)


cdef inline list all_of(AllGs *all_gs):
    """Return all, oldest first."""
    cdef list found = []
    cdef void *g = all_gs.youngest
    while g != NULL:
        found.append(<G>g)
        g = (<G>g).all_next
    found.reverse()
    return found

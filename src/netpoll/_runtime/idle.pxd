"""Greenlets whose goroutines have ended, for the next ones: a stack of references, the last in is the first out.

An array and no Python list, which gives back its memory when it gets empty and asks for it again with the next.

Source: go1.27 runtime/proc.go gfput, gfget.
"""
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF
from libc.stdlib cimport free, malloc

cdef enum:
    MAX_IDLE = 1024       # greenlets kept, some 2 KiB each

cdef struct Idle:
    PyObject **greenlets
    int count


cdef inline bint rest(Idle *idle, PyObject *greenlet) noexcept:
    """Take over a reference to a greenlet; False if there are enough of them already, or no memory."""
    if idle.count == MAX_IDLE:
        return False
    if idle.greenlets == NULL:
        idle.greenlets = <PyObject **>malloc(MAX_IDLE * sizeof(PyObject *))
        if idle.greenlets == NULL:
            return False
    idle.greenlets[idle.count] = greenlet
    idle.count += 1
    return True


cdef inline PyObject *rouse(Idle *idle) noexcept:
    """Give back a reference to the last one, NULL if there is none."""
    if idle.count == 0:
        return NULL
    idle.count -= 1
    return idle.greenlets[idle.count]


cdef inline void dismiss(Idle *idle) noexcept:
    """Let go of all, each of which ends by that."""
    cdef PyObject *greenlet = rouse(idle)
    while greenlet != NULL:
        Py_DECREF(<object>greenlet)
        greenlet = rouse(idle)
    free(idle.greenlets)
    idle.greenlets = NULL

"""Errors as C has them: -1 or NULL, and an exception that is set.

What nearly every parked goroutine has in its stack, read and write of bytes and what is below them, has no
`try`: for each, Cython keeps ten pointers and more in the frame, and greenlet copies the frames of a goroutine
at every switch, and keeps them for as long as it is parked. Such a function calls what may raise through a
pointer that says `noexcept`, cleans up, and lets the exception take its way.
"""
from cpython.exc cimport PyErr_SetInterrupt

cdef extern from "raised.h":
    # Take the exception that is set, with its traceback.
    object np_take_exception()
    # Let the exception that is set take its way.
    int np_pass_on() except -1


cdef inline int keep(list raised, object exception) except -1:
    """Keep what a step raised to raise it after the last: the first of all, and each Ctrl-C."""
    if not raised or isinstance(exception, KeyboardInterrupt):
        raised.append(exception)
    return 0


cdef inline int raise_first(list raised) except -1:
    """Raise the first of these; a Ctrl-C among the others comes after it."""
    if not raised:
        return 0
    if len(raised) > 1:
        PyErr_SetInterrupt()
    raise raised[0]

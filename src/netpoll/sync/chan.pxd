"""Chan for other compiled modules; see chan.pyx."""
from cpython.object cimport PyObject

from netpoll.sync.cases cimport Line

cdef enum Outcome:
    DONE = 0
    CLOSED = 1
    MUST_WAIT = 2

# Called before a receive looks: what is due to arrive by itself arrives now.
ctypedef void (*source_fn)(Chan chan) noexcept

cdef class Chan:
    cdef Line receivers
    cdef Line senders
    cdef list ring          # what is buffered, None in places that are free; grows up to `limit`
    cdef Py_ssize_t head
    cdef Py_ssize_t count
    cdef Py_ssize_t limit
    cdef bint shut
    cdef source_fn source
    cdef str label
    cdef object __weakref__

cdef int put(Chan chan, PyObject *value) except -1
cdef int take(Chan chan, PyObject **value) noexcept
cdef bint offer(Chan chan, object value) noexcept
cdef object drain(Chan chan)
cdef object closed_error(Chan chan, str op)

cdef extern from *:
    """
    static inline PyObject *np_own(PyObject *value) { return value; }
    """
    object own "np_own"(PyObject *value)    # the reference is the caller's now


cdef inline bint can_take(Chan chan) noexcept:
    """Tell whether a receive would go on at once."""
    if chan.source != NULL:
        chan.source(chan)
    return chan.count or chan.senders.first != NULL or chan.shut


cdef inline bint can_put(Chan chan) noexcept:
    """Tell whether a send would go on at once, be it with an error."""
    return chan.shut or chan.receivers.first != NULL or chan.count < chan.limit

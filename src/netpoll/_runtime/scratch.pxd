"""The receive buffer of a thread: what is there is received into it, and a copy of the right size is given out.

It is a bytes object that nobody else sees. Where there is no memory for the copy, the buffer itself is given
out: what was taken from the kernel is not lost, and who is without memory learns of it from the next `room`,
before anything is taken.

Between `room` and `contents` nobody may park: the buffer is then another's, or somebody's data.
"""
from cpython.bytes cimport PyBytes_AS_STRING
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_XDECREF

cdef extern from "Python.h":
    # Both return NULL, with an exception set, where there is no memory: it is for the caller to look.
    PyObject *PyBytes_FromStringAndSize(const char *data, Py_ssize_t size) noexcept
    void PyErr_Clear() noexcept
    void Py_SET_SIZE(PyObject *thing, Py_ssize_t size) noexcept

cdef enum:
    SCRATCH_SIZE = 65536


cdef inline char *room(PyObject **scratch) except NULL:
    """Return the buffer, of SCRATCH_SIZE bytes. MemoryError."""
    if scratch[0] == NULL:
        scratch[0] = PyBytes_FromStringAndSize(NULL, SCRATCH_SIZE)
        if scratch[0] == NULL:
            PyErr_Clear()
            raise MemoryError("no memory for a receive buffer")
    return PyBytes_AS_STRING(<object>scratch[0])


cdef inline bytes contents(PyObject **scratch, Py_ssize_t size):
    """Return the first `size` bytes of the buffer."""
    cdef PyObject *raw = PyBytes_FromStringAndSize(PyBytes_AS_STRING(<object>scratch[0]), size)
    cdef bytes data
    if raw == NULL:
        PyErr_Clear()
        raw = scratch[0]
        scratch[0] = NULL
        # No smaller memory: for that, too, there may be none.
        Py_SET_SIZE(raw, size)
        PyBytes_AS_STRING(<object>raw)[size] = 0
    data = <bytes>raw
    Py_DECREF(data)
    return data


cdef inline void drop(PyObject **scratch) noexcept:
    """Give the buffer back."""
    Py_XDECREF(scratch[0])
    scratch[0] = NULL

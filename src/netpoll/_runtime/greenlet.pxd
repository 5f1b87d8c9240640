"""The C interface of greenlet: stack switching and nothing else."""
from cpython.object cimport PyObject

cdef extern from "greenlet/greenlet.h":
    ctypedef struct PyGreenlet:
        pass
    # Each module that switches calls this once: the table it fills is static to the C file.
    void PyGreenlet_Import()
    PyGreenlet *PyGreenlet_New(PyObject *run, PyGreenlet *parent)
    PyGreenlet *PyGreenlet_GetCurrent()
    PyObject *PyGreenlet_Switch(PyGreenlet *target, PyObject *args, PyObject *kwargs)
    int PyGreenlet_SetParent(PyGreenlet *child, PyGreenlet *parent)

"""Which names of a dictionary are bound to certain objects: one pass in C, which compares addresses.

A virtual clock asks this of every module there is, some thousands in a large suite of tests, with a hundred names each.
"""
from cpython.dict cimport PyDict_Next
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE


def bound_to(dict names, tuple objects):
    """Return the names whose value is one of the objects itself, each with it; none is compared."""
    cdef list found = []
    cdef list values = []
    cdef PyObject *name
    cdef PyObject *value
    cdef Py_ssize_t at = 0
    cdef Py_ssize_t i
    # No step of it runs Python code, the appends neither: a list that grows starts no collection of garbage.
    while PyDict_Next(names, &at, &name, &value):
        for i in range(PyTuple_GET_SIZE(objects)):
            if value == <PyObject *>PyTuple_GET_ITEM(objects, i):
                found.append(<object>name)
                values.append(<object>value)
                break
    return list(zip(found, values)) if found else found

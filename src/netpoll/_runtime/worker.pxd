"""Workers; see worker.pyx."""
from cpython.object cimport PyObject

cdef PyObject *new_spawner(PyObject *main) except NULL

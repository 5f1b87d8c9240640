"""DiskFD; see disk_fd.pyx."""
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport FD

cdef class DiskFD(FD):
    cdef Py_ssize_t receive(self, char *buffer, Py_ssize_t size, int64_t offset) except -1
    cdef int send(self, const char *data, Py_ssize_t size, int64_t offset, Py_ssize_t *done) except -1

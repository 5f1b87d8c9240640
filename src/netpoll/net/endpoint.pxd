"""Endpoint: what each end has that reads and writes; see endpoint.pyx."""
from netpoll._poll.socket_fd cimport SocketFD

cdef class Endpoint:
    cdef readonly SocketFD _fd
    cdef str _network
    cdef object local       # raw sockaddr until somebody asks, then an Addr; None if there is none
    cdef object remote

    cdef object call_raw(self, str op, object fn)
    cdef int fail(self, str op) except -1
    cdef object failed(self, str op, object error)

"""Conn: one end of a stream connection; see conn.pyx."""
from netpoll._poll.stream_fd cimport StreamFD

cdef class Conn:
    cdef readonly StreamFD _fd
    cdef str _network
    cdef object local       # raw sockaddr until somebody asks, then an Addr
    cdef object remote

    cdef int fail(self, str op) except -1
    cdef object failed(self, str op, object error)

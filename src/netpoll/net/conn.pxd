"""Conn: one end of a stream connection; see conn.pyx."""
from netpoll._poll.fd cimport FD

cdef class Conn:
    cdef readonly FD _fd
    cdef readonly str network
    cdef object local       # raw sockaddr until somebody asks, then an Addr
    cdef object remote

    cdef object failed(self, str op, object error)

"""Conn: one end of a stream connection; see conn.pyx."""
from netpoll.net.endpoint cimport Endpoint

cdef class Conn(Endpoint):
    pass

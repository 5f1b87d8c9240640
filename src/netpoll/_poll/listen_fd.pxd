"""ListenFD; see listen_fd.pyx."""
from libc.stdint cimport int64_t

from netpoll._poll.socket_fd cimport SocketFD

cdef class ListenFD(SocketFD):
    cdef int accept_locked(self, int64_t until, list peer) except -1
    cdef int accept_once(self, list peer) except -2
    cdef int back_off(self, int64_t until, int64_t pause) except -1

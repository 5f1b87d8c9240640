"""How an operation on messages waits, and ends; see waiting.pyx."""
from libc.stdint cimport int64_t

from netpoll._poll.socket_fd cimport SocketFD
from netpoll._runtime.netpoll cimport PD_NIL, PD_READY

cdef int check_made(SocketFD fd) except -1
cdef int wait_event(SocketFD fd, int mode, int64_t until) except -1
cdef int wait_for_room(SocketFD fd, bint addressed, int64_t until, int64_t *pause) except -1
cdef int64_t lock_to_send(SocketFD fd) except -1
cdef int unlock_and_raise(SocketFD fd, int mode) except -1
cdef int unlock_and_count(SocketFD fd, Py_ssize_t done) except -1
cdef int count_and_raise(object exception, Py_ssize_t done) except -1


cdef inline void consume_edge(SocketFD fd) noexcept:
    """Take the notification to read, if there is one: an edge that comes from now on is a new one."""
    if fd.pd != NULL and fd.pd.rg == PD_READY:
        fd.pd.rg = PD_NIL

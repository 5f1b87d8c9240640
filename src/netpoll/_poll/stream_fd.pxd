"""StreamFD; see stream_fd.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from netpoll._poll.socket_fd cimport SocketFD
from netpoll._runtime.syscalls cimport iovec

cdef enum:
    WOULD_BLOCK = -1
    MAX_VECTOR = 1024         # IOV_MAX

cdef class StreamFD(SocketFD):
    cdef uint32_t last_read     # bytes the last read brought
    cdef uint8_t drained        # the last read emptied the receive queue
    cdef uint8_t drains         # a short read does so
    cdef uint8_t messages       # what is written at once is read at once (SOCK_SEQPACKET)

    cdef bint worth_trying(self) noexcept
    cdef bint has_data(self) noexcept
    cdef int wait_unasked(self, int64_t until) except -1
    # One system call, which does not wait. What is no socket has others.
    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2
    cdef Py_ssize_t recv_vector_once(self, iovec *vector, Py_ssize_t count, Py_ssize_t size) except -2
    cdef ssize_t send_once(self, iovec *vector, Py_ssize_t count) noexcept

cdef bytes read(StreamFD fd, Py_ssize_t size)
cdef Py_ssize_t readinto(StreamFD fd, object buffer) except -1
cdef Py_ssize_t write(StreamFD fd, object data) except -1
cdef int send_vector(StreamFD fd, iovec *vector, Py_ssize_t count) except -1
cdef int unlock_and_raise(StreamFD fd, int mode) except -1

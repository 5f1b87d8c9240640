"""SocketFD; see socket_fd.pyx."""
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport FD

cdef enum:
    ADDRESS_SIZE = 128        # sizeof(struct sockaddr_storage)

cdef class SocketFD(FD):
    cdef readonly int family    # AF_*
    cdef readonly int kind      # SOCK_*

    cdef void set_family(self, int family, int kind) noexcept
    cdef int connect_locked(self, bytes address, int64_t until) except -1
    cdef int connect_once(self, bytes address) except -1
    cdef int socket_error(self) except -1
    cdef bint has_peer(self) noexcept

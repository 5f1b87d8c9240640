"""PacketFD, and what each operation on messages does around its system call; see packet_fd.pyx."""
from libc.stdint cimport int64_t

from netpoll._poll.socket_fd cimport SocketFD
from netpoll._runtime.netpoll cimport PD_NIL, PD_READY

cdef class PacketFD(SocketFD):
    cdef public bint merges     # UDP_GRO: what is received may be several datagrams glued together
    cdef int cutting            # who cuts what is sent in segments; see segments.pyx
    cdef bytes sender           # raw sockaddr of the datagram received last

    cdef object receive_once(self, Py_ssize_t size, bint named)
    cdef object receive_large(self, Py_ssize_t size, bint named)
    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size, bint named) except -2
    cdef int note_sender(self, const char *address, Py_ssize_t length) except -1

cdef object receive(PacketFD fd, Py_ssize_t size, bint named)
cdef object receive_into(PacketFD fd, object buffer, bint named)
cdef Py_ssize_t write(PacketFD fd, object data, bytes address) except -1

cdef int wait_event(SocketFD fd, int mode, int64_t until) except -1
cdef int wait_for_room(SocketFD fd, bint addressed, int64_t until, int64_t *pause) except -1
cdef int unlock_and_raise(SocketFD fd, int mode) except -1


cdef inline void consume_edge(SocketFD fd) noexcept:
    """Take the notification to read, if there is one: an edge that comes from now on is a new one."""
    if fd.pd != NULL and fd.pd.rg == PD_READY:
        fd.pd.rg = PD_NIL

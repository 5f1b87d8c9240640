"""PacketFD; see packet_fd.pyx."""
from netpoll._poll.socket_fd cimport SocketFD

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

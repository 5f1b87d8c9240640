"""Many datagrams at once; see batch.pyx."""
from netpoll._poll.packet_fd cimport PacketFD

cdef enum:
    FIELDS = 3                # of a datagram: data, raw sockaddr, flags

cdef list receive_fields(PacketFD fd, Py_ssize_t count, Py_ssize_t size)
cpdef list receive_batch(PacketFD fd, Py_ssize_t count, Py_ssize_t size)
cpdef Py_ssize_t send_batch(PacketFD fd, list messages) except -1

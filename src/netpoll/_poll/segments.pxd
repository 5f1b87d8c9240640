"""send_segments; see segments.pyx."""
from netpoll._poll.packet_fd cimport PacketFD

cpdef Py_ssize_t send_segments(PacketFD fd, object data, Py_ssize_t size, bytes address=*) except -1

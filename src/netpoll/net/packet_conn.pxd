"""PacketConn: an end that sends and receives datagrams; see packet_conn.pyx."""
from netpoll._poll.packet_fd cimport PacketFD
from netpoll.net.endpoint cimport Endpoint

cdef class PacketConn(Endpoint):
    cdef dict senders       # raw sockaddr -> Addr
    cdef dict targets       # a str, or the id of an Addr -> (that, raw sockaddr)

    cdef object sender(self, bytes raw)
    cdef bytes target(self, object addr)
    cdef bytes unconnected_target(self, object addr)
    cdef int fail_to(self, object addr) except -1

"""Messages with control data; see message.pyx."""
from netpoll._poll.control cimport Arrival
from netpoll._poll.socket_fd cimport SocketFD

cdef Arrival receive_arrival(SocketFD fd, Py_ssize_t size, Py_ssize_t control_size, int flags)
cpdef tuple receive_message(SocketFD fd, Py_ssize_t size, Py_ssize_t control_size=*, int flags=*)
cpdef tuple receive_message_into(SocketFD fd, object buffers, Py_ssize_t control_size=*, int flags=*)
cpdef Py_ssize_t send_message(
    SocketFD fd, object buffers, object control=*, int flags=*, bytes address=*
) except -1

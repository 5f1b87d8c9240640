"""writev and readv; see vector.pyx."""
from netpoll._poll.stream_fd cimport StreamFD

cpdef Py_ssize_t writev(StreamFD fd, object buffers) except -1
cpdef Py_ssize_t readv(StreamFD fd, object buffers) except -1

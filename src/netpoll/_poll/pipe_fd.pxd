"""PipeFD; see pipe_fd.pyx."""
from netpoll._poll.stream_fd cimport StreamFD

cdef class PipeFD(StreamFD):
    cdef readonly bint is_pipe

    cdef void look(self) noexcept
    cdef bint would_block(self) noexcept

"""MemoryFD; see memory_fd.pyx."""
from libc.stdint cimport uint8_t

from netpoll._poll.stream_fd cimport StreamFD
from netpoll._runtime.atomics cimport np_lock
from netpoll._runtime.syscalls cimport iovec

cdef struct Ring:
    char *data
    Py_ssize_t size
    Py_ssize_t start        # of what it holds
    Py_ssize_t held
    uint8_t ended           # nothing more will be written
    uint8_t unread          # nobody will read it any more

cdef class Memory:
    cdef Ring[2] rings
    cdef void *ends[2]      # ends[i] reads rings[i]; borrowed, NULL once it is gone
    cdef np_lock guard

    cdef void notify(self, int end, int mode) noexcept

cdef class MemoryFD(StreamFD):
    cdef Memory memory
    cdef int side           # reads rings[side], writes the other one

    cdef void hang_up(self, bint reading, bint writing) noexcept

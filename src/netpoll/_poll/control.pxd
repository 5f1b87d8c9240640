"""Arrival, a message that has come, and what is to go with one; see control.pyx."""
from netpoll._poll.socket_fd cimport ADDRESS_SIZE, SocketFD
from netpoll._runtime.syscalls cimport iovec, msghdr

cdef class Arrival:
    cdef msghdr message
    cdef char[ADDRESS_SIZE] address
    cdef bint handed_out
    cdef object data            # what came with it: bytes, or how many

    cdef Py_ssize_t receive(
        self, SocketFD fd, iovec *vector, Py_ssize_t count, size_t control_size, int flags
    ) except -2
    cdef int flags(self) noexcept
    cdef bint whole(self) noexcept
    cdef bytes sender(self)
    cdef list parts(self)
    cdef list descriptors(self)
    cdef void hand_out(self) noexcept
    cdef void hand_out_sent(self) noexcept
    cdef void close_descriptors(self, bint keep_rights) noexcept

cdef bytes packed(object control)

"""Arrival, a message that has come, and what is to go with one; see control.pyx."""
from netpoll._poll.socket_fd cimport ADDRESS_SIZE, SocketFD
from netpoll._runtime.syscalls cimport iovec, msghdr

cdef class Arrival:
    cdef msghdr message
    cdef char[ADDRESS_SIZE] address
    cdef bint handed_out

    cdef Py_ssize_t receive(
        self, SocketFD fd, iovec *vector, Py_ssize_t count, size_t control_size, int flags
    ) except -2
    cdef tuple result(self, object data)
    cdef list parts(self, bint whole)
    cdef void close_descriptors(self) noexcept

cdef bytes packed(object control)

"""Asking a test in the place of the kernel; see answers.pyx."""
from netpoll._runtime.syscalls cimport iovec, msghdr, socklen_t

cdef dict interceptors    # by the name of the call

cdef object ask(str name, tuple details)
cdef ssize_t number(object answer) noexcept
cdef ssize_t fill(object answer, void *buffer, size_t size) noexcept
cdef ssize_t scatter(object answer, const iovec *vector, size_t count) noexcept
cdef ssize_t deliver(object answer, msghdr *message) noexcept
cdef void name_sender(object answer, void *place, socklen_t *size) noexcept
cdef bytes raw(const void *data, ssize_t size)
cdef list gathered(const iovec *vector, size_t count)
cdef size_t room(const iovec *vector, size_t count) noexcept

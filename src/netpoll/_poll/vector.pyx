"""Reading into several buffers and writing from several, with one system call for up to 1,024 of them.

Source: go1.27 internal/poll/writev.go; readv(2), sendmsg(2).
"""
cimport cython
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from libc.stdint cimport int64_t
from libc.stdlib cimport calloc, free, malloc
from libc.string cimport memcpy

from netpoll._poll.fd cimport check, lock, unlock
from netpoll._poll.stream_fd cimport (
    MAX_VECTOR,
    WOULD_BLOCK,
    StreamFD,
    read,
    send_vector,
    unlock_and_raise,
    write,
)
from netpoll._runtime.netpoll cimport MODE_READ
from netpoll._runtime.syscalls cimport iovec


@cython.internal
cdef class Vector:
    """Buffers as the kernel wants them, without those that are empty; held until this is gone."""

    cdef Py_buffer *views
    cdef Py_ssize_t held
    cdef iovec *pieces
    cdef Py_ssize_t count       # of the pieces
    cdef Py_ssize_t size        # of all together

    def __dealloc__(self):
        for i in range(self.held):
            PyBuffer_Release(&self.views[i])
        free(self.views)
        free(self.pieces)

    cdef int hold(self, list buffers, int how) except -1:
        cdef Py_ssize_t most = max(1, len(buffers))
        self.views = <Py_buffer *>calloc(most, sizeof(Py_buffer))
        self.pieces = <iovec *>malloc(most * sizeof(iovec))
        if self.views == NULL or self.pieces == NULL:
            raise MemoryError("no memory for a vector of buffers")
        for buffer in buffers:
            PyObject_GetBuffer(buffer, &self.views[self.held], how)
            self.add(&self.views[self.held])
            self.held += 1
        return 0

    cdef void add(self, Py_buffer *view) noexcept:
        if view.len:
            self.pieces[self.count].iov_base = view.buf
            self.pieces[self.count].iov_len = view.len
            self.count += 1
            self.size += view.len

    cdef void shorten(self) noexcept:
        """Leave out what one system call cannot take. What fills the rest has emptied no queue."""
        while self.count > MAX_VECTOR:
            self.count -= 1
            self.size -= self.pieces[self.count].iov_len

    cdef bytes joined(self):
        """Return all data in one piece."""
        cdef bytes data = PyBytes_FromStringAndSize(NULL, self.size)
        cdef char *place = PyBytes_AS_STRING(data)
        for i in range(self.count):
            memcpy(place, self.pieces[i].iov_base, self.pieces[i].iov_len)
            place += self.pieces[i].iov_len
        return data

    cdef void spread(self, bytes data) noexcept:
        """Write data, no more than there is room for, into the buffers."""
        cdef const char *place = PyBytes_AS_STRING(data)
        cdef size_t left = len(data)
        cdef size_t some
        for i in range(self.count):
            some = min(left, self.pieces[i].iov_len)
            memcpy(self.pieces[i].iov_base, place, some)
            place += some
            left -= some


cdef Vector vector_of(object buffers, int how):
    # Only one that is whole is shown to anybody: what has failed in between gives back what it holds.
    cdef Vector vector = Vector.__new__(Vector)
    vector.hold(list(buffers), how)
    return vector


# ---- writing ---------------------------------------------------------------------------------

cpdef Py_ssize_t writev(StreamFD fd, object buffers) except -1:
    """Write all of several bytes-like objects, gathered; return how many bytes. Parks.

    Any number: 1,024 go with one system call. To a socket that keeps messages apart they go as one
    message. OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.

    Source: go1.27 internal/poll/writev.go; sendmsg(2).
    """
    cdef Vector vector = vector_of(buffers, PyBUF_SIMPLE)
    cdef Py_ssize_t size = vector.size
    if fd.messages and vector.count > MAX_VECTOR:
        return write(fd, vector.joined())
    send_vector(fd, vector.pieces, vector.count)
    return size


# ---- reading ---------------------------------------------------------------------------------
# What can park has no `try`; see raised.pxd.

cpdef Py_ssize_t readv(StreamFD fd, object buffers) except -1:
    """Read into several writable buffers, one after the other; return how many bytes. Parks.

    Any number: one system call fills 1,024 at most, and the rest is left for the next read. A
    message of a socket that keeps them apart is spread over all. 0 at the end of the stream.
    OSError, ClosedError, DeadlineExceeded, Cancelled.

    Source: recvmsg(2), as Go has no readv.
    """
    cdef Vector vector = vector_of(buffers, PyBUF_WRITABLE)
    if vector.count > MAX_VECTOR:
        if fd.messages:
            return read_and_spread(fd, vector)
        vector.shorten()
    return recv_vector(fd, vector)


cdef Py_ssize_t read_and_spread(StreamFD fd, Vector vector) except -1:
    cdef bytes data = read(fd, vector.size)
    vector.spread(data)
    return len(data)


cdef Py_ssize_t recv_vector(StreamFD fd, Vector vector) except -1:
    cdef int64_t until = lock(fd, MODE_READ)
    cdef Py_ssize_t got = recv_quietly(fd, vector, until)
    if got < 0:
        unlock_and_raise(fd, MODE_READ)
    unlock(fd, MODE_READ)
    return got


cdef Py_ssize_t recv_locked(StreamFD fd, Vector vector, int64_t until) except -1:
    cdef Py_ssize_t got
    check(fd, MODE_READ)
    if vector.size == 0:
        return 0
    if not fd.worth_trying():
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait_unasked(until)
    while True:
        got = fd.recv_vector_once(vector.pieces, vector.count, vector.size)
        if got != WOULD_BLOCK:
            return got
        if not until:
            until = fd.limit(MODE_READ)
        fd.wait(MODE_READ, until)


ctypedef Py_ssize_t (*recv_fn)(StreamFD fd, Vector vector, int64_t until) noexcept
cdef recv_fn recv_quietly = <recv_fn><void *>recv_locked

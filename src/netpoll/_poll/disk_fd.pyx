"""DiskFD: what the poller refuses (regular files, directories, some devices), used from threads.

Each call here blocks its thread, so it belongs on one of `blocking`. It holds a reference for its whole
length: a close meanwhile, or a goroutine that is cancelled and gone, never frees the number under it.
The last one out closes. Calls do not take turns: the kernel keeps those that use the file's position
apart from each other.

A cancelled goroutine's read or write may still take place: the file's position is then what the call
has made of it. pread and pwrite do not use it.

Source: go1.27 internal/poll/fd_unix.go (kindFile, *FD.Pread, Pwrite, Seek).
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport EINTR, EIO, errno
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport FD, fail_errno, own
from netpoll._runtime.syscalls cimport kernel

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1

cdef enum:
    MAX_RW = 1 << 30            # bytes of one system call, as in Go

cdef enum:
    POSITION = -1               # for an offset: the file's own


cdef class DiskFD(FD):
    """A file that the poller cannot wait for. No method parks; those in _now block the thread."""

    @classmethod
    def adopt(cls, int fileno):
        """Own a descriptor from now on. MemoryError."""
        return own(cls, fileno)

    def read_now(self, Py_ssize_t size, int64_t offset=POSITION):
        """Read up to `size` bytes, b"" at the end; from `offset` if that is not -1.

        OSError, ClosedError.
        """
        cdef Py_ssize_t room = min(size, <Py_ssize_t>MAX_RW)
        cdef bytes data = PyBytes_FromStringAndSize(NULL, room)
        cdef PyObject *raw
        cdef Py_ssize_t got = self.receive(PyBytes_AS_STRING(data), room, offset)
        raw = <PyObject *>data
        Py_INCREF(data)
        data = None      # _PyBytes_Resize wants the only reference
        _PyBytes_Resize(&raw, got)
        data = <bytes>raw
        Py_DECREF(data)
        return data

    def readinto_now(self, buffer, int64_t offset=POSITION):
        """Read into a writable buffer; return how many bytes, 0 at the end. Else as read_now."""
        cdef Py_buffer view
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            return self.receive(<char *>view.buf, min(view.len, <Py_ssize_t>MAX_RW), offset)
        finally:
            PyBuffer_Release(&view)

    def write_now(self, data, int64_t offset=POSITION):
        """Write all of a bytes-like object; return its length.

        OSError, ClosedError, each with `bytes_written`.
        """
        cdef Py_buffer view
        cdef Py_ssize_t done = 0
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.enter()
            try:
                self.send(<const char *>view.buf, view.len, offset, &done)
            finally:
                self.exit()
        except OSError as error:
            error.bytes_written = done
            raise
        finally:
            PyBuffer_Release(&view)
        return done

    def seek_now(self, int64_t offset, int whence):
        """Move the file's position and return it. OSError, ClosedError."""
        cdef int64_t place
        self.enter()
        try:
            with nogil:
                place = kernel.lseek(self.sysfd, offset, whence)
            if place < 0:
                fail_errno()
        finally:
            self.exit()
        return place

    def copy_now(self, DiskFD source not None, Py_ssize_t count):
        """Copy up to `count` bytes from another file, each at its position; return how many.

        0 at the end. OSError: EXDEV, EINVAL and others where the two do not go together; then
        nothing is copied.
        Source: copy_file_range(2)
        """
        cdef ssize_t copied
        self.enter()
        try:
            source.enter()
            try:
                while True:
                    with nogil:
                        copied = kernel.copy_file_range(source.sysfd, NULL, self.sysfd, NULL, count)
                    if copied >= 0:
                        return copied
                    if errno != EINTR:
                        fail_errno()
            finally:
                source.exit()
        finally:
            self.exit()

    cdef Py_ssize_t receive(self, char *buffer, Py_ssize_t size, int64_t offset) except -1:
        cdef Py_ssize_t got
        self.enter()
        try:
            while True:
                with nogil:
                    if offset == POSITION:
                        got = kernel.read(self.sysfd, buffer, size)
                    else:
                        got = kernel.pread(self.sysfd, buffer, size, offset)
                if got >= 0:
                    return got
                if errno != EINTR:
                    fail_errno()
        finally:
            self.exit()

    cdef int send(self, const char *data, Py_ssize_t size, int64_t offset, Py_ssize_t *done) except -1:
        """Write until all is written: a full disk or a signal may cut a call short."""
        cdef size_t left
        cdef Py_ssize_t sent
        while True:
            left = min(size - done[0], <Py_ssize_t>MAX_RW)
            with nogil:
                if offset == POSITION:
                    sent = kernel.quiet_write(self.sysfd, data + done[0], left)
                else:
                    sent = kernel.pwrite(self.sysfd, data + done[0], left, offset + done[0])
            if sent >= 0:
                done[0] += sent
                if done[0] == size:
                    return 0
                if sent == 0:
                    raise OSError(EIO, "the file takes no more")
            elif errno != EINTR:
                fail_errno()

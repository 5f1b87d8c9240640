# cython: nonecheck=True
"""Conn: one end of a stream connection.

Thin on purpose: locks, deadlines and waiting are FD's; here are the names that users know. The descriptor
is a StreamFD since __init__ has looked, and is taken for one from then on without another look.

Source: go1.27 net/net.go (conn), net/fd_posix.go.
"""
cimport cython
from cpython.buffer cimport PyObject_CheckBuffer
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from netpoll._poll.stream_fd cimport StreamFD, read, readinto, write
from netpoll._poll.vector cimport readv, writev
from netpoll.net.endpoint cimport Endpoint

# Each read and write comes through here, and may park: no `try`; see raised.pxd.
ctypedef PyObject *(*read_fn)(StreamFD fd, Py_ssize_t size) noexcept
ctypedef Py_ssize_t (*write_fn)(StreamFD fd, object data) noexcept
cdef read_fn read_quietly = <read_fn><void *>read
cdef write_fn write_quietly = <write_fn><void *>write


@cython.auto_pickle(False)  # Endpoint says that there is no pickling
cdef class Conn(Endpoint):
    """One end of a stream connection; `with` closes it.

    Any goroutine of any thread may use it, any number at the same time: reads take turns, writes
    take turns, close wakes both. What parks raises, besides what it says: OpError, ClosedError once
    closed, DeadlineExceeded, and Cancelled.
    """

    @cython.embedsignature(False)  # without the defaults, which are there for the message alone
    def __init__(self, StreamFD fd=None, str network=None, bytes local=None, bytes remote=None):
        """Take over a descriptor; local and remote are raw socket addresses."""
        if fd is None or network is None or local is None or remote is None:
            raise TypeError("a connection is made by net.dial(), or by accept() of a listener")
        self._fd = fd
        self._network = network
        self.local = local
        self.remote = remote

    # -- data

    def read(self, Py_ssize_t n=65536, /):
        """Read up to n bytes: at least one, or b"" at the end of the stream. Parks.

        n of 0 returns b"" at once; ValueError if n is negative.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Read; recv(2)
        """
        cdef PyObject *data = NULL if self._fd is None else read_quietly(<StreamFD>self._fd, n)
        if data == NULL:
            self.fail("read")
        cdef object result = <object>data
        Py_DECREF(result)
        return result

    def readinto(self, buffer, /):
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""
        if self._fd is None:
            self.fail("read")
        try:
            return readinto(<StreamFD>self._fd, buffer)
        except OSError as error:
            raise self.failed("read", error) from error

    def readv(self, buffers):
        """Read into several writable buffers, one after the other; return how many bytes. Parks.

        0 at the end of the stream. One system call fills 1,024 of them at most.
        Source: recvmsg(2), as Go has no readv.
        """
        if PyObject_CheckBuffer(buffers) or isinstance(buffers, str):
            raise TypeError("readv() wants several writable buffers; one alone is for readinto()")
        if self._fd is None:
            self.fail("read")
        try:
            return readv(<StreamFD>self._fd, buffers)
        except OSError as error:
            raise self.failed("read", error) from error

    def write(self, data, /):
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        On an error `bytes_written` of the exception tells how many bytes the kernel took.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Write; send(2)
        """
        cdef Py_ssize_t written = -1 if self._fd is None else write_quietly(<StreamFD>self._fd, data)
        if written < 0:
            self.fail("write")
        return written

    def writev(self, buffers):
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks as write.

        Source: go1.27 internal/poll/writev.go; sendmsg(2)
        """
        if PyObject_CheckBuffer(buffers) or isinstance(buffers, str):
            raise TypeError("writev() wants several bytes-like objects; one alone is for write()")
        cdef list several = list(buffers)
        for one in several:
            if not PyObject_CheckBuffer(one):
                raise TypeError(f"writev() wants bytes-like objects, not {type(one).__name__}")
        if self._fd is None:
            self.fail("write")
        try:
            return writev(<StreamFD>self._fd, several)
        except OSError as error:
            raise self.failed("write", error) from error

    def sendfile(self, file, offset=0, count=None):
        """Send what a file holds from `offset` on, all or `count` bytes; return how many. Parks.

        file: a File, what has fileno() as files of open() in binary mode have, a descriptor's
        number, or an object with seek and read. The kernel copies by itself where it can, else the
        file is read on a thread. Fewer bytes than `count`: the file ended. Afterwards its position
        is behind what was sent, as after socket.sendfile, also on an error, of which
        `bytes_written` tells. A file that is not in memory yet is read inside the call, and the
        goroutines of this thread wait meanwhile, those of others run.
        ValueError: offset or count is negative.
        Source: go1.27 net/sendfile.go, internal/poll/sendfile.go; sendfile(2)
        """
        from netpoll.net.sendfile import sendfile
        return sendfile(self, file, offset, count)

    def makefile(self, mode="r", buffering=-1, *, encoding=None, errors=None, newline=None):
        """Return a file that reads from or writes to this connection, as socket.makefile does.

        For one goroutine at a time. Closing the file leaves the connection open. After a deadline
        or a cancellation in the midst of a read the file is of no more use: make a new one.
        """
        from netpoll.net.makefile import makefile
        return makefile(self, mode, buffering, encoding=encoding, errors=errors, newline=newline)

    # -- the end of one direction

    def close_read(self):
        """Shut down the reading side: a read that finds nothing returns b"". Does not park."""
        try:
            self._fd.shutdown(0)
        except OSError as error:
            raise self.failed("close", error) from error

    def close_write(self):
        """Shut down the writing side: the peer reads the end of the stream. Does not park."""
        try:
            self._fd.shutdown(1)
        except OSError as error:
            raise self.failed("close", error) from error

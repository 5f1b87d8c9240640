# cython: nonecheck=True
"""Conn: one end of a stream connection.

Thin on purpose: locks, deadlines and waiting are FD's; here are the names that users know and errors
that say what was being done to what.

Source: go1.27 net/net.go (conn), net/fd_posix.go.
"""
from netpoll._poll.fd cimport FD
from netpoll.net.addr import decode
from netpoll.net.operror import wrap_error


cdef class Conn:
    """One end of a stream connection; `with` closes it.

    Any number of goroutines may use it at the same time: reads take turns, writes take turns, close
    wakes both. What parks raises, besides what it says: OpError, ClosedError once closed,
    DeadlineExceeded, and Cancelled.
    """

    def __init__(self, FD fd not None, str network not None, bytes local, bytes remote):
        """Take over a descriptor; local and remote are raw socket addresses."""
        self._fd = fd
        self.network = network
        self.local = local
        self.remote = remote

    # -- data

    def read(self, Py_ssize_t n=65536):
        """Read up to n bytes: at least one, or b"" at the end of the stream. Parks.

        n of 0 returns b"" at once; ValueError if n is negative.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Read; recv(2)
        """
        try:
            return self._fd.read(n)
        except OSError as error:
            raise self.failed("read", error) from error

    def readinto(self, buffer):
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""
        try:
            return self._fd.read_buffer(buffer)
        except OSError as error:
            raise self.failed("read", error) from error

    def write(self, data):
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        On an error `bytes_written` of the exception tells how many bytes the kernel took.
        Source: go1.27 internal/poll/fd_unix.go (*FD).Write; send(2)
        """
        try:
            return self._fd.write_buffer(data)
        except OSError as error:
            raise self.failed("write", error) from error

    def writev(self, buffers):
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks as write.

        Source: go1.27 internal/poll/writev.go; sendmsg(2)
        """
        try:
            return self._fd.writev(buffers)
        except OSError as error:
            raise self.failed("write", error) from error

    def makefile(self, mode="r", buffering=-1, *, encoding=None, errors=None, newline=None):
        """Return a file that reads from or writes to this connection, as socket.makefile does.

        For one goroutine at a time. Closing the file leaves the connection open.
        """
        from netpoll.net.makefile import makefile
        return makefile(self, mode, buffering, encoding=encoding, errors=errors, newline=newline)

    # -- the end

    def close(self):
        """Close; who reads or writes gets ClosedError at once. Never parks; again: does nothing."""
        self._fd.close()

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

    @property
    def closed(self):
        """True once `close` was called."""
        return self._fd.closed

    def __enter__(self):
        return self

    def __exit__(self, *exception):
        self._fd.close()

    # -- limits

    def set_deadline(self, when):
        """Make reads and writes fail from `when` on: seconds on time.monotonic(), None for never.

        It stays until it is set anew, and wakes who waits. Does not park.
        """
        try:
            self._fd.set_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error

    def set_read_deadline(self, when):
        """Make reads fail from `when` on; as set_deadline."""
        try:
            self._fd.set_read_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error

    def set_write_deadline(self, when):
        """Make writes fail from `when` on; as set_deadline."""
        try:
            self._fd.set_write_deadline(when)
        except OSError as error:
            raise self.failed("set", error) from error

    def settimeout(self, seconds):
        """Limit each later read and write to `seconds`; None: no limit, 0: fail, do not wait."""
        self._fd.settimeout(seconds)

    def gettimeout(self):
        """Return the timeout in seconds, None if there is none."""
        return self._fd.gettimeout()

    # -- who and where

    def fileno(self):
        """Return the descriptor's number, which stays the connection's. ClosedError."""
        try:
            return self._fd.fileno()
        except OSError as error:
            raise self.failed("fileno", error) from error

    @property
    def local_addr(self):
        """This end's address."""
        if isinstance(self.local, bytes):
            self.local = decode(self.network, self.local)
        return self.local

    @property
    def remote_addr(self):
        """The peer's address."""
        if isinstance(self.remote, bytes):
            self.remote = decode(self.network, self.remote)
        return self.remote

    def __repr__(self):
        state = " closed" if self._fd.closed else ""
        return f"<{type(self).__name__} {self.network} {self.local_addr}->{self.remote_addr}{state}>"

    cdef object failed(self, str op, object error):
        """Return `error` with what was being done to what."""
        return wrap_error(op, self.network, self.local_addr, self.remote_addr, error)

"""SocketFD: what all sockets have, whatever flows through them: names, options, connect, shutdown.

Each call but `connect` is one system call that never waits; it holds a reference meanwhile, so that the
number cannot pass to another descriptor under it. Addresses are raw: the bytes of a struct sockaddr.

Source: go1.27 internal/poll/sockopt.go, net/fd_unix.go.
"""
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from libc.errno cimport EALREADY, EINPROGRESS, EINTR, EISCONN, errno
from libc.stdint cimport int64_t

import os

from netpoll._poll.fd cimport check, fail_errno, lock, own, take, unlock
from netpoll._runtime.clock cimport moment
from netpoll._runtime.netpoll cimport MODE_WRITE
from netpoll._runtime.syscalls cimport (
    SO_DOMAIN,
    SO_ERROR,
    SO_TYPE,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOL_SOCKET,
    kernel,
    sockaddr,
    socklen_t,
)


cdef int ask(int sysfd, int name) except -1:
    """Return what the kernel knows of a socket. OSError."""
    cdef int answer = 0
    cdef socklen_t size = sizeof(answer)
    if kernel.getsockopt(sysfd, SOL_SOCKET, name, &answer, &size) < 0:
        fail_errno()
    return answer


cdef class SocketFD(FD):
    """A socket, for any goroutine of any thread. A method that parks says so."""

    # -- making one

    @classmethod
    def socket(cls, int family, int type, int proto=0):
        """Make a socket, non-blocking and close-on-exec. OSError."""
        cdef SocketFD fd
        cdef int sysfd = kernel.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto)
        if sysfd < 0:
            fail_errno()
        fd = own(cls, sysfd)
        fd.set_family(family, type & ~(SOCK_NONBLOCK | SOCK_CLOEXEC))
        return fd

    @classmethod
    def adopt(cls, int fileno):
        """Own a socket's descriptor from now on and make it non-blocking.

        OSError, ENOTSOCK for what is no socket; the descriptor stays the caller's then.
        """
        cdef SocketFD fd
        cdef int family = ask(fileno, SO_DOMAIN)
        cdef int kind = ask(fileno, SO_TYPE)
        cdef int before = kernel.set_nonblocking(fileno, True)
        if before < 0:
            fail_errno()
        try:
            fd = take(cls, fileno)
        except BaseException:
            kernel.set_nonblocking(fileno, before)
            raise
        fd.set_family(family, kind)
        return fd

    cdef void set_family(self, int family, int kind) noexcept:
        """Note the address family and the type, which decide what a read can tell."""
        self.family = family
        self.kind = kind

    # -- names and options

    def bind(self, bytes address not None):
        """Bind to a raw sockaddr. OSError, ClosedError."""
        self.enter()
        try:
            if kernel.bind(self.sysfd, <sockaddr *>PyBytes_AS_STRING(address), <socklen_t>len(address)) < 0:
                fail_errno()
        finally:
            self.exit()

    def shutdown(self, int how):
        """Shut down reading (0), writing (1) or both (2). OSError, ClosedError. Does not park."""
        self.enter()
        try:
            if kernel.shutdown(self.sysfd, how) < 0:
                fail_errno()
        finally:
            self.exit()

    def getsockname(self):
        """Return the local raw sockaddr. OSError, ClosedError."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size = ADDRESS_SIZE
        self.enter()
        try:
            if kernel.getsockname(self.sysfd, <sockaddr *>address, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE))

    def getpeername(self):
        """Return the peer's raw sockaddr. OSError, ClosedError."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size = ADDRESS_SIZE
        self.enter()
        try:
            if kernel.getpeername(self.sysfd, <sockaddr *>address, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE))

    def setsockopt(self, int level, int name, value):
        """Set an option to an int or to bytes. OSError, ClosedError."""
        cdef int number
        cdef const char *data
        cdef socklen_t size
        if isinstance(value, bytes):
            data = PyBytes_AS_STRING(value)
            size = <socklen_t>PyBytes_GET_SIZE(value)
        else:
            number = value
            data = <const char *>&number
            size = sizeof(number)
        self.enter()
        try:
            if kernel.setsockopt(self.sysfd, level, name, data, size) < 0:
                fail_errno()
        finally:
            self.exit()

    def getsockopt(self, int level, int name):
        """Return an option as an int. OSError, ClosedError."""
        cdef int number = 0
        cdef socklen_t size = sizeof(number)
        self.enter()
        try:
            if kernel.getsockopt(self.sysfd, level, name, &number, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return number

    def getsockopt_bytes(self, int level, int name, Py_ssize_t size):
        """Return an option of at most `size` bytes. OSError, ClosedError."""
        cdef bytearray value = bytearray(size)
        cdef socklen_t length = <socklen_t>size
        self.enter()
        try:
            if kernel.getsockopt(self.sysfd, level, name, <char *>value, &length) < 0:
                fail_errno()
        finally:
            self.exit()
        return bytes(value[:length])

    # -- connecting

    def connect(self, bytes address not None, timeout=None):
        """Connect to a raw sockaddr within `timeout` seconds. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled; close the FD after any of them.

        Source: go1.27 net/fd_unix.go (*netFD).connect; connect(2).
        """
        cdef int64_t until = self.limit(MODE_WRITE) if timeout is None else moment(timeout)
        lock(self, MODE_WRITE)
        try:
            check(self, MODE_WRITE)
            self.connect_locked(address, until)
        finally:
            unlock(self, MODE_WRITE)

    cdef int connect_locked(self, bytes address, int64_t until) except -1:
        cdef int code = self.connect_once(address)
        while code in (EINPROGRESS, EALREADY, EINTR):
            self.wait(MODE_WRITE, until)
            code = self.socket_error()
            if code == 0:
                # A spurious wake-up leaves SO_ERROR at 0 too; only a connected socket has a peer.
                if not self.has_peer():
                    code = EINPROGRESS
        if code and code != EISCONN:
            raise OSError(code, os.strerror(code))
        return 0

    cdef int connect_once(self, bytes address) except -1:
        """Begin to connect; return an errno, 0 when connected."""
        if kernel.connect(self.sysfd, <sockaddr *>PyBytes_AS_STRING(address), <socklen_t>len(address)) == 0:
            return 0
        return errno

    cdef bint has_peer(self) noexcept:
        cdef char[ADDRESS_SIZE] peer
        cdef socklen_t size = ADDRESS_SIZE
        return kernel.getpeername(self.sysfd, <sockaddr *>peer, &size) == 0

    cdef int socket_error(self) except -1:
        """Return and clear the socket's pending error."""
        cdef int code = 0
        cdef socklen_t size = sizeof(code)
        if kernel.getsockopt(self.sysfd, SOL_SOCKET, SO_ERROR, &code, &size) < 0:
            return errno
        return code

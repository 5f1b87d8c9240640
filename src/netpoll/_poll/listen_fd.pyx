"""ListenFD: listen and accept.

Contract, besides FD's
  * A connection that was gone before it was accepted is passed over: it is not the listener that failed.
  * While the process or the system is out of descriptors or memory, accept tries again by itself.
  * A connection that was accepted is never lost to a cancellation, a deadline or a spent budget.

Source: go1.27 internal/poll/fd_unix.go (*FD).Accept, net/http (*Server).Serve; accept(2).
"""
from cpython.bytes cimport PyBytes_FromStringAndSize
from libc.errno cimport (
    EAGAIN,
    ECONNABORTED,
    EHOSTUNREACH,
    EINTR,
    EMFILE,
    ENETDOWN,
    ENETUNREACH,
    ENFILE,
    ENOBUFS,
    ENOMEM,
    ENOPROTOOPT,
    EPROTO,
    errno,
)
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport blocks, check, fail_errno, lock, own, unlock
from netpoll._poll.socket_fd cimport ADDRESS_SIZE
from netpoll._poll.stream_fd cimport StreamFD
from netpoll._runtime.clock cimport after, nanotime
from netpoll._runtime.netpoll cimport MODE_READ
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.syscalls cimport POLLIN, SOCK_CLOEXEC, SOCK_NONBLOCK, kernel, sockaddr, socklen_t
from netpoll.errors import DeadlineExceeded

cdef extern from "errno.h":
    enum: EHOSTDOWN, ENONET

cdef tuple GONE = (
    EINTR, ECONNABORTED, EPROTO, ENETDOWN, ENOPROTOOPT, EHOSTDOWN, ENONET, EHOSTUNREACH, ENETUNREACH
)
cdef int64_t BACK_OFF_FIRST = 5000000
cdef int64_t BACK_OFF_MOST = 1000000000


cdef class ListenFD(SocketFD):
    """A listening socket, for any goroutine of any thread. A method that parks says so."""

    def listen(self, int backlog):
        """Begin to listen. OSError, ClosedError."""
        self.enter()
        try:
            if kernel.listen(self.sysfd, backlog) < 0:
                fail_errno()
        finally:
            self.exit()

    def accept(self):
        """Wait for a connection; return it as an FD, and the peer's raw sockaddr. Parks.

        Connections that were gone before they were accepted are passed over. While the process or
        the system is out of descriptors or memory, tries again after 5 ms, 10 ms ... 1 s.
        OSError, ClosedError, DeadlineExceeded, Cancelled.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Accept, net/http (*Server).Serve; accept(2).
        """
        cdef Scheduler s = get_scheduler()
        cdef list peer = []
        cdef int64_t until
        cdef int sysfd
        cdef StreamFD fd
        until = lock(self, MODE_READ)
        try:
            check(self, MODE_READ)
            if self.pd == NULL:
                # A wait takes descriptors too: now, while the connections have not used up all.
                s.open_gate()
                self.attach(s)
            sysfd = self.accept_locked(until, peer)
            fd = own(StreamFD, sysfd)
            fd.set_family(self.family, self.kind)
        finally:
            unlock(self, MODE_READ)
        return fd, peer[0]

    cdef int accept_locked(self, int64_t until, list peer) except -1:
        cdef int64_t pause = 0
        cdef int sysfd
        while True:
            sysfd = self.accept_once(peer)
            if sysfd >= 0:
                return sysfd
            if not until:
                until = self.limit(MODE_READ)
            if errno == EAGAIN:
                pause = 0
                self.wait(MODE_READ, until)
            else:
                pause = min(2 * pause, BACK_OFF_MOST) if pause else BACK_OFF_FIRST
                self.back_off(until, pause)

    cdef int accept_once(self, list peer) except -2:
        """Accept without waiting; -1 with errno if there is nothing, or no room, now."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size
        cdef int sysfd
        global errno
        while True:
            # accept4 has no flag for it, and a call that blocks holds up all threads, since it has the GIL. It
            # still does if another process that shares the listener takes the peer away in between.
            if blocks(self.sysfd) and not kernel.poll_now(self.sysfd, POLLIN):
                errno = EAGAIN   # no-cython-lint: it is C's own that is meant
                return -1
            size = ADDRESS_SIZE
            sysfd = kernel.accept4(self.sysfd, <sockaddr *>address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if sysfd >= 0:
                try:
                    peer.append(PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE)))
                except BaseException:
                    kernel.close(sysfd)
                    raise
                return sysfd
            if errno in (EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM):
                return -1
            # Network errors of the new connection come up here as well (accept(2)); it is gone, not the listener.
            if errno not in GONE:
                fail_errno()

    cdef int back_off(self, int64_t until, int64_t pause) except -1:
        """Wait `pause` ns, or until closed, cancelled or past the limit; new connections do not hasten it."""
        cdef int64_t end = after(pause)
        while True:
            try:
                self.wait(MODE_READ, end if not until else min(end, until))
            except DeadlineExceeded:
                check(self, MODE_READ)
                if until and nanotime() >= until:
                    raise
                return 0
            if nanotime() >= end:
                return 0

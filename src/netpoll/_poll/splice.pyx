"""splice: from one socket or pipe to another through a pipe, without a copy in this process.

A Relay is that pipe. The invariant: it is empty whenever the source is waited for.

    step    lock held               the relay    EAGAIN means
    fill    the source's, to read   is empty     the source has nothing
    pump    the target's, to write  holds some   the target takes nothing more

Between two steps no lock is held: one who reads the target and copies back is not in the way. What
the relay holds when the target fails is lost, as what a buffer holds would be.

SPLICE_F_NONBLOCK is for the pipe's side alone: a socket that somebody who shares it has made blocking
would hold up the thread, and is not spliced but read and sent, with MSG_DONTWAIT.

Relays are kept for the next copy, up to KEPT of them: making one takes three system calls and a page
table. One that still holds something is closed instead.

Source: go1.27 internal/poll/splice_linux.go; splice(2), pipe(7).
"""
from libc.errno cimport EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP, EPERM, errno
from libc.stdint cimport int64_t, uint64_t

import os
import threading

from netpoll._poll.fd cimport blocks, check, fail_errno, lock, unlock
from netpoll._poll.pipe_fd cimport PipeFD
from netpoll._poll.stream_fd cimport StreamFD
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE, PD_NIL, PD_READY
from netpoll._runtime.syscalls cimport (
    AF_INET,
    AF_INET6,
    AF_UNIX,
    O_CLOEXEC,
    O_NONBLOCK,
    SOCK_STREAM,
    SPLICE_F_NONBLOCK,
    kernel,
)

cdef extern from "sys/stat.h" nogil:
    ctypedef struct stat_t "struct stat":
        uint64_t st_ino
        unsigned int st_mode
    int fstat(int descriptor, stat_t *status)
    bint S_ISFIFO(unsigned int mode)

NOT_HANDLED = -1

cdef enum:
    MOST = 1 << 20              # bytes of one step, and what a relay is asked to hold
    KEPT = 8

cdef list kept = []
cdef object guard = threading.Lock()


cdef class Relay:
    """A pipe of our own, and how many bytes it holds; closed with the last reference."""

    cdef int reads
    cdef int writes
    cdef uint64_t number        # of the pipe's inode
    cdef int64_t held

    def __cinit__(self):
        cdef int[2] ends
        self.reads = self.writes = -1
        if kernel.pipe(ends, O_CLOEXEC | O_NONBLOCK) < 0:
            fail_errno()
        self.reads, self.writes = ends[0], ends[1]
        self.number = inode(self.reads)
        # Refused when the user's pipes hold much already (pipe(7)): then it stays at 64 KiB.
        kernel.pipe_size(self.writes, MOST)

    def __dealloc__(self):
        if self.reads >= 0 and self.is_whole():
            kernel.close(self.reads)
            kernel.close(self.writes)

    cdef bint is_whole(self) noexcept:
        """False if it was closed behind our back: the numbers may be a stranger's."""
        return inode(self.reads) == self.number == inode(self.writes)

    def fill(self, StreamFD source not None, int64_t count):
        """Take up to `count` bytes from a source; return how many, 0 at its end. Parks.

        NOT_HANDLED, and nothing is taken: the kernel cannot splice from it.
        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """
        cdef int64_t until = lock(source, MODE_READ)
        try:
            check(source, MODE_READ)
            return self.fill_locked(source, min(count, <int64_t>MOST), until)
        finally:
            unlock(source, MODE_READ)

    cdef int64_t fill_locked(self, StreamFD source, int64_t count, int64_t until) except -2:
        cdef ssize_t got
        while True:
            if blocks(source.sysfd):
                return NOT_HANDLED
            if source.pd != NULL and source.pd.rg == PD_READY:
                # Consumed before the call: an edge that comes from now on is a new one.
                source.pd.rg = PD_NIL
            source.drained = False
            with nogil:
                got = kernel.splice(source.sysfd, self.writes, count, SPLICE_F_NONBLOCK)
            if got >= 0:
                self.held += got
                return got
            if errno == EAGAIN:
                if not until:
                    until = source.limit(MODE_READ)
                source.wait(MODE_READ, until)
            elif is_refusal(errno):
                return NOT_HANDLED
            elif errno != EINTR:
                fail_errno()

    def pump(self, StreamFD target not None):
        """Give everything to a target; return how many bytes. Parks.

        NOT_HANDLED, and nothing is given: the kernel cannot splice to it.
        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """
        cdef int64_t before = self.held
        cdef bint handled
        try:
            handled = self.pump_all(target)
        except BaseException as error:
            try:
                error.bytes_written = before - self.held
            except Exception:   # one of a signal handler's, that takes no attribute
                pass
            raise
        return before if handled else NOT_HANDLED

    cdef bint pump_all(self, StreamFD target) except -1:
        cdef int64_t until = lock(target, MODE_WRITE)
        try:
            check(target, MODE_WRITE)
            return self.pump_locked(target, until)
        finally:
            unlock(target, MODE_WRITE)

    cdef bint pump_locked(self, StreamFD target, int64_t until) except -1:
        cdef bint begun = False
        cdef ssize_t given
        while self.held:
            if not begun and blocks(target.sysfd):
                return False
            with nogil:
                given = kernel.splice(self.reads, target.sysfd, self.held, SPLICE_F_NONBLOCK)
            if given > 0:
                begun = True
                self.held -= given
                if self.held:
                    target.give_way(MODE_WRITE)
            elif errno == EAGAIN:
                if not until:
                    until = target.limit(MODE_WRITE)
                target.wait(MODE_WRITE, until)
            elif not begun and is_refusal(errno):
                return False
            elif errno != EINTR:
                fail_errno()
        return True

    def rest(self):
        """Return what it holds: for a target to which the kernel cannot splice. OSError."""
        cdef bytearray data = bytearray(self.held)
        cdef int64_t place = 0
        cdef ssize_t got
        while self.held:
            got = kernel.read(self.reads, <char *>data + place, self.held)
            if got > 0:
                place += got
                self.held -= got
            elif got == 0 or errno != EINTR:
                fail_errno()
        return data


cdef uint64_t inode(int descriptor) noexcept:
    cdef stat_t status
    return status.st_ino if fstat(descriptor, &status) == 0 and S_ISFIFO(status.st_mode) else 0


cdef bint is_refusal(int code) noexcept:
    # EPERM: a filter of system calls that does not know this one.
    return code == EINVAL or code == ENOSYS or code == EOPNOTSUPP or code == EPERM


def can_splice(StreamFD fd not None):
    """Whether a descriptor is of a kind that the kernel splices: a stream socket, a pipe.

    Not what keeps messages apart: a splice would join or cut them.
    """
    if fd.sysfd < 0 or fd.messages:
        return False
    if isinstance(fd, PipeFD):
        return (<PipeFD>fd).is_pipe
    return fd.kind == SOCK_STREAM and fd.family in (AF_INET, AF_INET6, AF_UNIX)


def relay():
    """Return an empty Relay, for the caller alone. OSError: no descriptors for it."""
    cdef Relay one = None
    with guard:
        if kept:
            one = kept.pop()
    return one if one is not None and one.is_whole() else Relay()


def put_back(Relay relay not None):
    """Keep a relay for the next copy, unless it holds something or enough are kept."""
    with guard:
        if relay.held == 0 and len(kept) < KEPT:
            kept.append(relay)


def drop_pipes():
    """Close the relays that are kept; the next copy makes one anew."""
    global kept
    with guard:
        kept = []


def _after_fork():
    # Whoever held the lock is the parent's.
    global guard
    guard = threading.Lock()
    drop_pipes()


os.register_at_fork(after_in_child=_after_fork)

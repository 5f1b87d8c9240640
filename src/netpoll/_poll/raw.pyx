"""System calls of the caller's own, under the locks and the deadlines of a descriptor.

The caller's function gets the descriptor's number, which stays the descriptor's until it has returned. It says
that there is nothing to do yet by the BlockingIOError that a call of the socket module raises anyway; then the
goroutine parks until the descriptor is ready, and it is called again. Whatever else it returns or raises ends
the operation.

It must neither park nor use the same direction of the same FD, whose lock it runs under.

Source: go1.27 internal/poll/fd_unix.go (*FD).RawRead, RawWrite, RawControl.
"""
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport FD, check, lock, unlock
from netpoll._poll.stream_fd cimport StreamFD
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE, PD_NIL, PD_READY


def raw_read(FD fd not None, fn):
    """Call fn(number) as the only reader until it raises no BlockingIOError; return its result.

    Parks. What fn raises, and before and between its calls: ClosedError, DeadlineExceeded,
    Cancelled, OSError.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawRead.
    """
    return call_when_ready(fd, fn, MODE_READ)


def raw_write(FD fd not None, fn):
    """Call fn(number) as the only writer until it raises no BlockingIOError; as raw_read.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawWrite.
    """
    return call_when_ready(fd, fn, MODE_WRITE)


def raw_control(FD fd not None, fn):
    """Call fn(number) once, whoever reads or writes meanwhile; return its result. Does not park.

    What fn raises; before: ClosedError, OSError.

    Source: go1.27 internal/poll/fd_unix.go (*FD).RawControl.
    """
    fd.enter()
    try:
        return fn(fd.sysfd)
    finally:
        fd.exit()


cdef object call_when_ready(FD fd, object fn, int mode):
    cdef int64_t until
    until = lock(fd, mode)
    try:
        check(fd, mode)
        # Unlike a read of our own, fn may take its time: the limit counts from here.
        if not until:
            until = fd.limit(mode)
        while True:
            consume(fd, mode)
            try:
                return fn(fd.sysfd)
            except BlockingIOError:
                pass
            fd.wait(mode, until)
    finally:
        if mode == MODE_READ:
            forget(fd)
        unlock(fd, mode)


cdef void forget(FD fd) noexcept:
    """Nobody knows what fn has read: forget what is known of what is there."""
    if isinstance(fd, StreamFD):
        (<StreamFD>fd).drained = False      # the next read asks the kernel
    elif fd.pd != NULL:
        fd.pd.event_error = False           # fn has got the error of a datagram socket, which stays usable


cdef void consume(FD fd, int mode) noexcept:
    """Forget a readiness that was told before: an edge that comes from now on is a new one."""
    if fd.pd == NULL:
        return
    if mode == MODE_READ:
        if fd.pd.rg == PD_READY:
            fd.pd.rg = PD_NIL
    elif fd.pd.wg == PD_READY:
        fd.pd.wg = PD_NIL

"""What each operation on messages does when it cannot go on: it waits, or says how far it has come.

Source: go1.27 internal/poll/fd_unix.go; epoll(7), unix(7).
"""
from libc.stdint cimport int64_t

from netpoll._poll.fd cimport check, lock, unlock
from netpoll._runtime.clock cimport after, nanotime
from netpoll._runtime.netpoll cimport MODE_WRITE, POLL_NOT_POLLABLE, POLL_TIMEOUT
from netpoll._runtime.raised cimport np_take_exception
from netpoll._runtime.syscalls cimport AF_UNIX
from netpoll._runtime.wait cimport fail_poll

cdef enum:
    PAUSE_FIRST = 1000000     # ns between two tries to send to a Unix socket whose queue is full
    PAUSE_MOST = 20000000


cdef int check_made(SocketFD fd) except -1:
    """Raise AttributeError for the descriptor of a connection that has none: it was never initialised."""
    if fd is None:
        raise AttributeError("the connection was never initialised")
    return 0


cdef int unlock_and_raise(SocketFD fd, int mode) except -1:
    """Give the lock back and let the exception that is set take its way."""
    exception = np_take_exception()
    unlock(fd, mode)
    raise exception


cdef int count_and_raise(object exception, Py_ssize_t done) except -1:
    """Raise an exception with the number of bytes that were sent."""
    try:
        exception.bytes_written = done
    except Exception:   # one of a signal handler's, that takes no attribute
        pass
    raise exception


cdef int unlock_and_count(SocketFD fd, Py_ssize_t done) except -1:
    """Give the lock back and let the exception that is set take its way, with how much was sent."""
    exception = np_take_exception()
    unlock(fd, MODE_WRITE)
    count_and_raise(exception, done)


cdef int64_t lock_to_send(SocketFD fd) except -1:
    """Take the lock as `lock` does; who ends in line has sent nothing, and says so."""
    cdef int64_t until = lock_quietly(fd, MODE_WRITE)
    if until < 0:
        count_and_raise(np_take_exception(), 0)
    return until


cdef int64_t take_lock(SocketFD fd, int mode) except -1:
    return lock(fd, mode)


ctypedef int64_t (*lock_fn)(SocketFD fd, int mode) noexcept
cdef lock_fn lock_quietly = <lock_fn><void *>take_lock


cdef int wait_event(SocketFD fd, int mode, int64_t until) except -1:
    """Park until the descriptor is ready in this direction; the caller holds the lock."""
    cdef int error
    if fd.pd != NULL:
        # An error and no readiness is what an ICMP message makes of a socket whose send buffer is full. The
        # call before this one has raised it, or another one has.
        fd.pd.event_error = False
    error = fd.wait_for(mode, until)
    return fail_poll(error) if error and error != POLL_NOT_POLLABLE else 0


cdef int wait_for_room(SocketFD fd, bint addressed, int64_t until, int64_t *pause) except -1:
    """Park until it is worth while to try to send again; the caller holds the lock.

    A Unix socket that is not connected to the one it sends to is writable whatever queue is full there, and
    hears nothing when there is room again (unix(7)): it tries again every now and then.
    """
    if not addressed or fd.family != AF_UNIX:
        return wait_event(fd, MODE_WRITE, until)
    pause[0] = min(2 * pause[0], <int64_t>PAUSE_MOST) if pause[0] else PAUSE_FIRST
    return wait_out(fd, until, after(pause[0]))


cdef int wait_out(SocketFD fd, int64_t until, int64_t end) except -1:
    """Wait until `end`, or closed, cancelled or past the limit. Events do not count: the try that found no room
    has taken memory and given it back, and that alone makes the socket writable anew."""
    cdef int error
    while True:
        error = fd.wait_for(MODE_WRITE, min(end, until) if until else end)
        if error == POLL_TIMEOUT:
            check(fd, MODE_WRITE)
            if not until or nanotime() < until:
                return 0
        if error:
            return fail_poll(error)
        if nanotime() >= end:
            return 0

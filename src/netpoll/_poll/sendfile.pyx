"""sendfile: from the page cache of a file to a socket or a pipe, without a copy in this process.

    system call says        before the first byte     later
    some bytes              go on                     go on
    0: the file ends        done                      done, though fewer than asked for: it may have shrunk
    EAGAIN                  park                      park
    EINVAL ENOSYS           NOT_HANDLED: copy it      raised
    EOPNOTSUPP ESPIPE

NOT_HANDLED is, too, a descriptor that somebody who shares it has made blocking: no flag of the call keeps
that from holding up the thread, as MSG_DONTWAIT does when the file is read and sent.

A file that is not in the page cache is read from its disk inside the call, and the thread waits for it,
as in Go. What is to come is announced to the kernel first (posix_fadvise(2)), and other threads run.

Source: go1.27 internal/poll/sendfile.go; sendfile(2).
"""
from libc.errno cimport EAGAIN, EINTR, EINVAL, ENOSYS, EOPNOTSUPP, ESPIPE, errno
from libc.stdint cimport INT64_MAX, int64_t

from netpoll._poll.fd cimport FD, blocks, check, fail_errno, lock, unlock
from netpoll._runtime.netpoll cimport MODE_WRITE
from netpoll._runtime.syscalls cimport POSIX_FADV_WILLNEED, kernel

NOT_HANDLED = -1

cdef enum:
    MOST = 1 << 20              # bytes of one call: its thread does nothing else meanwhile
    READ_AHEAD = 128 << 10      # what the kernel reads ahead by itself


def sendfile(FD fd not None, int source, int64_t offset, int64_t count=-1):
    """Send `count` bytes of a file from `offset` on, all if -1; return how many. Parks.

    NOT_HANDLED, and nothing is sent: the kernel cannot send from this file, or to this descriptor.
    Fewer than asked for: the file ended. Its position is neither used nor moved. The caller keeps
    `source` open. OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
    """
    cdef int64_t done = 0
    cdef bint handled
    try:
        handled = send_all(fd, source, offset, INT64_MAX if count < 0 else count, &done)
    except BaseException as error:
        try:
            error.bytes_written = done
        except Exception:   # one of a signal handler's, that takes no attribute
            pass
        raise
    return done if handled else NOT_HANDLED


cdef bint send_all(FD fd, int source, int64_t offset, int64_t count, int64_t *done) except -1:
    cdef int64_t until = lock(fd, MODE_WRITE)
    try:
        check(fd, MODE_WRITE)
        if count > READ_AHEAD:
            kernel.fadvise(source, offset, 0 if count == INT64_MAX else count, POSIX_FADV_WILLNEED)
        return send_locked(fd, source, offset, count, until, done)
    finally:
        unlock(fd, MODE_WRITE)


cdef bint send_locked(
    FD fd, int source, int64_t offset, int64_t count, int64_t until, int64_t *done
) except -1:
    cdef ssize_t sent
    if blocks(fd.sysfd):
        return False
    while done[0] < count:
        with nogil:
            sent = kernel.sendfile(fd.sysfd, source, &offset, min(count - done[0], <int64_t>MOST))
        if sent > 0:
            done[0] += sent
            fd.give_way(MODE_WRITE)
        elif sent == 0:
            return True
        elif errno == EAGAIN:
            if not until:
                until = fd.limit(MODE_WRITE)
            fd.wait(MODE_WRITE, until)
        elif done[0] == 0 and errno in (EINVAL, ENOSYS, EOPNOTSUPP, ESPIPE):
            return False
        elif errno != EINTR:
            fail_errno()
    return True

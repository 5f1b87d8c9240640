"""PipeFD: read and write on what is no socket, and what the poller can wait for: pipes, FIFOs, terminals.

Contract, besides StreamFD's
  * There are no flags of a call here: not to wait is the mode of the open file, which others may share,
    a terminal with the shell that started us above all. So a pipe, a FIFO or a terminal is opened anew,
    under the same number, and the mode set on that alone. Not so the master of a pseudo-terminal or
    another device: opened anew it would be another one. Those, and what cannot be opened, get the mode
    where they are.
  * Who shares the open file all the same, a child that has the number above all, may make it blocking.
    So the mode is asked for before each call: where it is that, the poll that tells whether there is
    something comes first, and no more is written than a pipe that has room at all takes at once. A call
    that blocks would hold up all goroutines and, since it has the GIL, all threads. (What is no pipe has
    no such measure of room: to write to that may block.)
  * What remains of standard input, output and error is not touched: NOT_POLLABLE, as for what the poller
    refuses (regular files, directories, /dev/null), and the caller uses threads.

Source: go1.27 os/file_unix.go newFile; libuv src/unix/tty.c (opening a terminal anew); pipe(7), open(2),
ioctl_tty(2) TIOCGPTN.
"""
from libc.errno cimport EAGAIN, EBADF, EINTR, EPERM, errno

import os

from netpoll._poll.fd cimport blocks, fail_errno, own
from netpoll._poll.stream_fd cimport MAX_VECTOR, WOULD_BLOCK
from netpoll._runtime.netpoll cimport PD_NIL, PD_READY
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.syscalls cimport (
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLLIN,
    F_GETFD,
    F_GETFL,
    FD_CLOEXEC,
    O_ACCMODE,
    O_CLOEXEC,
    O_NOCTTY,
    O_NONBLOCK,
    POLLERR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    epoll_event,
    iovec,
    kernel,
)

cdef extern from "sys/stat.h" nogil:
    ctypedef struct stat_t "struct stat":
        unsigned int st_mode
    int fstat(int descriptor, stat_t *status)
    bint S_ISFIFO(unsigned int mode)
    bint S_ISCHR(unsigned int mode)

cdef extern from "sys/ioctl.h" nogil:
    int ioctl(int descriptor, unsigned long request, void *argument)
    enum: TIOCGPTN

cdef extern from "unistd.h" nogil:
    int isatty(int descriptor)

cdef extern from "fcntl.h" nogil:
    enum: O_DIRECT, O_APPEND

cdef extern from "limits.h" nogil:
    enum: PIPE_BUF

cdef enum:
    MAX_RW = 1 << 30
    MAX_WRITE = 1 << 20
    STANDARD = 3                # numbers below are shared with who has started us


cdef class PipeFD(StreamFD):
    """A pipe, a FIFO, a terminal or the like, for any goroutine of any thread."""

    @classmethod
    def adopt(cls, int fileno):
        """Own a descriptor from now on and make it non-blocking; None if no poller takes it.

        None also for a standard stream that cannot be made so without its other users noticing. On
        None, and on an error, the number stays the caller's, as it was. OSError.
        """
        cdef PipeFD fd
        cdef stat_t status
        if fstat(fileno, &status) < 0:
            fail_errno()
        if not is_pollable(get_scheduler(), fileno) or not stop_blocking(fileno, status.st_mode):
            return None
        fd = own(cls, fileno)
        fd.is_pipe = S_ISFIFO(status.st_mode)
        return fd

    cdef bint has_data(self) noexcept:
        return kernel.poll_now(self.sysfd, POLLIN) & (POLLIN | POLLHUP | POLLERR) != 0

    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2:
        cdef Py_ssize_t got
        self.look()
        if self.would_block():
            return WOULD_BLOCK
        while True:
            got = kernel.read(self.sysfd, buffer, min(size, <Py_ssize_t>MAX_RW))
            if got >= 0:
                self.last_read = <unsigned int>got
                return got
            if errno == EAGAIN:
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    cdef Py_ssize_t recv_vector_once(self, iovec *vector, Py_ssize_t count, Py_ssize_t size) except -2:
        cdef Py_ssize_t got
        self.look()
        if self.would_block():
            return WOULD_BLOCK
        while True:
            got = kernel.readv(self.sysfd, vector, <int>count)
            if got >= 0:
                self.last_read = <unsigned int>got
                return got
            if errno == EAGAIN:
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    cdef void look(self) noexcept:
        """Consume a notification before the call: an edge that comes from now on is a new one."""
        if self.pd != NULL and self.pd.rg == PD_READY:
            self.pd.rg = PD_NIL

    cdef bint would_block(self) noexcept:
        """Whether to read would block the thread."""
        return blocks(self.sysfd) and not self.has_data()

    cdef ssize_t send_once(self, iovec *vector, Py_ssize_t count) noexcept:
        global errno
        if blocks(self.sysfd):
            if kernel.poll_now(self.sysfd, POLLOUT) & (POLLOUT | POLLERR | POLLHUP) == 0:
                errno = EAGAIN   # no-cython-lint: it is C's own that is meant
                return -1
            if self.is_pipe:
                return kernel.quiet_write(self.sysfd, vector.iov_base, min(vector.iov_len, <size_t>PIPE_BUF))
        if count == 1:
            return kernel.quiet_write(self.sysfd, vector.iov_base, min(vector.iov_len, <size_t>MAX_WRITE))
        return kernel.writev(self.sysfd, vector, <int>min(count, <Py_ssize_t>MAX_VECTOR))


cdef bint is_pollable(Scheduler s, int fileno) except -1:
    """Ask an epoll of its own: no registration is left, and no earlier owner of the number is disturbed."""
    cdef epoll_event event
    cdef int epfd, code
    s.poller.init()
    if s.poller.owns(fileno):
        raise OSError(EBADF, os.strerror(EBADF))
    epfd = kernel.epoll_create(EPOLL_CLOEXEC)
    if epfd < 0:
        fail_errno()
    event.events = EPOLLIN
    event.data.u64 = 0
    code = 0 if kernel.epoll_ctl(epfd, EPOLL_CTL_ADD, fileno, &event) == 0 else errno
    kernel.close(epfd)
    if code and code != EPERM:
        raise OSError(code, os.strerror(code))
    return code == 0


cdef bint stop_blocking(int fileno, unsigned int mode) except -1:
    """Make it non-blocking; False if that would concern others."""
    cdef int flags = kernel.fcntl(fileno, F_GETFL, 0)
    if flags < 0:
        fail_errno()
    if flags & O_NONBLOCK:
        return True
    if (S_ISFIFO(mode) or is_terminal(fileno, mode)) and open_anew(fileno, flags):
        return True
    if fileno < STANDARD:
        return False
    if kernel.set_nonblocking(fileno, True) < 0:
        fail_errno()
    return True


cdef bint is_terminal(int fileno, unsigned int mode) noexcept:
    """Whether it is a terminal, and not the master of one."""
    cdef unsigned int number
    return S_ISCHR(mode) and isatty(fileno) and ioctl(fileno, TIOCGPTN, &number) < 0


cdef bint open_anew(int fileno, int flags) except -1:
    """Put another open file of the same pipe or terminal in its place; False if the system refuses."""
    cdef bytes path = b"/proc/self/fd/%d" % fileno
    cdef int keep = kernel.fcntl(fileno, F_GETFD, 0)
    cdef int wanted = flags & (O_ACCMODE | O_APPEND | O_DIRECT) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC
    cdef int other = kernel.open(path, wanted)
    cdef bint done
    if keep < 0 or other < 0:
        if other >= 0:
            kernel.close(other)
        return False
    done = kernel.dup3(other, fileno, O_CLOEXEC if keep & FD_CLOEXEC else 0) >= 0
    kernel.close(other)
    return done

"""epoll: the poller of Linux.

Kernel facts:
  * One EPOLL_CTL_ADD with EPOLLET for both directions serves a descriptor's whole life. The ADD itself
    reports what is ready at that moment, so registering late loses nothing.
  * EPOLLRDHUP tells of the peer's half-close even where data is still to be read.
  * EPOLLPRI is asked for because recv(2) stops at urgent data: a short read then does not mean drained,
    and only this bit tells.
  * close(2) removes a registration only with the last descriptor of the open file. A duplicate, or a
    child of fork, would keep it alive, so deregistering is explicit.
  * An eventfd has no type of file, and so is told from most of what may take its number.
  * An event for a registration that is gone may still be in a batch that was fetched before: PollCache
    drops it by its tag.

Source: go1.27 runtime/netpoll_epoll.go; epoll(7), eventfd(2).
"""
from cpython.exc cimport PyErr_SetFromErrno
from libc.errno cimport EINTR, errno
from libc.stdint cimport int64_t, uint64_t
from libc.stdlib cimport free, malloc

from netpoll._runtime.atomics cimport np_flag_clear, np_flag_raise
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport MODE_READ, MODE_WRITE, WAKE_KEY, PollDesc, Poller, pd_key, pd_notify
from netpoll._runtime.syscalls cimport (
    EFD_CLOEXEC,
    EFD_NONBLOCK,
    EPOLL_CLOEXEC,
    EPOLL_CTL_ADD,
    EPOLL_CTL_DEL,
    EPOLLERR,
    EPOLLET,
    EPOLLHUP,
    EPOLLIN,
    EPOLLOUT,
    EPOLLPRI,
    EPOLLRDHUP,
    epoll_event,
    kernel,
)

cdef enum:
    BATCH = 512   # events of one call


cdef class EpollPoller(Poller):
    """One epoll instance and one eventfd to break it.

    `wake` may be called from anywhere, the rest belongs to one thread.
    """

    def __cinit__(self):
        self.epfd = self.event_fd = -1

    def __dealloc__(self):
        self.shut()

    cdef int init(self) except -1:
        cdef epoll_event event
        if self.epfd >= 0:
            return 0
        self.events = <epoll_event *>malloc(BATCH * sizeof(epoll_event))
        if self.events == NULL:
            raise MemoryError("no memory for a poller")
        try:
            self.epfd = kernel.epoll_create(EPOLL_CLOEXEC)
            if self.epfd < 0:
                PyErr_SetFromErrno(OSError)
            self.event_fd = kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
            if self.event_fd < 0:
                PyErr_SetFromErrno(OSError)
            # Level-triggered on purpose: a wake-up stays until a blocking poll has drained it.
            event.events = EPOLLIN
            event.data.u64 = WAKE_KEY
            if kernel.epoll_ctl(self.epfd, EPOLL_CTL_ADD, self.event_fd, &event) < 0:
                PyErr_SetFromErrno(OSError)
        except BaseException:
            self.give_back()
            raise
        return 0

    cdef int open(self, int fd, PollDesc *pd) except -1:
        cdef epoll_event event
        event.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLPRI | EPOLLET
        event.data.u64 = pd_key(pd)
        if kernel.epoll_ctl(self.epfd, EPOLL_CTL_ADD, fd, &event) == 0:
            return 0
        PyErr_SetFromErrno(OSError)

    cdef int close(self, int fd) noexcept:
        cdef epoll_event event   # kernels before 2.6.9 want one, and an interceptor reads it
        event.events = 0
        event.data.u64 = 0
        return 0 if kernel.epoll_ctl(self.epfd, EPOLL_CTL_DEL, fd, &event) == 0 else errno

    cdef int poll(self, int64_t delay, GList *ready) except -1:
        cdef int n
        cdef int64_t before = ready.count
        if delay == 0:
            n = kernel.epoll_wait(self.epfd, self.events, BATCH, 0)
        else:
            # Only a poll that may block gives up the GIL.
            with nogil:
                n = kernel.epoll_wait(self.epfd, self.events, BATCH, delay)
        if n < 0:
            if errno == EINTR:
                return 0
            PyErr_SetFromErrno(OSError)
        for i in range(n):
            self.dispatch(&self.events[i], delay != 0, ready)
        return <int>(ready.count - before)

    cdef void dispatch(self, epoll_event *event, bint blocking, GList *ready) noexcept:
        cdef PollDesc *pd
        cdef int mode = 0
        cdef uint64_t count
        if event.data.u64 == WAKE_KEY:
            # A poll that does not block leaves it: the wake-up was meant for one that does.
            if blocking:
                # Drained before the flag falls: the other way round, a wake-up between the two would
                # be drained with its flag still up, and every later one would be thought on its way.
                kernel.read(self.event_fd, &count, sizeof(count))
                np_flag_clear(&self.waking)
            return
        pd = self.cache.find(event.data.u64)
        if pd == NULL:
            return
        if event.events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI):
            mode |= MODE_READ
        if event.events & (EPOLLOUT | EPOLLHUP | EPOLLERR):
            mode |= MODE_WRITE
        if event.events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR | EPOLLPRI):
            pd.hangup = True
        pd.event_error = event.events == EPOLLERR
        pd_notify(pd, mode, ready)

    cdef void wake(self) noexcept nogil:
        cdef uint64_t one = 1
        if self.event_fd < 0 or not np_flag_raise(&self.waking):
            return
        if not kernel.is_anonymous(self.event_fd):
            self.renew_event_fd()
        kernel.write(self.event_fd, &one, sizeof(one))

    cdef void renew_event_fd(self) noexcept nogil:
        """It was closed behind our back, and its number may be a stranger's: watch another one."""
        cdef epoll_event event
        self.event_fd = kernel.eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)
        event.events = EPOLLIN
        event.data.u64 = WAKE_KEY
        kernel.epoll_ctl(self.epfd, EPOLL_CTL_ADD, self.event_fd, &event)

    cdef bint owns(self, int fd) noexcept:
        return fd >= 0 and (fd == self.epfd or (fd == self.event_fd and kernel.is_anonymous(fd)))

    cdef void abandon(self, GList *ready) noexcept:
        # The numbers may have been given to somebody else meanwhile: then they are not ours to close.
        self.epfd = -1
        self.give_back()
        Poller.abandon(self, ready)

    cdef void shut(self) noexcept:
        self.closed = True
        self.give_back()

    cdef void give_back(self) noexcept:
        if self.epfd >= 0:
            kernel.close(self.epfd)
        if self.event_fd >= 0 and kernel.is_anonymous(self.event_fd):
            kernel.close(self.event_fd)
        self.epfd = self.event_fd = -1
        free(self.events)
        self.events = NULL

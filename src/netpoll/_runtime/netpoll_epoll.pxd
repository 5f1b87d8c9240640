"""epoll behind the poller contract of netpoll.pxd."""
from libc.stdint cimport int32_t

from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport Poller
from netpoll._runtime.syscalls cimport epoll_event

cdef class EpollPoller(Poller):
    cdef int epfd
    cdef int event_fd
    cdef int32_t waking      # raised: somebody has written to event_fd and nobody drained it yet
    cdef epoll_event *events

    cdef void dispatch(self, epoll_event *event, bint blocking, GList *ready) noexcept
    cdef void give_back(self) noexcept
    cdef void renew_event_fd(self) noexcept nogil

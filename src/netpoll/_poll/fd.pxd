"""FD: a descriptor with its locks, its deadlines and its place in the poller; see fd.pyx."""
from libc.stdint cimport int64_t, uint8_t

from netpoll._poll.turns cimport DO_NOT_WAIT, Turns, lock, unlock
from netpoll._runtime.netpoll cimport MODE_READ, PollDesc, Poller, pd_forbids
from netpoll._runtime.scheduler cimport Scheduler

cdef class FD(Turns):
    cdef int sysfd
    cdef uint8_t lost           # the number is another FD's
    cdef uint8_t cut            # modes whose deadline somebody has set into the past
    cdef PollDesc *pd           # NULL until somebody waits or sets a deadline
    cdef Scheduler home         # whose poller and timers pd belongs to
    cdef Poller poller
    cdef str described          # how whoever had it alone was called, if that was dropped unclosed

    cdef int enter(self) except -1
    cdef void lose(self) noexcept
    cdef int attach(self, Scheduler s) except -1
    cdef int move(self, Scheduler s) except -1
    cdef int check_all(self, int mode) except -1
    cdef int wait(self, int mode, int64_t until) except -1
    cdef int wait_for(self, int mode, int64_t until) except -1
    cdef int give_way(self, int mode) except -1
    cdef void send_home(self, Scheduler s, int mode) noexcept
    cdef int set_deadlines(self, int mode, object when) except -1

cdef FD own(type cls, int sysfd)
cdef FD take(type cls, int sysfd)
cdef int fail_errno() except -1
cdef bint blocks(int sysfd) noexcept

cdef inline int check(FD fd, int mode) except -1:
    """Raise what forbids an operation that holds its lock."""
    if fd.lost or (fd.pd != NULL and pd_forbids(fd.pd, mode)):
        return fd.check_all(mode)
    return 0

"""FD: a descriptor with its locks, its deadlines and its place in the poller; see fd.pyx."""
from libc.stdint cimport int64_t, uint8_t

from netpoll._poll.fd_mutex cimport FDMutex, try_lock, try_unlock
from netpoll._runtime.netpoll cimport MODE_READ, PollDesc, Poller, pd_forbids
from netpoll._runtime.scheduler cimport Scheduler

cdef enum:
    DO_NOT_WAIT = 1             # a timeout of 0: fail rather than wait

cdef enum Parked:
    AWAY = 0
    PARKED = 1
    TAKEN = 2
    HANDED = 3

cdef class FD:
    cdef FDMutex mutex
    cdef int sysfd
    cdef uint8_t read_parked    # a Parked: who drops the reference of the goroutine inside
    cdef uint8_t write_parked
    cdef uint8_t lost           # the number is another FD's
    cdef uint8_t cut            # modes whose deadline somebody has set into the past
    cdef PollDesc *pd           # NULL until somebody waits or sets a deadline
    cdef Scheduler home         # whose poller and timers pd belongs to
    cdef Poller poller
    cdef int64_t read_timeout   # ns for each operation, 0: none
    cdef int64_t write_timeout

    cdef int enter(self) except -1
    cdef int exit(self) noexcept
    cdef int64_t lock_contended(self, int mode) except -1
    cdef int64_t wait_in_line(self, int mode) except -1
    cdef int unlock_contended(self, int mode) noexcept
    cdef int hand_over(self, int mode) noexcept
    cdef int destroy(self) noexcept
    cdef void lose(self) noexcept
    cdef int attach(self, Scheduler s) except -1
    cdef int move(self, Scheduler s) except -1
    cdef int check_all(self, int mode) except -1
    cdef int wait(self, int mode, int64_t until) except -1
    cdef int wait_for(self, int mode, int64_t until) except -1
    cdef int give_way(self, int mode) except -1
    cdef void send_home(self, Scheduler s, int mode) noexcept
    cdef int set_deadlines(self, int mode, object when) except -1
    cdef int64_t limit(self, int mode) noexcept

cdef FD own(type cls, int sysfd)
cdef FD take(type cls, int sysfd)
cdef int fail_errno() except -1
cdef bint blocks(int sysfd) noexcept

# What each read and write passes, in line: the lock that is free, nothing that forbids, nobody behind.

cdef inline uint8_t *parked(FD fd, int mode) noexcept:
    """The Parked of this direction."""
    return &fd.read_parked if mode == MODE_READ else &fd.write_parked


cdef inline int64_t lock(FD fd, int mode) except -1:
    """Take the lock of one direction, after those in line. Parks.

    Returns when the operation has to end by its own timeout if it had to wait, for the time in line counts;
    else 0: nothing of it has passed.
    """
    if try_lock(&fd.mutex, mode):
        return 0
    return fd.lock_contended(mode)


cdef inline void unlock(FD fd, int mode) noexcept:
    """Give the lock to the next in line, or back."""
    if parked(fd, mode)[0] == TAKEN or not try_unlock(&fd.mutex, mode):
        fd.unlock_contended(mode)


cdef inline int check(FD fd, int mode) except -1:
    """Raise what forbids an operation that holds its lock."""
    if fd.lost or (fd.pd != NULL and pd_forbids(fd.pd, mode)):
        return fd.check_all(mode)
    return 0

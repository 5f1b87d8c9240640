"""FD: a descriptor with its locks, its deadlines and its place in the poller; see fd.pyx."""
from libc.stdint cimport int64_t, uint8_t, uint32_t

from netpoll._poll.fd_mutex cimport FDMutex
from netpoll._runtime.netpoll cimport PollDesc, Poller
from netpoll._runtime.scheduler cimport Scheduler
from netpoll._runtime.syscalls cimport iovec

cdef class FD:
    cdef FDMutex mutex
    cdef int sysfd
    cdef uint32_t last_read     # bytes the last read brought
    cdef PollDesc *pd           # NULL until somebody waits or sets a deadline
    cdef Scheduler home         # whose poller and timers pd belongs to
    cdef Poller poller
    cdef int64_t read_timeout   # ns for each operation, 0: none
    cdef int64_t write_timeout
    cdef uint8_t drained        # the last read emptied the receive queue
    cdef uint8_t stream         # a short read means an empty queue only here
    cdef uint8_t read_parked    # a Parked: who drops the reference of the goroutine inside
    cdef uint8_t write_parked

    cdef int enter(self) except -1
    cdef int exit(self) noexcept
    cdef int lock(self, int mode) except -1
    cdef int wait_in_line(self, int mode) except -1
    cdef int unlock(self, int mode) noexcept
    cdef int hand_over(self, int mode) noexcept
    cdef int destroy(self) noexcept
    cdef int attach(self, Scheduler s) except -1
    cdef int move(self, Scheduler s) except -1
    cdef int check(self, int mode) except -1
    cdef int wait(self, int mode, int64_t until) except -1
    cdef int wait_unasked(self, int64_t until) except -1
    cdef void send_home(self, Scheduler s, int mode) noexcept
    cdef int set_deadlines(self, int mode, object when) except -1
    cdef int64_t limit(self, int mode) noexcept

    cdef bint worth_trying(self) noexcept
    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2
    cdef Py_ssize_t recv(self, char *buffer, Py_ssize_t size) except -1
    cdef Py_ssize_t recv_locked(self, char *buffer, Py_ssize_t size) except -1
    cdef bytes read(self, Py_ssize_t size)
    cdef bytes read_scratch(self, Scheduler s, Py_ssize_t size)
    cdef bytes read_direct(self, Py_ssize_t size)
    cdef Py_ssize_t read_buffer(self, object buffer) except -1
    cdef Py_ssize_t write_buffer(self, object data) except -1
    cdef int send_all(self, const char *data, Py_ssize_t size) except -1
    cdef int send_locked(self, const char *data, Py_ssize_t size, Py_ssize_t *done) except -1
    cdef int writev_all(self, iovec *vector, Py_ssize_t count) except -1
    cdef int writev_locked(self, iovec *vector, Py_ssize_t count, Py_ssize_t *done) except -1
    cdef int accept_locked(self, list peer) except -1
    cdef int accept_once(self, list peer) except -2
    cdef int back_off(self, int64_t until, int64_t pause) except -1
    cdef int connect_locked(self, bytes address, int64_t until) except -1
    cdef int connect_once(self, bytes address) except -1
    cdef int socket_error(self) except -1
    cdef bint has_peer(self) noexcept

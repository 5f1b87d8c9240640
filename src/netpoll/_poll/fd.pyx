"""FD: a descriptor that any number of goroutines, of any thread, may use and close at the same time.

Contract
  * Reads queue behind reads, writes behind writes, first in first out; both directions at once are fine.
  * The system call comes first, only EAGAIN parks; EINTR is retried.
  * close() wakes everybody with ClosedError at once. The number goes back to the system when the last
    user has left, and a goroutine that is parked has left: close drops its reference in its name, for
    it will never touch the number again. So close() itself never parks, and a port is free when it
    returns.
  * A deadline is absolute, sticky, one per direction, and may be moved while somebody waits. A timeout
    is for each operation; the earlier of the two counts. Both raise DeadlineExceeded.
  * After a short read from a stream the queue is empty, and the next read parks without asking the kernel:
    the next edge wakes it. Not so once a hang-up, an error or urgent data was seen (PollDesc.hangup).
  * The poller is that of the scheduler whose goroutine first waits. If only goroutines of another thread
    wait later, the registration moves to theirs: a thread that waits for nothing may not poll for long.
  * What is raised here has no addresses: plain OSErrors, ClosedError, DeadlineExceeded. The net layer
    adds them. `bytes_written` is set on whatever ends a write early.

    parked      meaning                               who drops the reference
    AWAY        nobody is parked in this direction    the operation, at its end
    PARKED      the holder of the lock is parked      the operation, at its end
    HANDED      the lock was handed over to one       the operation, at its end
                who has not run since
    TAKEN       close came meanwhile                  close has done it

Source: go1.27 internal/poll/fd_unix.go, fd_mutex.go.
"""
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_AS_STRING, PyBytes_FromStringAndSize, PyBytes_GET_SIZE
from cpython.exc cimport PyErr_SetFromErrno
from cpython.memoryview cimport PyMemoryView_GET_BUFFER
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.errno cimport (
    EAGAIN,
    EALREADY,
    EBADF,
    ECONNABORTED,
    EINPROGRESS,
    EINTR,
    EISCONN,
    EMFILE,
    ENFILE,
    ENOBUFS,
    ENOMEM,
    EPROTO,
    errno,
)
from libc.stdint cimport int64_t, uint8_t, uint32_t, uintptr_t
from libc.stdlib cimport free, malloc
from libc.string cimport memset

import os
import warnings

from netpoll._poll.fd_mutex cimport (
    DESTROY,
    HAND_OVER,
    LOCKED,
    REFUSED,
    decref,
    incref,
    incref_and_close,
    is_closed,
    line,
    lock as lock_word,
    release_lock_only,
    unlock as unlock_word,
    withdraw,
)
from netpoll._runtime.clock cimport after, moment, nanoseconds, nanotime
from netpoll._runtime.g cimport IN_LINE, G, WAKE_READY, make_runnable, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport (
    EXPIRED,
    MODE_READ,
    MODE_WRITE,
    PD_NIL,
    PD_READY,
    PD_WAIT,
    POLL_CLOSING,
    POLL_NOT_POLLABLE,
    POLL_STALE,
    POLL_TIMEOUT,
    PollDesc,
    Poller,
    pd_check,
    pd_close,
    pd_drop_timers,
    pd_notify,
    pd_set_deadline,
    pd_unblock,
)
from netpoll._runtime.scheduler cimport (
    SCRATCH_SIZE,
    Scheduler,
    current_g,
    get_scheduler,
    ready,
    ready_list,
    scheduler_or_none,
    spend,
)
from netpoll._runtime.syscalls cimport (
    MSG_NOSIGNAL,
    MSG_PEEK,
    SO_ERROR,
    SOCK_CLOEXEC,
    SOCK_NONBLOCK,
    SOCK_STREAM,
    SOL_SOCKET,
    iovec,
    kernel,
    msghdr,
    sockaddr,
    socklen_t,
)
from netpoll._runtime.waitq cimport Waiter, dequeue, enqueue, leave
from netpoll.errors import ClosedError, DeadlineExceeded

cdef extern from "Python.h":
    int _PyBytes_Resize(PyObject **bytes, Py_ssize_t size) except -1

cdef enum Parked:
    AWAY = 0
    PARKED = 1
    TAKEN = 2
    HANDED = 3

cdef enum Grant:
    GRANT_LOCK = 1
    GRANT_CLOSED = 2

cdef enum:
    WOULD_BLOCK = -1
    ADDRESS_SIZE = 128        # sizeof(struct sockaddr_storage)
    MAX_VECTOR = 1024         # IOV_MAX
    LARGE_READ = 8192         # from here on data is received straight into the object returned
    MAX_RW = 1 << 30          # bytes of one system call, as in Go

cdef int64_t BACK_OFF_FIRST = 5000000
cdef int64_t BACK_OFF_MOST = 1000000000


cdef int fail_errno() except -1:
    PyErr_SetFromErrno(OSError)


cdef int fail_poll(int error) except -1:
    """Raise what a PollError means."""
    if error == POLL_CLOSING:
        raise ClosedError()
    if error == POLL_TIMEOUT:
        raise DeadlineExceeded()
    if error == POLL_STALE:
        raise OSError(EBADF, os.strerror(EBADF))
    raise OSError(EBADF, "the descriptor cannot be waited for")


cdef ssize_t send_vector(int sysfd, iovec *vector, size_t count) noexcept:
    """Send several buffers at once. Not by writev(2), which knows no MSG_NOSIGNAL."""
    cdef msghdr message
    memset(&message, 0, sizeof(message))
    message.msg_iov = vector
    message.msg_iovlen = count
    return kernel.sendmsg(sysfd, &message, MSG_NOSIGNAL)


cdef uint8_t *parked(FD fd, int mode) noexcept:
    """The Parked of this direction."""
    return &fd.read_parked if mode == MODE_READ else &fd.write_parked


cdef void strand_in_line(void *inside, int mode) noexcept:
    """Take a goroutine that will never run again out of the line."""
    cdef Waiter *waiter = <Waiter *>inside
    cdef FD fd = <FD>waiter.owner
    cdef int granted = leave(waiter)
    if granted == GRANT_LOCK:
        strand_holder(<void *>fd, mode & ~IN_LINE)
    elif not granted:
        withdraw(&fd.mutex, mode & ~IN_LINE)


cdef void strand_holder(void *inside, int mode) noexcept:
    """Free the lock of a goroutine that will never run again."""
    cdef FD fd = <FD>inside
    cdef uint8_t *flag = parked(fd, mode)
    if flag[0] == PARKED and fd.pd != NULL:
        pd_unblock(fd.pd, mode, False)
    if flag[0] != TAKEN:
        flag[0] = AWAY
    fd.unlock(mode)


cdef void wake_line(FD fd, int mode) noexcept:
    """Tell everybody in line that the descriptor is closed."""
    cdef GList woken = GList(NULL, NULL, 0)
    cdef void *g = dequeue(line(&fd.mutex, mode), GRANT_CLOSED)
    while g != NULL:
        if make_runnable(g, WAKE_READY):
            push(&woken, g)
        g = dequeue(line(&fd.mutex, mode), GRANT_CLOSED)
    ready_list(&woken)


cdef class FD:
    """A socket descriptor, for any goroutine of any thread. A method that parks says so."""

    def __cinit__(self):
        self.sysfd = -1
        memset(&self.mutex, 0, sizeof(self.mutex))

    def __init__(self):
        """Raise TypeError: an FD is made by `FD.socket` or `FD.adopt`."""
        raise TypeError("an FD is made by FD.socket() or FD.adopt()")

    def __del__(self):
        if self.sysfd >= 0 and not is_closed(&self.mutex):
            # Nobody can be inside: they would hold a reference. So this neither waits nor wakes anybody.
            try:
                warnings.warn(f"unclosed {self!r}", ResourceWarning, source=self)
            finally:
                self.close()

    def __repr__(self):
        return f"<FD {self.sysfd}{' closed' if is_closed(&self.mutex) else ''}>"

    # -- making one

    @staticmethod
    def socket(int family, int type, int proto=0):
        """Make a socket, non-blocking and close-on-exec. OSError."""
        cdef int sysfd = kernel.socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, proto)
        if sysfd < 0:
            fail_errno()
        fd = new_fd(sysfd)
        (<FD>fd).stream = type & 0xf == SOCK_STREAM
        return fd

    @staticmethod
    def adopt(int fileno):
        """Own a stream socket's descriptor from now on and make it non-blocking. OSError."""
        if kernel.set_nonblocking(fileno, True) < 0:
            fail_errno()
        return new_fd(fileno)

    # -- who is inside

    cdef int enter(self) except -1:
        if incref(&self.mutex) == REFUSED:
            raise ClosedError()
        return 0

    cdef int exit(self) noexcept:
        if decref(&self.mutex) == DESTROY:
            self.destroy()
        return 0

    cdef int lock(self, int mode) except -1:
        cdef int outcome
        # A thread's first call makes its scheduler, and others run meanwhile: not between the word and the line.
        get_scheduler()
        outcome = lock_word(&self.mutex, mode)
        if outcome == LOCKED:
            return 0
        if outcome == REFUSED:
            raise ClosedError()
        return self.wait_in_line(mode)

    cdef int wait_in_line(self, int mode) except -1:
        """Park until the lock is handed over; the line was joined in the word already."""
        cdef int granted = 0
        cdef bint counted = True
        cdef Scheduler s
        cdef G g
        cdef Waiter *waiter
        try:
            s = get_scheduler()
            g = current_g(s)
            if (g.cancelled or g.interrupt is not None) and not g.shield:
                # Others run before it is raised, and must not hand the lock to one who is not in the line.
                counted = False
                withdraw(&self.mutex, mode)
                s.check_pending(g)
            g.reason = "its turn to read" if mode == MODE_READ else "its turn to write"
            waiter = enqueue(line(&self.mutex, mode), <void *>g)
            waiter.owner = <void *>self
            g.on_strand, g.inside, g.inside_mode = strand_in_line, <void *>waiter, mode | IN_LINE
            s.net_waiters += 1   # who holds the lock waits for the network, here or on another thread
            try:
                granted = s.wait_queue(waiter, g, self.limit(mode))
            finally:
                s.net_waiters -= 1
                g.on_strand = NULL
        finally:
            if counted and not granted:
                withdraw(&self.mutex, mode)
        if not granted:
            raise DeadlineExceeded()
        if granted == GRANT_CLOSED:
            raise ClosedError()
        cdef uint8_t *flag = parked(self, mode)
        if flag[0] == TAKEN:
            self.unlock(mode)
            raise ClosedError()
        flag[0] = AWAY
        return 0

    cdef int unlock(self, int mode) noexcept:
        cdef uint8_t *flag = parked(self, mode)
        cdef int outcome
        if flag[0] == TAKEN:
            flag[0] = AWAY
            release_lock_only(&self.mutex, mode)
            return 0
        outcome = unlock_word(&self.mutex, mode)
        if outcome == HAND_OVER:
            self.hand_over(mode)
        elif outcome == DESTROY:
            self.destroy()
        return 0

    cdef int hand_over(self, int mode) noexcept:
        cdef void *g
        cdef int outcome = HAND_OVER
        while outcome == HAND_OVER:
            g = dequeue(line(&self.mutex, mode), GRANT_LOCK)
            if g != NULL:
                parked(self, mode)[0] = HANDED
                ready(g)
                return 0
            outcome = unlock_word(&self.mutex, mode)
        if outcome == DESTROY:
            self.destroy()
        return 0

    cdef int destroy(self) noexcept:
        """Give the number back. Runs once, by whoever left last."""
        cdef bint ours = True
        cdef int sysfd = self.sysfd
        if self.pd != NULL:
            pd_drop_timers(self.pd, self.home.timers)
            ours = self.poller.deregister(self.pd)
            self.pd = NULL
            self.home = None
            self.poller = None
        self.sysfd = -1
        # EINTR is not retried: Linux has given the number back already.
        if sysfd >= 0 and ours:
            kernel.close(sysfd)
        return 0

    def close(self):
        """Close; everybody inside gets ClosedError. Never parks; again: does nothing. Any thread.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Close.
        """
        cdef GList woken = GList(NULL, NULL, 0)
        if not incref_and_close(&self.mutex):
            return
        if self.pd != NULL:
            pd_close(self.pd, &woken)
            ready_list(&woken)
        wake_line(self, MODE_READ)
        wake_line(self, MODE_WRITE)
        if self.read_parked in (PARKED, HANDED):
            self.read_parked = TAKEN
            decref(&self.mutex)
        if self.write_parked in (PARKED, HANDED):
            self.write_parked = TAKEN
            decref(&self.mutex)
        self.exit()

    @property
    def closed(self):
        """True once `close` was called."""
        return is_closed(&self.mutex)

    def fileno(self):
        """Return the descriptor's number. ClosedError."""
        if is_closed(&self.mutex) or self.sysfd < 0:
            raise ClosedError()
        return self.sysfd

    # -- waiting

    cdef int attach(self, Scheduler s) except -1:
        """Register with the poller of `s`, if nobody waits at another one."""
        cdef GList woken = GList(NULL, NULL, 0)
        if self.pd == NULL:
            self.pd = s.poller.register(self.sysfd, &woken)
            self.home = s
            self.poller = s.poller
            ready_list(&woken)
        elif self.poller is not s.poller:
            # Somebody is parked at the other poller: that one reports for both of us.
            if self.poller.closed or (self.read_parked != PARKED and self.write_parked != PARKED):
                self.move(s)
        return 0

    cdef int move(self, Scheduler s) except -1:
        """Take the registration, with its deadlines, to the poller of `s`."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef PollDesc *old = self.pd
        cdef PollDesc *new
        cdef Poller _poller = self.poller    # kept alive: `old` lies in its cache
        if old.stale:
            return 0
        # One registration at a time: a descriptor that is given up stays registered where it is.
        new = s.poller.register(self.sysfd, &woken)
        new.hangup = old.hangup
        new.event_error = old.event_error
        self.pd = new
        pd_drop_timers(old, self.home.timers)
        self.poller.deregister(old)
        self.home = s
        self.poller = s.poller
        ready_list(&woken)
        pd_set_deadline(new, s.timers, MODE_READ, old.rd, &woken)
        pd_set_deadline(new, s.timers, MODE_WRITE, old.wd, &woken)
        return 0

    cdef int check(self, int mode) except -1:
        """Raise what forbids an operation before it has begun: a deadline in the past, above all."""
        cdef int error
        if is_closed(&self.mutex):
            raise ClosedError()
        if self.pd != NULL:
            error = pd_check(self.pd, mode)
            if error and error != POLL_NOT_POLLABLE:
                return fail_poll(error)
        return 0

    cdef int wait(self, int mode, int64_t until) except -1:
        """Park until the descriptor is ready in this direction; the caller holds the lock."""
        cdef Scheduler s = get_scheduler()
        cdef uint8_t *flag = parked(self, mode)
        cdef Poller _poller    # kept alive: its cache holds what is waited on
        cdef G g = current_g(s)
        cdef int error
        if self.pd == NULL or self.poller is not s.poller:
            self.attach(s)
        if is_closed(&self.mutex):
            # Closed since the lock was taken, by another thread, and perhaps before there was a PollDesc to mark.
            raise ClosedError()
        _poller = self.poller
        flag[0] = PARKED
        g.on_strand, g.inside, g.inside_mode = strand_holder, <void *>self, mode
        try:
            error = s.wait_poll(self.pd, mode, until)
        finally:
            g.on_strand = NULL
            if flag[0] == PARKED:
                flag[0] = AWAY
                self.send_home(s, (MODE_READ | MODE_WRITE) ^ mode)
        if flag[0] == TAKEN:
            error = POLL_CLOSING
        elif error == POLL_CLOSING and not is_closed(&self.mutex):
            return 0   # the registration was moved meanwhile, by the other direction: try again
        if error:
            return fail_poll(error)
        return 0

    cdef void send_home(self, Scheduler s, int mode) noexcept:
        """Wake who is parked in direction `mode` at this thread's poller but on another one: it takes its
        registration along."""
        cdef GList woken = GList(NULL, NULL, 0)
        cdef uintptr_t word
        if parked(self, mode)[0] != PARKED or self.pd == NULL or self.poller is not s.poller:
            return
        word = self.pd.rg if mode == MODE_READ else self.pd.wg
        if word > PD_WAIT and (<G><void *>word).scheduler is not s:
            pd_notify(self.pd, mode, &woken)
            ready_list(&woken)

    cdef int64_t limit(self, int mode) noexcept:
        """When an operation that begins now has to end by its own timeout; 0: never."""
        cdef int64_t timeout = self.read_timeout if mode == MODE_READ else self.write_timeout
        return after(timeout) if timeout else 0

    # -- deadlines

    cdef int set_deadlines(self, int mode, object when) except -1:
        cdef GList woken = GList(NULL, NULL, 0)
        cdef int64_t at = 0
        if when is not None:
            if when != when:
                raise ValueError("a deadline cannot be NaN")
            at = nanoseconds(when)
            if at == 0:
                at = EXPIRED
        self.enter()
        try:
            if self.pd == NULL:
                if at == 0:
                    return 0
                self.attach(get_scheduler())
            pd_set_deadline(self.pd, self.home.timers, mode, at, &woken)
            if at > 0 and self.home is not scheduler_or_none():
                self.poller.wake()   # its thread may sleep past the new deadline
            ready_list(&woken)
        finally:
            self.exit()
        return 0

    def set_deadline(self, when):
        """Set the deadline for reading and writing: seconds on time.monotonic(), None for none.

        Wakes who waits if it has passed. Does not park. ClosedError. Any thread.
        """
        self.set_deadlines(MODE_READ | MODE_WRITE, when)

    def set_read_deadline(self, when):
        """Set the deadline for reading and accepting; as set_deadline."""
        self.set_deadlines(MODE_READ, when)

    def set_write_deadline(self, when):
        """Set the deadline for writing and connecting; as set_deadline."""
        self.set_deadlines(MODE_WRITE, when)

    def settimeout(self, seconds):
        """Limit each later operation to `seconds`, None for no limit. ValueError: negative or NaN.

        Zero means: fail rather than wait.
        """
        cdef int64_t timeout = 0
        if seconds is not None:
            if not seconds >= 0:
                raise ValueError("a timeout is a number of seconds, zero or more")
            timeout = max(1, nanoseconds(seconds))
        self.read_timeout = self.write_timeout = timeout

    def gettimeout(self):
        """Return the timeout in seconds, None if there is none."""
        if self.read_timeout == 0:
            return None
        return 0.0 if self.read_timeout == 1 else self.read_timeout / 1e9

    # -- reading

    cdef bint worth_trying(self) noexcept:
        """False if a read is bound to find nothing: the last was short and no event came since."""
        # Who must not wait for an event (a timeout of 0) has to ask the kernel.
        if not self.drained or self.read_timeout == 1:
            return True
        return self.pd != NULL and (self.pd.rg == PD_READY or self.pd.hangup)

    cdef int wait_unasked(self, int64_t until) except -1:
        """Wait for data without having asked the kernel: what is there counts although the time is up."""
        cdef char byte
        try:
            self.wait(MODE_READ, until)
        except DeadlineExceeded:
            # It may have come before the read began, with nobody looking at the poller since.
            if kernel.recv(self.sysfd, &byte, 1, MSG_PEEK) < 0:
                raise
        return 0

    cdef Py_ssize_t recv_once(self, char *buffer, Py_ssize_t size) except -2:
        """Receive without waiting; WOULD_BLOCK if there is nothing."""
        cdef Py_ssize_t got
        if self.pd != NULL and self.pd.rg == PD_READY:
            # Consumed before the call: an edge that comes from now on is a new one.
            self.pd.rg = PD_NIL
        while True:
            got = kernel.recv(self.sysfd, buffer, min(size, <Py_ssize_t>MAX_RW), 0)
            if got >= 0:
                self.drained = self.stream and 0 < got < size
                self.last_read = <uint32_t>got
                return got
            if errno == EAGAIN:
                self.drained = False
                return WOULD_BLOCK
            if errno != EINTR:
                fail_errno()

    cdef Py_ssize_t recv(self, char *buffer, Py_ssize_t size) except -1:
        """Receive up to `size` bytes into memory that stays where it is while the goroutine is parked."""
        cdef Py_ssize_t got
        self.lock(MODE_READ)
        try:
            self.check(MODE_READ)
            got = self.recv_locked(buffer, size) if size else 0
        finally:
            self.unlock(MODE_READ)
        return got

    cdef Py_ssize_t recv_locked(self, char *buffer, Py_ssize_t size) except -1:
        cdef int64_t until = 0
        cdef Py_ssize_t got
        if not self.worth_trying():
            until = self.limit(MODE_READ)
            self.wait_unasked(until)
        while True:
            got = self.recv_once(buffer, size)
            if got != WOULD_BLOCK:
                return got
            if not until and self.read_timeout:
                until = after(self.read_timeout)
            self.wait(MODE_READ, until)

    cdef bytes read(self, Py_ssize_t size):
        """Read up to `size` bytes, b"" at the end of the stream.

        Small reads go through the thread's scratch buffer. When the last one was large, the data is
        received straight into the object that is returned, of at most twice that size, and never while
        parked: an idle connection holds no buffer.
        """
        cdef Scheduler s = get_scheduler()
        cdef bytes data
        if size < 0:
            raise ValueError("cannot read a negative number of bytes")
        self.lock(MODE_READ)
        try:
            self.check(MODE_READ)
            if size == 0:
                data = b""
            elif size <= SCRATCH_SIZE and self.last_read < LARGE_READ:
                data = self.read_scratch(s, size)
            else:
                data = self.read_direct(size)
        finally:
            self.unlock(MODE_READ)
        spend(s)
        return data

    cdef bytes read_scratch(self, Scheduler s, Py_ssize_t size):
        cdef char *scratch = s.get_scratch()
        # Nobody else can have used it: between the system call and this copy nothing parks.
        cdef Py_ssize_t got = self.recv_locked(scratch, size)
        return PyBytes_FromStringAndSize(scratch, got)

    cdef bytes read_direct(self, Py_ssize_t size):
        cdef int64_t until = self.limit(MODE_READ)
        cdef bytes data = None
        cdef Py_ssize_t got
        size = min(size, max(2 * <Py_ssize_t>self.last_read, <Py_ssize_t>SCRATCH_SIZE))
        if not self.worth_trying():
            self.wait_unasked(until)
        while True:
            data = PyBytes_FromStringAndSize(NULL, size)
            got = self.recv_once(PyBytes_AS_STRING(data), size)
            if got != WOULD_BLOCK:
                break
            data = None
            self.wait(MODE_READ, until)
        cdef PyObject *raw = <PyObject *>data
        Py_INCREF(data)
        data = None      # _PyBytes_Resize wants the only reference
        _PyBytes_Resize(&raw, got)
        data = <bytes>raw
        Py_DECREF(data)
        return data

    def read_bytes(self, Py_ssize_t size):
        """Read up to `size` bytes, b"" at the end of the stream. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled.
        """
        return self.read(size)

    cdef Py_ssize_t read_buffer(self, object buffer) except -1:
        cdef Py_buffer view
        cdef Py_ssize_t got
        PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
        try:
            got = self.recv(<char *>view.buf, view.len)
        finally:
            PyBuffer_Release(&view)
        spend(get_scheduler())
        return got

    def readinto(self, buffer):
        """Read into a writable buffer; return how many bytes, 0 at the end of the stream. Parks."""
        return self.read_buffer(buffer)

    # -- writing

    cdef int send_all(self, const char *data, Py_ssize_t size) except -1:
        """Send everything, or raise with `bytes_written` set."""
        cdef Py_ssize_t done = 0
        try:
            self.lock(MODE_WRITE)
            try:
                self.check(MODE_WRITE)
                self.send_locked(data, size, &done)
            finally:
                self.unlock(MODE_WRITE)
        except BaseException as exception:
            exception.bytes_written = done
            raise
        return spend(get_scheduler())

    cdef int send_locked(self, const char *data, Py_ssize_t size, Py_ssize_t *done) except -1:
        cdef int64_t until = 0
        cdef Py_ssize_t sent
        while done[0] < size:
            sent = kernel.send(self.sysfd, data + done[0], min(size - done[0], <Py_ssize_t>MAX_RW), MSG_NOSIGNAL)
            if sent >= 0:
                done[0] += sent
            elif errno == EAGAIN:
                if not until and self.write_timeout:
                    until = after(self.write_timeout)
                self.wait(MODE_WRITE, until)
            elif errno != EINTR:
                fail_errno()
        return 0

    def write(self, data):
        """Write all of a bytes-like object; return its length. Parks while the peer does not read.

        OSError, ClosedError, DeadlineExceeded, Cancelled, each with `bytes_written`.
        """
        return self.write_buffer(data)

    cdef Py_ssize_t write_buffer(self, object data) except -1:
        cdef Py_buffer view
        if isinstance(data, bytes):
            self.send_all(PyBytes_AS_STRING(data), PyBytes_GET_SIZE(data))
            return PyBytes_GET_SIZE(data)
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            self.send_all(<const char *>view.buf, view.len)
            return view.len
        finally:
            PyBuffer_Release(&view)

    def writev(self, buffers):
        """Write all of several bytes-like objects, gathered; return how many bytes. Parks."""
        cdef list views = [memoryview(buffer).cast("B") for buffer in buffers]
        cdef Py_ssize_t count = len(views)
        cdef iovec *vector = <iovec *>malloc(max(1, count) * sizeof(iovec))
        cdef Py_ssize_t total = 0
        cdef Py_buffer *view
        cdef Py_ssize_t i
        if vector == NULL:
            raise MemoryError("no memory for a vector of buffers")
        try:
            for i in range(count):
                view = PyMemoryView_GET_BUFFER(views[i])
                vector[i].iov_base = view.buf
                vector[i].iov_len = view.len
                total += view.len
            self.writev_all(vector, count)
            return total
        finally:
            free(vector)

    cdef int writev_all(self, iovec *vector, Py_ssize_t count) except -1:
        cdef Py_ssize_t done = 0
        try:
            self.lock(MODE_WRITE)
            try:
                self.check(MODE_WRITE)
                self.writev_locked(vector, count, &done)
            finally:
                self.unlock(MODE_WRITE)
        except BaseException as exception:
            exception.bytes_written = done
            raise
        return spend(get_scheduler())

    cdef int writev_locked(self, iovec *vector, Py_ssize_t count, Py_ssize_t *done) except -1:
        cdef int64_t until = 0
        cdef Py_ssize_t sent
        while True:
            while count and vector.iov_len == 0:
                vector += 1
                count -= 1
            if count == 0:
                return 0
            sent = send_vector(self.sysfd, vector, min(count, <Py_ssize_t>MAX_VECTOR))
            if sent >= 0:
                done[0] += sent
                while count and <size_t>sent >= vector.iov_len:
                    sent -= vector.iov_len
                    vector += 1
                    count -= 1
                if count:
                    vector.iov_base = <char *>vector.iov_base + sent
                    vector.iov_len -= sent
            elif errno == EAGAIN:
                if not until and self.write_timeout:
                    until = after(self.write_timeout)
                self.wait(MODE_WRITE, until)
            elif errno != EINTR:
                fail_errno()

    # -- listening

    def bind(self, bytes address not None):
        """Bind to a raw sockaddr. OSError, ClosedError."""
        self.enter()
        try:
            if kernel.bind(self.sysfd, <sockaddr *>PyBytes_AS_STRING(address), <socklen_t>len(address)) < 0:
                fail_errno()
        finally:
            self.exit()

    def listen(self, int backlog):
        """Begin to listen. OSError, ClosedError."""
        self.enter()
        try:
            if kernel.listen(self.sysfd, backlog) < 0:
                fail_errno()
        finally:
            self.exit()

    def accept(self):
        """Wait for a connection; return it as an FD, and the peer's raw sockaddr. Parks.

        Connections that were gone before they were accepted are passed over. While the process or
        the system is out of descriptors or memory, tries again after 5 ms, 10 ms ... 1 s.
        OSError, ClosedError, DeadlineExceeded, Cancelled.

        Source: go1.27 internal/poll/fd_unix.go (*FD).Accept, net/http (*Server).Serve; accept(2).
        """
        cdef Scheduler s = get_scheduler()
        cdef list peer = []
        cdef int sysfd
        # Paid before it is had: once a connection is accepted nothing may be raised that would lose it.
        spend(s)
        self.lock(MODE_READ)
        try:
            self.check(MODE_READ)
            if self.pd == NULL:
                # A wait takes descriptors too: now, while the connections have not used up all.
                s.open_gate()
                self.attach(s)
            sysfd = self.accept_locked(peer)
            fd = new_fd(sysfd)
        finally:
            self.unlock(MODE_READ)
        return fd, peer[0]

    cdef int accept_locked(self, list peer) except -1:
        cdef int64_t until = 0
        cdef int64_t pause = 0
        cdef int sysfd
        while True:
            sysfd = self.accept_once(peer)
            if sysfd >= 0:
                return sysfd
            if not until and self.read_timeout:
                until = after(self.read_timeout)
            if errno == EAGAIN:
                pause = 0
                self.wait(MODE_READ, until)
            else:
                pause = min(2 * pause, BACK_OFF_MOST) if pause else BACK_OFF_FIRST
                self.back_off(until, pause)

    cdef int accept_once(self, list peer) except -2:
        """Accept without waiting; -1 with errno if there is nothing, or no room, now."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size
        cdef int sysfd
        while True:
            size = ADDRESS_SIZE
            sysfd = kernel.accept4(self.sysfd, <sockaddr *>address, &size, SOCK_NONBLOCK | SOCK_CLOEXEC)
            if sysfd >= 0:
                try:
                    peer.append(PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE)))
                except BaseException:
                    kernel.close(sysfd)
                    raise
                return sysfd
            if errno in (EAGAIN, EMFILE, ENFILE, ENOBUFS, ENOMEM):
                return -1
            # Network errors of the new connection come up here as well (accept(2)); it is gone, not the listener.
            if errno not in (EINTR, ECONNABORTED, EPROTO):
                fail_errno()

    cdef int back_off(self, int64_t until, int64_t pause) except -1:
        """Wait `pause` ns, or until closed, cancelled or past the limit; new connections do not hasten it."""
        cdef int64_t end = after(pause)
        while True:
            try:
                self.wait(MODE_READ, end if not until else min(end, until))
            except DeadlineExceeded:
                self.check(MODE_READ)
                if until and nanotime() >= until:
                    raise
                return 0
            if nanotime() >= end:
                return 0

    # -- connecting

    def connect(self, bytes address not None, timeout=None):
        """Connect to a raw sockaddr within `timeout` seconds. Parks.

        OSError, ClosedError, DeadlineExceeded, Cancelled; close the FD after any of them.

        Source: go1.27 net/fd_unix.go (*netFD).connect; connect(2).
        """
        cdef int64_t until = self.limit(MODE_WRITE) if timeout is None else moment(timeout)
        self.lock(MODE_WRITE)
        try:
            self.check(MODE_WRITE)
            self.connect_locked(address, until)
        finally:
            self.unlock(MODE_WRITE)

    cdef int connect_locked(self, bytes address, int64_t until) except -1:
        cdef int code = self.connect_once(address)
        while code in (EINPROGRESS, EALREADY, EINTR):
            self.wait(MODE_WRITE, until)
            code = self.socket_error()
            if code == 0:
                # A spurious wake-up leaves SO_ERROR at 0 too; only a connected socket has a peer.
                if not self.has_peer():
                    code = EINPROGRESS
        if code and code != EISCONN:
            raise OSError(code, os.strerror(code))
        return 0

    cdef int connect_once(self, bytes address) except -1:
        """Begin to connect; return an errno, 0 when connected."""
        if kernel.connect(self.sysfd, <sockaddr *>PyBytes_AS_STRING(address), <socklen_t>len(address)) == 0:
            return 0
        return errno

    cdef bint has_peer(self) noexcept:
        cdef char[ADDRESS_SIZE] peer
        cdef socklen_t size = ADDRESS_SIZE
        return kernel.getpeername(self.sysfd, <sockaddr *>peer, &size) == 0

    cdef int socket_error(self) except -1:
        """Return and clear the socket's pending error."""
        cdef int code = 0
        cdef socklen_t size = sizeof(code)
        if kernel.getsockopt(self.sysfd, SOL_SOCKET, SO_ERROR, &code, &size) < 0:
            return errno
        return code

    # -- the rest of a socket's life

    def shutdown(self, int how):
        """Shut down reading (0), writing (1) or both (2). OSError, ClosedError. Does not park."""
        self.enter()
        try:
            if kernel.shutdown(self.sysfd, how) < 0:
                fail_errno()
        finally:
            self.exit()

    def getsockname(self):
        """Return the local raw sockaddr. OSError, ClosedError."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size = ADDRESS_SIZE
        self.enter()
        try:
            if kernel.getsockname(self.sysfd, <sockaddr *>address, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE))

    def getpeername(self):
        """Return the peer's raw sockaddr. OSError, ClosedError."""
        cdef char[ADDRESS_SIZE] address
        cdef socklen_t size = ADDRESS_SIZE
        self.enter()
        try:
            if kernel.getpeername(self.sysfd, <sockaddr *>address, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return PyBytes_FromStringAndSize(address, min(size, <socklen_t>ADDRESS_SIZE))

    def setsockopt(self, int level, int name, value):
        """Set an option to an int or to bytes. OSError, ClosedError."""
        cdef int number
        cdef const char *data
        cdef socklen_t size
        if isinstance(value, bytes):
            data = PyBytes_AS_STRING(value)
            size = <socklen_t>PyBytes_GET_SIZE(value)
        else:
            number = value
            data = <const char *>&number
            size = sizeof(number)
        self.enter()
        try:
            if kernel.setsockopt(self.sysfd, level, name, data, size) < 0:
                fail_errno()
        finally:
            self.exit()

    def getsockopt(self, int level, int name):
        """Return an option as an int. OSError, ClosedError."""
        cdef int number = 0
        cdef socklen_t size = sizeof(number)
        self.enter()
        try:
            if kernel.getsockopt(self.sysfd, level, name, &number, &size) < 0:
                fail_errno()
        finally:
            self.exit()
        return number

    def getsockopt_bytes(self, int level, int name, Py_ssize_t size):
        """Return an option of at most `size` bytes. OSError, ClosedError."""
        cdef bytearray value = bytearray(size)
        cdef socklen_t length = <socklen_t>size
        self.enter()
        try:
            if kernel.getsockopt(self.sysfd, level, name, <char *>value, &length) < 0:
                fail_errno()
        finally:
            self.exit()
        return bytes(value[:length])

    def dup(self):
        """Return a close-on-exec duplicate, the caller's to close. OSError, ClosedError."""
        cdef int number
        self.enter()
        try:
            number = kernel.dup(self.sysfd)
            if number < 0:
                fail_errno()
        finally:
            self.exit()
        return number


cdef FD new_fd(int sysfd):
    """Own a descriptor from this moment on; it is closed if there is no memory for the object."""
    cdef FD fd
    try:
        fd = FD.__new__(FD)
    except BaseException:
        kernel.close(sysfd)
        raise
    fd.sysfd = sysfd
    fd.stream = True
    return fd

"""FD: a descriptor that any number of goroutines, of any thread, may use and close at the same time.

Contract
  * Reads and writes take turns: turns.pyx.
  * The system call comes first, only EAGAIN parks; EINTR is retried.
  * close() wakes everybody with ClosedError at once. The number goes back to the system when the last
    user has left, and a goroutine that is parked has left: close drops its reference in its name, for
    it will never touch the number again. So close() itself never parks, and a port is free when it
    returns.
  * A deadline is absolute, sticky, one per direction, and may be moved while somebody waits. A timeout
    is for each operation; the earlier of the two counts. Both raise DeadlineExceeded.
  * The poller is that of the scheduler whose goroutine first waits. If only goroutines of another thread
    wait later, the registration moves to theirs: a thread that waits for nothing may not poll for long.
  * What is raised here has no addresses: plain OSErrors, ClosedError, DeadlineExceeded. The net layer
    adds them.
  * A number that was closed behind our back and given to another FD is that one's: the earlier FD is
    disowned, raises EBADF from then on, and never closes the number.

Source: go1.27 internal/poll/fd_unix.go.
"""
from cpython.exc cimport PyErr_SetFromErrno
from libc.stdint cimport int64_t, uint8_t, uintptr_t
from libc.time cimport time

import sys
import warnings

from netpoll._poll.fd_mutex cimport REFUSED, incref, incref_and_close, is_closed
from netpoll._poll.owners cimport claim, disown
from netpoll._poll.turns cimport AWAY, PARKED, TAKEN, parked, strand_holder
from netpoll._runtime.clock cimport nanoseconds, nanotime
from netpoll._runtime.g cimport G
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport (
    EXPIRED,
    MODE_READ,
    MODE_WRITE,
    PD_WAIT,
    POLL_CLOSING,
    POLL_NOT_POLLABLE,
    POLL_STALE,
    PollDesc,
    Poller,
    pd_check,
    pd_close,
    pd_disown,
    pd_drop_timers,
    pd_notify,
    pd_set_deadline,
    pd_unblock,
)
from netpoll._runtime.raised cimport np_pass_on
from netpoll._runtime.scheduler cimport (
    Scheduler,
    current_g,
    get_scheduler,
    ready_list,
    scheduler_or_none,
)
from netpoll._runtime.syscalls cimport F_GETFL, O_NONBLOCK, kernel
from netpoll._runtime.wait cimport fail_poll, wait_poll
from netpoll.errors import ClosedError

ctypedef int (*wait_fn)(Scheduler s, PollDesc *pd, int mode, int64_t until) noexcept
cdef wait_fn wait_quietly = <wait_fn><void *>wait_poll    # see raised.pxd

cdef int64_t SECOND = 1000000000
cdef int64_t YEAR = 32000000 * SECOND


cdef int fail_errno() except -1:
    PyErr_SetFromErrno(OSError)


cdef bint blocks(int sysfd) noexcept:
    """Whether calls without a flag would block, since somebody who shares the open file wants that."""
    return kernel.fcntl(sysfd, F_GETFL, 0) & O_NONBLOCK == 0


cdef class FD(Turns):
    """A descriptor, for any goroutine of any thread. A method that parks says so."""

    def __cinit__(self):
        self.sysfd = -1

    def __init__(self):
        """Raise TypeError: an FD is made by `socket` or `adopt` of its class."""
        name = type(self).__name__
        raise TypeError(f"make a {name} by {name}.socket() or {name}.adopt()")

    def __del__(self):
        if self.sysfd >= 0 and not is_closed(&self.mutex):
            # Nobody can be inside: they would hold a reference. So this neither waits nor wakes anybody.
            try:
                what = repr(self) if self.described is None else f"{self.described}, descriptor {self.sysfd}"
                warnings.warn(f"unclosed {what}", ResourceWarning, source=self)
            except Exception:
                # At the end there may be nothing left to warn with, nor this module's own names.
                if sys is not None and not sys.is_finalizing():
                    raise
            finally:
                self.close()

    def describe(self, str text):
        """Say what a warning calls it if it is dropped unclosed: by whoever has it."""
        self.described = text

    def __dealloc__(self):
        if self.sysfd >= 0:
            disown(self.sysfd, <void *>self)

    def __repr__(self):
        return f"<{type(self).__name__} {self.sysfd}{' closed' if is_closed(&self.mutex) else ''}>"

    # -- who is inside

    cdef int enter(self) except -1:
        if incref(&self.mutex) == REFUSED:
            raise ClosedError()
        if self.lost:
            self.exit()
            return fail_poll(POLL_STALE)
        return 0

    cdef void forget_wait(self, int mode) noexcept:
        if self.pd != NULL:
            pd_unblock(self.pd, mode, False)

    cdef int destroy(self) noexcept:
        cdef int sysfd = self.sysfd
        cdef bint ours = disown(sysfd, <void *>self)
        if self.pd != NULL:
            pd_drop_timers(self.pd, self.home.timers)
            ours = self.poller.deregister(self.pd) and ours
            self.pd = NULL
            self.home = None
            self.poller = None
        self.sysfd = -1
        # EINTR is not retried: Linux has given the number back already.
        if sysfd >= 0 and ours:
            with nogil:     # a socket that lingers blocks (socket(7)): its thread alone, not the others
                kernel.close(sysfd)
        return 0

    cdef void lose(self) noexcept:
        """The number was closed behind our back and is another FD's from now on."""
        cdef GList woken = GList(NULL, NULL, 0)
        self.lost = True
        if self.pd != NULL:
            pd_disown(self.pd, &woken)
            ready_list(&woken)

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
        self.evict()
        self.exit()

    def give_back(self):
        """Close, but leave the number open: it is the caller's again. Any thread."""
        if not is_closed(&self.mutex):
            disown(self.sysfd, <void *>self)    # what is not ours is not closed
            self.close()

    @property
    def closed(self):
        """True once `close` was called."""
        return is_closed(&self.mutex)

    def fileno(self):
        """Return the descriptor's number. ClosedError."""
        if is_closed(&self.mutex) or self.sysfd < 0:
            raise ClosedError()
        if self.lost:
            fail_poll(POLL_STALE)
        return self.sysfd

    # -- waiting

    cdef int attach(self, Scheduler s) except -1:
        """Register with the poller of `s`, if nobody waits at another one."""
        cdef GList woken = GList(NULL, NULL, 0)
        if self.pd == NULL:
            self.pd = s.poller.register(self.sysfd, True, &woken)
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
        new = s.poller.register(self.sysfd, True, &woken)
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

    cdef int check_all(self, int mode) except -1:
        """Raise what forbids an operation before it has begun: a deadline in the past, above all."""
        cdef int error
        if is_closed(&self.mutex):
            raise ClosedError()
        if self.lost:
            return fail_poll(POLL_STALE)
        if self.pd != NULL:
            error = pd_check(self.pd, mode)
            if error and error != POLL_NOT_POLLABLE:
                return fail_poll(error)
        return 0

    cdef int wait(self, int mode, int64_t until) except -1:
        """Park until the descriptor is ready in this direction; the caller holds the lock."""
        cdef int error = self.wait_for(mode, until)
        return fail_poll(error) if error else 0

    cdef int wait_for(self, int mode, int64_t until) except -1:
        """The same, but return the PollError that ended it. No `try` here; see raised.pxd."""
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
        if self.lost:
            return fail_poll(POLL_STALE)
        _poller = self.poller
        flag[0] = PARKED
        g.on_strand, g.inside, g.inside_mode = strand_holder, <void *>self, mode
        error = wait_quietly(s, self.pd, mode, until)
        g.on_strand = NULL
        if flag[0] == PARKED:
            flag[0] = AWAY
            self.send_home(s, (MODE_READ | MODE_WRITE) ^ mode)
        if error < 0:
            return np_pass_on()
        if flag[0] == TAKEN:
            return POLL_CLOSING
        if self.lost:
            return POLL_STALE   # since the event that woke us: what is there now is the next owner's
        if error == POLL_CLOSING and not is_closed(&self.mutex):
            return 0   # the registration was moved meanwhile, by the other direction: try again
        return error

    cdef int give_way(self, int mode) except -1:
        """In the midst of an operation that goes on and on: yield when the budget is spent.

        As in a wait, close takes over the reference meanwhile.
        """
        cdef Scheduler s = get_scheduler()
        cdef uint8_t *flag = parked(self, mode)
        s.budget -= 1
        if s.budget > 0:
            return 0
        cdef G g = current_g(s)
        flag[0] = PARKED
        g.on_strand, g.inside, g.inside_mode = strand_holder, <void *>self, mode
        try:
            s.yield_(g)
        finally:
            g.on_strand = NULL
            if flag[0] == PARKED:
                flag[0] = AWAY
        if flag[0] == TAKEN:
            raise ClosedError()
        if g.stop or g.interrupt is not None:
            s.raise_pending(g)
        return self.check_all(mode)

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

    # -- deadlines

    cdef int set_deadlines(self, int mode, object when) except -1:
        cdef GList woken = GList(NULL, NULL, 0)
        cdef int64_t at = 0
        cdef int64_t now
        if when is not None:
            if when != when:
                raise ValueError("a deadline cannot be NaN")
            at = nanoseconds(when)
            if at == 0:
                at = EXPIRED
            now = nanotime()
            if at <= now:
                self.cut |= mode
            elif at - now > YEAR:
                check_clock(at)
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

    # -- a second number

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


cdef FD own(type cls, int sysfd):
    """Own a descriptor from this moment on; it is closed if there is no memory for the object."""
    try:
        return take(cls, sysfd)
    except BaseException:
        kernel.close(sysfd)
        raise


cdef int check_clock(int64_t at) except -1:
    """Raise ValueError for a deadline that can only be meant as a moment of the calendar."""
    cdef int64_t now = <int64_t>time(NULL) * SECOND
    if now - YEAR < at < now + YEAR:
        raise ValueError("a deadline is a moment of time.monotonic(), not of time.time()")
    return 0


cdef FD take(type cls, int sysfd):
    """The same, but the descriptor stays the caller's if there is no memory."""
    cdef FD fd = cls.__new__(cls)
    cdef void *earlier = claim(sysfd, <void *>fd)
    fd.sysfd = sysfd
    if earlier != NULL:
        (<FD>earlier).lose()
    return fd

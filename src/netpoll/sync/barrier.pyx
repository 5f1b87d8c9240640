"""Barrier: a number of goroutines that wait until all of them have come.

    a round   who comes                    what happens                    the others of the round
    filling   any but the last             in line
    filling   the last                     the next round begins;          (stand in line)
                                           the action, if there is one
    full      -                            the action has ended            go on
    broken    BrokenBarrierError           -                               BrokenBarrierError

    breaks it                                                              until
    a timeout or a cancellation of one who waits, while its round fills    reset
    an exception of the action; abort                                      reset

`reset` begins a new round; those who waited in the old one get BrokenBarrierError. Each round has its line, so that the
next one may fill while the action of the last still runs.

Source: threading.Barrier.
"""
cimport cython
from libc.stdint cimport int64_t

from threading import BrokenBarrierError

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend
from netpoll._runtime.waitq cimport Waiter, WaitQ
from netpoll.sync.line cimport Shared, join_line, let_all_in, stand

cdef enum Grant:
    ALL_HERE = 1
    BROKEN = 2


@cython.final
cdef class Round:
    """Those who wait for one another."""

    cdef WaitQ line
    cdef Py_ssize_t arrived


@cython.final
@cython.no_gc_clear     # what it has stands as long as anybody can call it
cdef class Barrier(Shared):
    """A place where `parties` goroutines wait until all of them are there. Any thread.

    action: called by the last to come, before the others go on. timeout: for each wait that has
    none of its own. ValueError for fewer than one party.

    Source: threading.Barrier, whose names it has.
    """

    cdef readonly Py_ssize_t parties
    cdef readonly bint broken
    cdef Round round
    cdef object action
    cdef object timeout

    def __cinit__(self, Py_ssize_t parties, action=None, timeout=None):
        if parties < 1:
            raise ValueError(f"a barrier has at least one party, not {parties}")
        moment(timeout)     # its errors belong here
        self.parties = parties
        self.action = action
        self.timeout = timeout
        self.round = Round.__new__(Round)

    def __repr__(self):
        return f"<Barrier {'broken' if self.broken else f'{self.round.arrived} of {self.parties} there'}>"

    @property
    def n_waiting(self):
        """How many wait for the others; 0 if it is broken."""
        return 0 if self.broken else self.round.arrived

    def wait(self, timeout=None):
        """Wait until all parties are there; return the caller's number, 0 for the first to come.

        Parks, unless the caller is the last. threading.BrokenBarrierError if the barrier is broken,
        or breaks meanwhile, as it does after `timeout` seconds of waiting, and for the others if
        this one is cancelled. An exception of the action comes out of the wait that called it.
        """
        cdef Scheduler s = get_scheduler()
        cdef int64_t until = moment(self.timeout if timeout is None else timeout)
        cdef Py_ssize_t number
        cdef Round round
        spend(<void *>s)
        if self.broken:
            raise BrokenBarrierError(f"broken: {self!r}")
        if self.round.arrived + 1 < self.parties:
            return self.wait_for_others(s, until)
        round = self.round
        number = round.arrived
        self.round = Round.__new__(Round)
        if self.action is not None:
            self.act(round)
        let_all_in(&round.line, ALL_HERE)
        return number

    def abort(self):
        """Break the barrier: who waits, or comes before a `reset`, gets BrokenBarrierError."""
        self.break_()

    def reset(self):
        """Begin a new round, of a barrier that is not broken; who waits gets BrokenBarrierError."""
        cdef Round old = self.round
        self.round = Round.__new__(Round)
        self.broken = False
        let_all_in(&old.line, BROKEN)

    cdef Py_ssize_t wait_for_others(self, Scheduler s, int64_t until) except -1:
        cdef G g = current_g(s)
        cdef Round round
        cdef Waiter *waiter
        cdef Py_ssize_t number
        cdef int granted
        try:
            s.check_pending(g)
        except BaseException:
            self.break_()       # the others would wait for one who never comes
            raise
        round = self.round
        waiter = join_line(&round.line, g, <Py_ssize_t><void *>round)
        number = round.arrived
        round.arrived += 1
        while True:
            granted = stand(self, s, g, waiter, until, "for")
            if granted or round is self.round:
                break
            until = 0           # all are there, and the action still runs: nobody is waited for any more
            waiter = join_line(&round.line, g, <Py_ssize_t><void *>round)
        if granted != ALL_HERE:
            raise BrokenBarrierError(f"broken: {self!r}" if granted else f"not all came in time: {self!r}")
        return number

    cdef int act(self, Round round) except -1:
        try:
            self.action()
        except BaseException:
            self.break_()
            let_all_in(&round.line, BROKEN)
            raise
        return 0

    cdef void break_(self) noexcept:
        self.broken = True
        let_all_in(&self.round.line, BROKEN)

    cdef void left(self, int granted, Py_ssize_t share) noexcept:
        if not granted and <void *>share == <void *>self.round:
            self.break_()

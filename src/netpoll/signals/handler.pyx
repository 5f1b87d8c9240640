"""What Python calls at a signal that somebody hears of; compiled, so that nothing gets lost.

A handler is called in the midst of a goroutine, or of the scheduler, and between any two bytecodes of a handler in
Python another one may raise. Here there are none, except in what is called: what is raised in that waits until the
signal is where it belongs.
"""
cimport cython

import _signal
from signal import Signals, SIG_DFL

from netpoll._runtime.g cimport G
from netpoll._runtime.raised cimport keep, raise_first
from netpoll._runtime.scheduler cimport Scheduler, scheduler_or_none
from netpoll._runtime.signals cimport set_handler as set_and_note
from netpoll.errors import ChannelClosed

cdef enum:
    TRIES = 100     # of what another signal's handler breaks off

cdef dict NAMED = {int(number): number for number in Signals}


def known(int number):
    """Return the signal of that number as one of signal.Signals, if it has a name."""
    return NAMED.get(number, number)


def set_handler(int number, handler):
    """Install a handler; what another signal's handler raises meanwhile is raised after that. Main thread."""
    cdef list raised = []
    set_and_note(number, handler, raised)
    raise_first(raised)


@cython.final
cdef class ToChannel:
    """What is called to tell a channel; two of the same channel are equal."""

    cdef object channel

    def __cinit__(self, channel):
        self.channel = channel

    def __call__(self, int number):
        """Send it into the channel; return False if that is closed."""
        try:
            self.channel.try_send(known(number))
        except ChannelClosed:
            return False
        return True

    def __eq__(self, other):
        return isinstance(other, ToChannel) and (<ToChannel>other).channel is self.channel

    def __hash__(self):
        return hash(<size_t><void *>self.channel)


@cython.final
cdef class Delivery:
    """The handler of all signals that somebody hears of: offers each to these, or else to who did before.

    entries: who hears of what, and lock, under which that changes. remove(receiver, numbers) and withdraw(number),
    which returns the handler from before, are called with the lock held, and again if they were broken off.
    """

    cdef dict entries
    cdef object lock, remove, withdraw

    def __cinit__(self, dict entries not None, lock, remove, withdraw):
        self.entries = entries
        self.lock = lock
        self.remove = remove
        self.withdraw = withdraw

    def __call__(self, int number, frame):
        """Handle a signal, in the main thread."""
        cdef list raised = []
        before = None
        acquire(self.lock, raised)
        try:
            if not self.offer(number, raised):
                before = again_and_again(self.withdraw, (number,), raised)
        finally:
            self.lock.release()
        try:
            if callable(before):
                before(number, frame)
            elif before == SIG_DFL:
                _signal.raise_signal(number)
        except BaseException as exception:
            keep(raised, exception)
        raise_first(raised)

    cdef bint offer(self, int number, list raised) except -1:
        """Offer it to who hears of it; return whether somebody did.

        Nothing parks in that or gives others a turn, RuntimeError for what would: the goroutine that is interrupted
        may hold a lock of the module threading, and nobody else of this thread may run before it goes on.
        """
        cdef Scheduler s = scheduler_or_none()
        cdef void *current = NULL
        cdef bint interrupted = False
        cdef list useless = []
        entry = self.entries.get(number)
        cdef tuple receivers = () if entry is None else entry.receivers
        if s is not None:
            interrupted = (<G>s.main).interrupt is not None
            current = s.current
            s.current = NULL    # as while the scheduler looks for work, which a handler may also interrupt
        for receiver in receivers:
            if not heard(receiver, number, raised):
                useless.append(receiver)
        if s is not None:
            s.current = current
            if current == s.main and not interrupted and not s.ending and (<G>s.main).interrupt is not None:
                # A Ctrl-C that came meanwhile: main runs, and need not wait for its next park.
                keep(raised, (<G>s.main).interrupt)
                (<G>s.main).interrupt = None
        for receiver in useless:
            again_and_again(self.remove, (receiver, (number,)), raised)
        return len(receivers) > len(useless)


cdef bint heard(receiver, int number, list raised) except -1:
    """Call a receiver; return whether it is still of use."""
    if not isinstance(receiver, ToChannel):
        return again_and_again(receiver, (number,), raised) is not False
    try:
        return receiver(number)
    except BaseException as exception:      # a channel of the program's own; not again: it may have been told
        keep(raised, exception)
        return True


cdef object again_and_again(fn, tuple args, list raised):
    """Call fn until no signal's handler breaks it off; None if it only ever raises."""
    for _ in range(TRIES):
        try:
            return fn(*args)
        except BaseException as exception:
            keep(raised, exception)
    return None


cdef int acquire(lock, list raised) except -1:
    """Take a lock, for which another thread may have to leave it; signals are handled meanwhile."""
    while True:
        try:
            lock.acquire()
            return 0
        except BaseException as exception:
            keep(raised, exception)

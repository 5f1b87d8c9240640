"""The signal gate; see signals.pxd.

Source: trio _core/_wakeup_socketpair.py (a wake-up descriptor, and passing on to another owner).
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetFromErrno, PyErr_WriteUnraisable
from libc.errno cimport EBADF
from libc.stdint cimport int64_t

import _signal      # not signal, whose functions are Python's
import os
import signal

from netpoll._runtime.clock cimport np_nanotime
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport PD_NIL, Poller
from netpoll._runtime.raised cimport keep
from netpoll._runtime.syscalls cimport O_CLOEXEC, O_NONBLOCK, kernel

cdef extern from "<signal.h>":
    ctypedef struct sigset_t:
        pass
    int sigemptyset(sigset_t *set)
    int sigaddset(sigset_t *set, int number)
    int pthread_sigmask(int how, const sigset_t *set, sigset_t *before)
    int SIG_BLOCK
    int SIG_SETMASK

cdef enum:
    TRIES = 100     # to set a handler: each fails only if yet another signal came meanwhile


cdef int set_handler(int number, object handler, list raised) except -1:
    """Install the handler of a signal; main thread. What other handlers raise meanwhile is kept in `raised`."""
    # Python looks for pending signals before it changes the handler, and does not if one raises. One that came
    # after the look would be dropped: the kernel keeps it until the change is made.
    cdef sigset_t this, before
    if not callable(handler):
        handler = int(handler)      # _signal knows no other kind of SIG_DFL and SIG_IGN
    sigemptyset(&this)
    sigaddset(&this, number)
    pthread_sigmask(SIG_BLOCK, &this, &before)
    for _ in range(TRIES):
        try:
            _signal.signal(number, handler)
            break
        except BaseException as exception:
            keep(raised, exception)
    pthread_sigmask(SIG_SETMASK, &before, NULL)
    return 0


@cython.no_gc_clear     # __dealloc__ needs the poller
cdef class SignalGate:
    """A pipe in a poller, for the thread that runs Python's signal handlers."""

    def __cinit__(self, Poller poller not None):
        cdef GList nobody = GList(NULL, NULL, 0)
        cdef int[2] ends
        self.read_end = self.write_end = self.other = -1
        if kernel.pipe(ends, O_CLOEXEC | O_NONBLOCK) < 0:
            PyErr_SetFromErrno(OSError)
        self.read_end, self.write_end = ends[0], ends[1]
        try:
            self.inode = os.fstat(self.read_end).st_ino     # a Ctrl-C may come up in any call
            self.pd = poller.register(self.read_end, True, &nobody)
        except BaseException:
            kernel.close(ends[0])
            kernel.close(ends[1])
            raise
        self.poller = poller

    def __dealloc__(self):
        self.shut()

    cdef int64_t enter(self, int64_t delay) except -2:
        """Have signals break the poll from here on; return for how many ns (< 0: no limit) it may block.

        The caller then lets pending handlers run, and `leave` those that came during the poll.
        """
        cdef int64_t now = np_nanotime()    # a test's clock may stand still
        if now - self.set_at >= FRESH:
            self.install()
            self.set_at = now
        elif delay < 0 or delay > FRESH:
            delay = FRESH
        return delay

    cdef int leave(self) except -1:
        """After the poll: let the handlers run. Raises what a handler raises."""
        if self.pd.rg != PD_NIL:
            self.drain()
        PyErr_CheckSignals()
        return 0

    cdef int install(self) except -1:
        if os.fstat(self.write_end).st_ino != self.inode:
            # Closed behind our back: the signals' numbers would be written into a stranger's file.
            raise OSError(EBADF, os.strerror(EBADF))
        cdef int earlier = signal.set_wakeup_fd(self.write_end, warn_on_full_buffer=False)
        if earlier != self.write_end:
            self.other = earlier
        return 0

    cdef void drain(self) noexcept:
        cdef char numbers[64]
        cdef ssize_t n
        self.pd.rg = PD_NIL
        while True:
            n = kernel.read(self.read_end, numbers, sizeof(numbers))
            if n <= 0:
                return
            if self.other >= 0:
                kernel.write(self.other, numbers, n)

    cdef void shut(self) noexcept:
        """Give the pipe back, and the wake-up descriptor to whom it belonged."""
        if self.pd == NULL:
            return
        try:
            owner = signal.set_wakeup_fd(-1)
            if owner == self.write_end:
                owner = self.other
            if owner >= 0:
                signal.set_wakeup_fd(owner)
        except BaseException as exception:
            PyErr_WriteUnraisable(exception)
        # After a fork the poller is closed by now, and what is in the pipe is the parent's.
        if not self.poller.closed:
            self.drain()
        self.poller.deregister(self.pd)
        self.pd = NULL
        self.close_end(self.read_end)
        self.close_end(self.write_end)
        self.read_end = self.write_end = -1

    cdef void close_end(self, int fd) noexcept:
        """Close an end of the pipe, unless it was closed behind our back: the number is a stranger's then."""
        try:
            if os.fstat(fd).st_ino == self.inode:
                kernel.close(fd)
        except OSError:
            pass

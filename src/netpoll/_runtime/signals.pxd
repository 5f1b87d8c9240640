"""SignalGate: how a signal breaks the blocking poll of the main thread.

CPython's own C handler notes a signal and writes its number to the wake-up descriptor, if one is set;
the Python handler runs later, in the main thread, between two bytecodes. The gate's pipe is that
descriptor, so that a signal between the look at what is pending and the wait is not lost, whichever
thread the kernel chose to interrupt.

There is one such descriptor in a process, and others set it too (asyncio does, and takes it away at its
end). Setting it costs two system calls, so it is set again only if that was not done for FRESH ns; a poll
that would block for longer than that right after a setting is cut short, comes back, and sets it anew.
A busy process thus pays a hundred settings a second, an idle one none, and a signal is heard within
FRESH at the latest. What another owner of the descriptor would have received is passed on to it.
"""
from libc.stdint cimport int64_t, uint64_t

from netpoll._runtime.netpoll cimport PollDesc, Poller

cdef enum:
    FRESH = 10000000

cdef class SignalGate:
    cdef int read_end
    cdef int write_end
    cdef int other              # the descriptor of another owner
    cdef int64_t set_at
    cdef uint64_t inode         # of the pipe
    cdef PollDesc *pd
    cdef Poller poller

    cdef int64_t enter(self, int64_t delay) except -2
    cdef int leave(self) except -1
    cdef int install(self) except -1
    cdef void drain(self) noexcept
    cdef void close_end(self, int fd) noexcept
    cdef void shut(self) noexcept

cdef int set_handler(int number, object handler, list raised) except -1

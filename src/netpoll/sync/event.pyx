"""Event: a flag that goroutines wait for.

    flag    line      wait           set                                clear
    clear   waiters   in line        all in line go on, the flag is set  -
    set     empty     goes on        -                                   the flag is clear

Who was in line when it was set goes on, even if it is cleared before they run.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend_here
from netpoll._runtime.waitq cimport WaitQ
from netpoll.sync.line cimport Shared, join_line, length, let_all_in, stand


@cython.final
cdef class Event(Shared):
    """A flag, clear at first, that any number of goroutines wait for. Any thread.

    Source: threading.Event, whose names it has; in Go, a channel that is closed.
    """

    cdef WaitQ line
    cdef bint flag

    def __repr__(self):
        cdef Py_ssize_t waiting = length(&self.line)
        return f"<Event {'set' if self.flag else 'clear'}{f', {waiting} waiting' if waiting else ''}>"

    def is_set(self):
        """Tell whether the flag is set."""
        return self.flag

    def set(self):
        """Set the flag and wake all who wait for it. Never parks."""
        self.flag = True
        let_all_in(&self.line, 1)

    def clear(self):
        """Clear the flag: who waits from now on waits for the next `set`. Never parks."""
        self.flag = False

    def wait(self, timeout=None):
        """Wait until the flag is set; False if `timeout` seconds passed first.

        Parks if it is clear; raises Cancelled then, and only then.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        spend_here()
        return self.flag or self.wait_in_line(until)

    cdef bint wait_in_line(self, int64_t until) except -1:
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        s.check_pending(g)
        return self.flag or stand(self, s, g, join_line(&self.line, g, 0), until, "for") != 0

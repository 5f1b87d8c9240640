"""WaitGroup: waits until a number of tasks is done.

    counter   line      add(n)                                   wait
    0         empty     counter + n; below zero: RuntimeError     goes on
    > 0       waiters   the same; at zero all in line go on       in line

Who was in line when the counter came to zero goes on, even if it has been raised again before they run: so a WaitGroup
may be used anew at once, where Go's has to wait until the last wait has returned.

Source: go1.27 sync/waitgroup.go.
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, Watcher, watch
from netpoll._runtime.goroutine cimport begin, prepare
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend_here
from netpoll._runtime.waitq cimport WaitQ
from netpoll.sync.line cimport Shared, join_line, length, let_all_in, stand


@cython.final
cdef class WaitGroup(Shared):
    """A number of tasks that are to be done, and who waits for it. Any thread.

    Source: go1.27 sync/waitgroup.go WaitGroup.
    """

    cdef WaitQ line
    cdef int64_t counter

    def __repr__(self):
        cdef Py_ssize_t waiting = length(&self.line)
        return f"<WaitGroup {self.counter} to go{f', {waiting} waiting' if waiting else ''}>"

    @property
    def count(self):
        """How many tasks are not done yet."""
        return self.counter

    def add(self, int64_t n=1):
        """Count n more tasks, or fewer if n is negative. RuntimeError, and no change, below zero.

        At zero, all who wait go on. Never parks. Count a task before it is started, not in it.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Add.
        """
        self.count_up(n)

    def done(self):
        """Count one task as done. RuntimeError if there is none. Never parks.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Done.
        """
        self.count_up(-1)

    def wait(self, timeout=None):
        """Wait until all tasks are done, for at most `timeout` seconds: TimeoutError after that.

        Parks if there are any; raises Cancelled then, and only then.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Wait.
        """
        cdef int64_t until = 0 if timeout is None else moment(timeout)
        spend_here()
        if self.counter and not self.wait_in_line(until):
            raise TimeoutError(f"not done within {timeout} s: {self!r}")

    def go(self, fn, /, *args, **kwargs):
        """Start `fn(*args, **kwargs)` as a goroutine that is one of the tasks; return it.

        The task is done when the goroutine has ended, in whatever way: also if fn raises, and if it
        is cancelled before it has begun. Otherwise as `netpoll.go`.

        Source: go1.27 sync/waitgroup.go (*WaitGroup).Go.
        """
        if not callable(fn):
            raise TypeError(f"go() needs a callable, not {type(fn).__name__}")
        cdef Scheduler s = get_scheduler()
        cdef Task task = Task.__new__(Task)
        cdef G g = prepare(fn, args, kwargs)
        task.waitgroup = self
        self.count_up(1)
        watch(g, task)
        begin(s, g, &s.runq)
        return g

    cdef bint wait_in_line(self, int64_t until) except -1:
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        s.check_pending(g)
        return not self.counter or stand(self, s, g, join_line(&self.line, g, 0), until, "for") != 0

    cdef int count_up(self, int64_t n) except -1:
        if n < 0 and self.counter + n < 0:
            raise RuntimeError(f"add({n}) makes the counter of a WaitGroup negative: {self!r}")
        self.counter += n
        if not self.counter:
            let_all_in(&self.line, 1)
        return 0


@cython.final
cdef class Task(Watcher):
    """One goroutine that a WaitGroup counts: done when that is dead, also if it never began."""

    cdef WaitGroup waitgroup

    cdef void ended(self, G g) noexcept:
        self.waitgroup.count_up(-1)

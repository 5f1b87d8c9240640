"""Completions: which of some goroutines have ended, in the order in which they do.

    a goroutine   its watcher is   then
    runs          in its chain     ended: into `done`, and who waits is woken; forgotten: out of the chain
    has ended     in `done`        taken by `next`

The goroutines may be of any thread, and their ends come from there; nothing of it joins them.
"""
cimport cython
from libc.stdint cimport int64_t

from collections import deque

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, G_DEAD, Watcher, unwatch, watch
from netpoll._runtime.goroutine cimport Goroutine
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend
from netpoll._runtime.waitq cimport WaitQ
from netpoll.sync.line cimport Shared, join_line, let_all_in, stand


@cython.final
cdef class Completion(Watcher):
    """One that is waited for."""

    cdef Completions all
    cdef G g

    cdef void ended(self, G g) noexcept:
        self.all.take(self)


@cython.final
cdef class Completions(Shared):
    """Goroutines, for one goroutine that takes them as they end."""

    cdef WaitQ line
    cdef set running        # Completions
    cdef object done        # a deque of Completions, the one that ended last at the end

    def __cinit__(self, goroutines):
        cdef Completion one
        cdef Goroutine g
        self.running = set()
        self.done = deque()
        for g in dict.fromkeys(goroutines):
            if g is None:
                raise TypeError("only goroutines can be waited for, not None")
            one = Completion.__new__(Completion)
            one.all = self
            one.g = g
            self.running.add(one)
            if g.state == G_DEAD:
                self.take(one)
            else:
                watch(g, one)

    def __repr__(self):
        return f"<completions, running: {len(self.running)}>"

    cdef void take(self, Completion one) noexcept:
        self.running.discard(one)
        self.done.append(one)
        let_all_in(&self.line, 1)

    def next(self, deadline):
        """Return the next one that has ended, None once there are no more.

        Parks until there is one, up to a moment in ns (0: none): TimeoutError after that.
        """
        cdef int64_t until = deadline
        cdef Scheduler s = get_scheduler()
        cdef G g
        cdef Completion one
        spend(<void *>s)
        while not self.done:
            if not self.running:
                return None
            g = current_g(s)
            s.check_pending(g)
            if not self.done and not stand(self, s, g, join_line(&self.line, g, 0), until, "for") and not self.done:
                raise TimeoutError(f"still running: {len(self.running)}")
        one = self.done.popleft()
        return one.g

    def forget(self):
        """Wait for none of them any more."""
        cdef Completion one
        for one in self.running:
            unwatch(one.g, one)
        self.running = set()
        self.done = deque()


def moment_of(timeout):
    """Return when so many seconds are over, in ns on the clock of the runtime; 0 for None."""
    return moment(timeout)

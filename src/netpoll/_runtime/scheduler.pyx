"""The scheduler: one per OS thread, and no module-level state.

Rules of this file
  * There is no hub. The goroutine that parks runs `find_runnable` on its own stack and switches
    straight to the next one.
  * Nothing here raises into a goroutine that is not the cause. What a signal handler or a failing
    poller raises goes to the main goroutine.
  * `current` is NULL while the scheduler looks for work; nothing may park then.

Order of `find_runnable`, as in Go's: due timers; 61 ticks after the last poll the inbound queue and the
poller, so that a busy run queue starves neither; the run-next slot; the run queue; the inbound queue; a poll that
does not block; a poll until the next timer. Only the last gives up the GIL.

The budget is one slice: I/O that succeeds without parking spends it, and so does a switch through the
run-next slot, which inherits what is left. Two goroutines that ready one another therefore share one
slice and cannot starve the queue.

Source: go1.27 runtime/proc.go (schedule, findRunnable, gopark, goready); tokio's budget of 128.
"""
cimport cython
from cpython.exc cimport PyErr_CheckSignals, PyErr_Clear, PyErr_SetInterrupt
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_XDECREF
from libc.errno cimport EBADF
from libc.stdint cimport int64_t, uint64_t

import threading

from netpoll._runtime import deadlock as others, report
from netpoll._runtime.allgs cimport all_of, enlist, strike
from netpoll._runtime.atomics cimport np_lock_acquire, np_lock_init, np_lock_release
from netpoll._runtime.backend import new_poller
from netpoll._runtime.chance cimport pop_any, random
from netpoll._runtime.clock cimport NEVER, nanotime
from netpoll._runtime.g cimport (
    G,
    G_RUNNABLE,
    G_RUNNING,
    WAKE_CANCEL,
    WAKE_INTERRUPT,
    WAKE_READY,
    WAKE_TIMEOUT,
    make_runnable,
    name_of,
    pop,
    push,
    splice,
)
from netpoll._runtime.greenlet cimport (
    PyGreenlet,
    PyGreenlet_GetCurrent,
    PyGreenlet_Import,
    PyGreenlet_Switch,
)
from netpoll._runtime.idle cimport dismiss, rouse
from netpoll._runtime.netpoll cimport Poller
from netpoll._runtime.scratch cimport drop
from netpoll._runtime.signals cimport FRESH, SignalGate
from netpoll._runtime.timers cimport TimerHeap
from netpoll._runtime.waitq cimport WaitQ, dequeue
from netpoll.errors import Cancelled, DeadlockError

PyGreenlet_Import()

cdef extern from *:
    """
    /* The scheduler of this thread: borrowed, the thread's dictionary owns it. Looked at several times for
     * each read and write; the initial-exec model makes that one instruction instead of a call, and its
     * eight bytes come out of what the C library keeps for modules that are loaded late. */
    static __thread void *np_scheduler __attribute__((tls_model("initial-exec"))) = NULL;
    """
    void *np_scheduler

cdef extern from "stackroot.h":
    void *np_stack_root()

cdef enum:
    SLICE = 128           # tokio's number
    FAIRNESS_TICKS = 61   # Go's number
    SHUFFLED_SLICE = 4    # at most, where a test has the order mixed: the more switches, the more orders

cdef uint64_t next_id = 0   # of goroutines; under the GIL or, without it, good enough for a name


# ---- reaching the scheduler ------------------------------------------------------------------

cdef Scheduler scheduler_or_none():
    return None if np_scheduler == NULL else <Scheduler>np_scheduler


cdef Scheduler get_scheduler():
    """Return this thread's scheduler; the first call makes the thread a scheduler's thread."""
    if np_scheduler != NULL:
        return <Scheduler>np_scheduler
    return attach()


# Both again, as borrowed references, for what runs at each operation.

cdef void *scheduler_here() noexcept:
    return np_scheduler


cdef void *borrow_scheduler() except NULL:
    if np_scheduler == NULL:
        attach()
    return np_scheduler


cdef Scheduler attach():
    global np_scheduler
    # Not at the top: these stand on this module.
    from netpoll._runtime import ending, goroutine, lifecycle
    cdef Scheduler s = Scheduler()
    goroutine.adopt_current(s)
    np_scheduler = <void *>s
    try:
        lifecycle.attached(s)
    except BaseException as exception:      # a signal handler's, in the midst of it
        ending.disown(s, exception)
    return s


cdef void detach(Scheduler s) noexcept:
    """End the bond of `s` and its thread, which may get a new one."""
    global np_scheduler
    if np_scheduler == <void *>s:
        np_scheduler = NULL


cdef int refuse_to_park() except -1:
    raise RuntimeError("cannot park inside the scheduler (in a signal handler or a finalizer)")


# ---- making ready ----------------------------------------------------------------------------

cdef void enqueue_runnable(void *g, bint at_once) noexcept:
    """Put a goroutine that was just made runnable on its scheduler's queue, from any thread."""
    cdef void *s = <void *>(<G>g).scheduler
    if s != np_scheduler:
        (<Scheduler>s).enqueue_inbound(g)
    elif not at_once:
        push(&(<Scheduler>s).runq, g)
    else:
        if (<Scheduler>s).runnext != NULL:
            push(&(<Scheduler>s).runq, (<Scheduler>s).runnext)
        (<Scheduler>s).runnext = g


cdef void ready(void *g) noexcept:
    """Wake a parked goroutine: it runs next, within the slice of the one that calls. Any thread."""
    if make_runnable(g, WAKE_READY):
        enqueue_runnable(g, True)


cdef void ready_list(GList *more) noexcept:
    """Queue goroutines that were made runnable, in order; each goes to its own thread."""
    cdef void *g = pop(more)
    while g != NULL:
        enqueue_runnable(g, False)
        g = pop(more)


cdef void ready_all(WaitQ *queue) noexcept:
    """Hand everybody in a queue what they wait for."""
    cdef void *g = dequeue(queue, 1)
    while g != NULL:
        ready(g)
        g = dequeue(queue, 1)


cdef int yield_or_stop(Scheduler s) except -1:
    cdef G g = <G>s.current
    s.yield_(g)
    return s.raise_pending(g) if g.stop or g.interrupt is not None else 0


# ---- the scheduler ---------------------------------------------------------------------------

@cython.no_gc_clear     # what is freed after it, in one cycle of garbage, still takes its timers out of the heap
cdef class Scheduler:
    """Queues, timers, poller and goroutines of one OS thread."""

    def __cinit__(self):
        np_lock_init(&self.inbound_lock)
        self.timers = TimerHeap()
        self.poller = new_poller()
        self.unjoined = []
        self.alarms = set()
        self.budget = SLICE
        self.owns_signals = threading.get_ident() == threading.main_thread().ident

    def __dealloc__(self):
        dismiss(&self.idle)
        Py_XDECREF(self.spawner)
        drop(&self.scratch)

    # -- finding work

    cdef void *find_runnable(self) noexcept:
        """Return the goroutine to run next, out of every queue. Blocks in the poller if there is none."""
        cdef void *g
        self.current = NULL
        self.tick += 1
        while True:
            if self.timers.count and self.timers.heap[0].heap_when <= nanotime():
                self.timers.run_due(nanotime(), &self.runq)
            if self.tick - self.polled >= FAIRNESS_TICKS:
                self.polled = self.tick
                self.take_inbound()
                if self.net_waiters:
                    self.poll(0)
            if self.shuffle:
                g = self.next_by_chance()
                if g != NULL:
                    return g
            if self.runnext != NULL:
                g = self.runnext
                self.runnext = NULL
                self.budget -= 1
                if self.budget > 0:
                    return g
                push(&self.runq, g)
            g = pop(&self.runq)
            if g != NULL:
                self.budget = SLICE
                return g
            if self.take_inbound() or (self.net_waiters and self.poll(0) > 0):
                continue
            self.block()
            self.waits_in_vain = False

    cdef void enqueue_inbound(self, void *g) noexcept:
        """Queue a goroutine of this thread that another thread has made runnable."""
        cdef Scheduler alive = self     # its thread may end as soon as the goroutine can run
        np_lock_acquire(&self.inbound_lock)
        push(&self.inbound, g)
        np_lock_release(&self.inbound_lock)
        if alive.blocked:
            alive.poller.wake()

    cdef bint take_inbound(self) noexcept:
        if self.inbound.head == NULL:
            return False
        self.patience = 0
        np_lock_acquire(&self.inbound_lock)
        splice(&self.runq, &self.inbound)
        np_lock_release(&self.inbound_lock)
        return True

    cdef int poll(self, int64_t delay) noexcept:
        """Poll, queue what can run; return how many goroutines that were."""
        cdef GList found = GList(NULL, NULL, 0)
        cdef int n
        self.polled = self.tick
        try:
            self.poller.init()
            n = self.poller.poll(delay, &found)
        except BaseException as exception:
            self.interrupt_main(exception)
            self.poll_failed()
            return 1
        self.inject(&found)
        return n

    cdef void inject(self, GList *found) noexcept:
        """Queue what the poller found: our own at the end of the run queue, others' on their threads."""
        cdef void *g
        while True:
            g = pop(found)
            if g == NULL:
                return
            if (<G>g).scheduler is self:
                push(&self.runq, g)
            else:
                enqueue_runnable(g, False)

    cdef int block(self) noexcept:
        """Wait in the poller for the next event, timer, wake-up or signal."""
        # Before anything is looked at: other threads and signal handlers may run until it sleeps.
        self.seen = self.stirred + self.timers.changes
        cdef int64_t when = self.timers.next_when()
        cdef int64_t delay = -1
        cdef SignalGate gate    # kept alive: where the poller is lost, so is its gate
        try:
            if when != NEVER:
                delay = when - nanotime()
                if delay <= 0:
                    return 0
            if self.on_idle is not None and self.idled(delay):
                return 0
            if when == NEVER:
                delay = self.hope()
                if delay == 0:
                    # A finalizer may have had its say, in the Python code of the look.
                    if self.has_work() or self.timers.count:
                        self.let_look_again()
                    else:
                        self.deadlock()
                    return 0
        except BaseException as exception:
            self.let_look_again()
            self.interrupt_main(exception)
            return 0
        if self.has_work():
            return 0    # the same, where there is hope
        if not self.owns_signals:
            self.block_in_poll(delay)
            return 0
        try:
            self.open_gate()
            gate = self.gate
            delay = gate.enter(delay)
        except RecursionError:
            # Who parked here has used up its stack, and no call fits: a signal may be this late, then.
            self.block_in_poll(FRESH if delay < 0 else min(delay, FRESH))
            return 0
        except BaseException as exception:
            self.interrupt_main(exception)
            if isinstance(exception, OSError) and exception.errno == EBADF:
                # The gate's pipe was closed behind our back, and so the poller's own may be.
                self.poll_failed()
            return 0
        try:
            try:
                PyErr_CheckSignals()
                if self.runq.head == NULL and self.runnext == NULL:
                    self.block_in_poll(delay)
            finally:
                gate.leave()
        except BaseException as exception:
            self.interrupt_main(exception)
        return 0

    cdef bint idled(self, int64_t delay) except -1:
        """Let a test's clock or the like do something in the place of a wait; tell whether to look for work anew."""
        if self.idle_grace and self.polls_descriptors():
            self.block_in_poll(self.idle_grace)
            if self.has_work():
                return True
        return self.on_idle(None if delay < 0 else delay) or self.has_work()

    cdef bint has_work(self) noexcept:
        return self.runq.head != NULL or self.runnext != NULL or self.inbound.head != NULL

    cdef bint polls_descriptors(self) noexcept:
        """Whether the kernel may have something for those who are parked; its word for signals does not count."""
        return self.net_waiters and self.poller.watches(NULL if self.gate is None else self.gate.pd)

    cdef int64_t hope(self) except -2:
        """Return for how many ns to wait for what may come: < 0 for as long as it takes, 0 if nothing can."""
        if self.timers.count or self.net_waiters or self.outside or self.inbound.head != NULL:
            return -1
        if self.owns_signals and report.handlers_installed():
            return -1
        if not self.shared:
            return 0    # all who are parked wait for one another
        self.waits_in_vain = True
        self.patience = others.look(self, self.patience)
        return self.patience

    cdef int open_gate(self) except -1:
        """Have the descriptors that a wait takes: those of the poller, and the gate where signals come."""
        self.poller.init()
        if self.owns_signals and self.gate is None:
            self.gate = SignalGate(self.poller)
        return 0

    cdef int block_in_poll(self, int64_t delay) noexcept:
        self.blocked = True
        # Looked at after `blocked` is up: whoever queues or stirs from now on breaks the poll.
        if self.inbound.head == NULL and self.stirred + self.timers.changes == self.seen:
            self.poll(delay)
        self.blocked = False
        return 0

    cdef void poll_failed(self) noexcept:
        """The poller's own descriptor was closed behind our back: tell main, go on with a new one."""
        try:
            self.lose_poller()
        except BaseException as exception:
            self.interrupt_main(exception)

    cdef void lose_poller(self):
        cdef GList found = GList(NULL, NULL, 0)
        cdef Poller lost = self.poller
        # Everybody tries the system call again and registers with the new poller.
        lost.abandon(&found)
        self.gate = None
        self.poller = new_poller()
        self.inject(&found)

    cdef void interrupt_main(self, object exception) noexcept:
        """Raise `exception` in the main goroutine: now if it is parked, else at its next park."""
        cdef G main = <G>self.main
        main.interrupt = exception
        if make_runnable(<void *>main, WAKE_INTERRUPT):
            push(&self.runq, <void *>main)

    cdef void deadlock(self) noexcept:
        """Tell of the deadlock that was found here, in main and in those of the threads that are in it."""
        cdef list together = self.together or []
        cdef list errors
        cdef G main = <G>self.main
        try:
            schedulers = [self] + [other for other, _ in together]
            text = report.deadlock([g for s in schedulers for g in s.goroutines()])
            errors = [DeadlockError(text) for _ in schedulers]
        except BaseException as failure:
            self.let_look_again()
            if main.interrupt is None:
                self.interrupt_main(failure)
            return
        # From here on nothing runs but C. Before, a finalizer may have woken somebody, or a Ctrl-C main.
        if self.has_work() or self.timers.count or main.interrupt is not None:
            self.let_look_again()
            return
        self.together = None
        for other, turn in together:
            (<Scheduler>other).interrupt_from_outside(errors.pop(), turn)
        self.interrupt_main(errors.pop())

    cdef void let_look_again(self) noexcept:
        """Let go of what was claimed: nobody tells them, and they have to find out anew."""
        cdef list together = self.together
        self.together = None
        if together is not None:
            for other, _ in together:
                (<Scheduler>other).stir()

    # -- switching

    cdef int switch_to(self, void *g) except -1:
        """Run `g` on its own stack; returns when the caller is switched to again."""
        cdef PyObject *target = (<G>g).greenlet
        cdef PyObject *outcome
        self.current = g
        (<G>g).state = G_RUNNING
        if target == NULL:
            self.assigned = g
            target = (<G>g).greenlet = rouse(&self.idle)
            if target == NULL:
                target = self.spawner
        outcome = PyGreenlet_Switch(<PyGreenlet *>target, NULL, NULL)
        if outcome == NULL:
            return -1
        Py_DECREF(<object>outcome)
        return 0

    cdef int interrupt_later(self, G g) except -1:
        """Main has what it waited for and a Ctrl-C as well: let it have both, one after the other.

        What was there first wakes it. If that was the Ctrl-C, only who waits in a queue can have been given
        something since, and it is for its way of waiting to call this.
        """
        if isinstance(g.interrupt, KeyboardInterrupt) and self.owns_signals:
            g.interrupt = None
            PyErr_SetInterrupt()
        return 0

    cdef int check_pending(self, G g) except -1:
        """Before a park: raise what is pending. A cancelled goroutine lets the others run first, so that
        one that swallows its cancellation and tries again freezes nobody."""
        if g.interrupt is None and not g.stop:
            return 0
        if g.interrupt is None and not self.closed:
            g.state = G_RUNNABLE
            g.wake = WAKE_CANCEL
            push(&self.runq, <void *>g)
            park(self, g)
        return self.raise_pending(g)

    cdef int raise_pending(self, G g) except -1:
        if g.interrupt is not None:
            exception, g.interrupt = g.interrupt, None
            raise exception
        raise Cancelled(f"{name_of(g)} was cancelled" if g.cancelled or g.scope is None else g.scope.why())

    cdef int yield_(self, G g) except -1:
        """Let everybody who can run, run; then go on."""
        g.state = G_RUNNABLE
        g.wake = WAKE_READY
        push(&self.runq, <void *>g)
        return park(self, g)

    # -- all goroutines

    cdef int link(self, G g) except -1:
        global next_id
        next_id += 1
        g.id = next_id
        g.scheduler = self
        enlist(&self.all_gs, g)
        return 0

    cdef void unlink(self, G g) noexcept:
        """Let go of a goroutine that is dead."""
        strike(&self.all_gs, g)

    def goroutines(self):
        """Return all goroutines of this thread that are not dead, oldest first."""
        return all_of(&self.all_gs)

    @property
    def live(self):
        """How many goroutines of this thread are not dead."""
        return self.all_gs.count

    def main_goroutine(self):
        """Return the main goroutine."""
        return <G>self.main

    def on_stack(self):
        """Return the goroutine whose stack the thread is on: who runs, or looks for work. None: on that of none."""
        cdef void *g = self.current if self.current != NULL else self.seeker
        return None if g == NULL else <G>g

    def interrupt(self, exception):
        """Raise `exception` in the main goroutine: at once if that is the caller, else at its park.

        A second one, that comes while the first still waits because a goroutine computes and computes,
        is raised in that goroutine: else nobody could stop it.
        """
        if self.current == self.main and not self.ending:
            raise exception
        if self.current != self.main and self.current != NULL and (<G>self.main).interrupt is not None:
            raise exception
        self.interrupt_main(exception)

    cdef void interrupt_from_outside(self, object exception, uint64_t turn) noexcept:
        """Raise `exception` in main, from any thread, if nobody has run since that turn began, nor can run now."""
        if self.closed or self.tick != turn or self.current != NULL or self.has_work():
            return
        if make_runnable(self.main, WAKE_INTERRUPT):
            (<G>self.main).interrupt = exception
            enqueue_runnable(self.main, False)

    cdef void stir(self) noexcept:
        """Have it work out anew for how long it may sleep: a timer was set, say. From any thread."""
        self.stirred += 1
        if self.blocked:
            self.poller.wake()

    def look_again(self):
        """Have it look for hope once more, from any thread: a thread that it might wait for has changed."""
        if self.shared:
            self.stir()

    # -- for tests

    def set_shuffle(self, uint64_t seed):
        """Have those that can run do so in an order that depends on `seed` alone; 0: in their own again."""
        self.shuffle = seed

    def set_on_idle(self, fn, int64_t grace=0):
        """Have `fn(ns)` called when everybody is parked, where the thread would wait for that long (None: for ever).

        It runs inside the scheduler and must not park. Where it returns something true, or has made a goroutine
        runnable, work is looked for anew instead of waiting; what it raises goes to main. While somebody waits for a
        descriptor, `grace` ns pass before, and nothing has come in them. None: nothing is called any more.
        """
        self.on_idle = fn
        self.idle_grace = grace

    def open_descriptors(self):
        """Open those that this thread needs to wait, which it otherwise does when it first has to."""
        self.open_gate()

    def armed_timers(self):
        """Return how many timers are set."""
        return self.timers.armed()

    cdef void *next_by_chance(self) noexcept:
        """Take any of those that can run, and give it a slice of any length."""
        cdef void *g
        if self.runnext != NULL:
            push(&self.runq, self.runnext)
            self.runnext = NULL
        self.take_inbound()
        g = pop_any(&self.runq, &self.shuffle)
        if g != NULL:
            self.budget = 1 + random(&self.shuffle) % SHUFFLED_SLICE
        return g


cdef int park(Scheduler s, G g) except -1:
    """Give the thread to somebody else until `g`, which is WAITING or on a queue, is made ready."""
    cdef void *root = np_stack_root()
    if root == g.stack_root and root != NULL:
        return park_here(s, g)
    return park_unsure(s, g)


cdef int park_unsure(Scheduler s, G g) except -1:
    """Park, perhaps from a greenlet that the goroutine's own code made: that one is switched back to."""
    cdef PyObject *own = g.greenlet
    cdef PyObject *here = <PyObject *>PyGreenlet_GetCurrent()
    if here == NULL:
        PyErr_Clear()
        g.state = G_RUNNING
        raise RuntimeError("cannot park: the interpreter is ending")
    if here == own:
        Py_DECREF(<object>here)
        g.stack_root = np_stack_root()
        return park_here(s, g)
    g.greenlet = here
    try:
        return park_here(s, g)
    finally:
        g.greenlet = own
        Py_DECREF(<object>here)


cdef int park_here(Scheduler s, G g) except -1:
    """Park; the greenlet that runs is `g.greenlet`."""
    cdef void *next_g
    if s.closed:
        g.state = G_RUNNING
        raise RuntimeError("cannot park: the scheduler of this thread has ended")
    s.seeker = <void *>g
    next_g = s.find_runnable()
    if next_g == <void *>g:
        s.current = next_g
        g.state = G_RUNNING
    else:
        s.switch_to(next_g)
        while s.current != <void *>g:
            # A greenlet of the program's own came here, which is not the way to wake a goroutine.
            if (<G>s.current).greenlet == NULL:
                raise RuntimeError("a goroutine was switched to from one that has ended")
            s.switch_to(s.current)
    if g.interrupt is not None and (g.wake == WAKE_READY or g.wake == WAKE_TIMEOUT):
        s.interrupt_later(g)
    return 0


def attached_scheduler():
    """Return this thread's scheduler, None if it has none yet."""
    return scheduler_or_none()


def ensure_scheduler():
    """Return this thread's scheduler, making one if need be."""
    return get_scheduler()


def on_interrupt(signum, frame):
    """Handle SIGINT: KeyboardInterrupt in the main goroutine, whoever runs at the moment."""
    cdef Scheduler s = scheduler_or_none()
    if s is None:
        raise KeyboardInterrupt
    s.interrupt(KeyboardInterrupt())

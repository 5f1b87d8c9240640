"""The scheduler: one per OS thread, and no module-level state.

Rules of this file
  * There is no hub. The goroutine that parks runs `find_runnable` on its own stack and switches
    straight to the next one.
  * A new goroutine begins in the greenlet of a finished one, or in one that the spawner makes: the
    spawner sits at the bottom of the stack. A greenlet begun on the stack of whoever happened to park
    would lie below that one, the next below it, and ten thousand of them would use up the C stack.
  * Nothing here raises into a goroutine that is not the cause. What a signal handler or a failing
    poller raises goes to the main goroutine.
  * `current` is NULL while the scheduler looks for work; nothing may park then.

Order of `find_runnable`, as in Go's: due timers; every 61st tick the inbound queue and the poller, so
that a busy run queue starves neither; the run-next slot; the run queue; the inbound queue; a poll that
does not block; a poll until the next timer. Only the last gives up the GIL.

The budget is one slice: I/O that succeeds without parking spends it, and so does a switch through the
run-next slot, which inherits what is left. Two goroutines that ready one another therefore share one
slice and cannot starve the queue.

Source: go1.27 runtime/proc.go (schedule, findRunnable, gopark, goready); tokio's budget of 128.
"""
cimport cython
from cpython.contextvars cimport PyContext_CopyCurrent, PyContext_Enter, PyContext_Exit
from cpython.exc cimport PyErr_CheckSignals, PyErr_SetInterrupt
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF, Py_XDECREF
from libc.errno cimport EBADF
from libc.stdint cimport int64_t, uint8_t, uint32_t, uint64_t
from libc.stdlib cimport free, malloc

import sys
import threading
import weakref
from types import GenericAlias

from netpoll._runtime import report
from netpoll._runtime.atomics cimport np_lock_acquire, np_lock_init, np_lock_release
from netpoll._runtime.backend import new_poller
from netpoll._runtime.clock cimport NEVER, after, moment, nanoseconds, nanotime
from netpoll._runtime.g cimport (
    G,
    G_DEAD,
    G_NEW,
    G_RUNNABLE,
    G_RUNNING,
    G_WAITING,
    IN_LINE,
    WAKE_CANCEL,
    WAKE_INTERRUPT,
    WAKE_READY,
    WAKE_TIMEOUT,
    make_runnable,
    pop,
    push,
    splice,
)
from netpoll._runtime.greenlet cimport (
    PyGreenlet,
    PyGreenlet_GetCurrent,
    PyGreenlet_Import,
    PyGreenlet_New,
    PyGreenlet_SetParent,
    PyGreenlet_Switch,
)
from netpoll._runtime.netpoll cimport (
    MODE_READ,
    POLL_CLOSING,
    POLL_OK,
    POLL_TIMEOUT,
    PollDesc,
    Poller,
    pd_abandon_wait,
    pd_begin_wait,
    pd_check,
    pd_commit_wait,
    pd_end_wait,
)
from netpoll._runtime.signals cimport SignalGate
from netpoll._runtime.timers cimport TimerHeap, timer_disarm
from netpoll._runtime.waitq cimport Waiter, WaitQ, dequeue, enqueue, leave
from netpoll.errors import Cancelled, DeadlockError, GoroutineCancelled

PyGreenlet_Import()

cdef extern from *:
    """
    /* The scheduler of this thread: borrowed, the thread's dictionary owns it. Looked at several times for
     * each read and write; the initial-exec model makes that one instruction instead of a call, and its
     * eight bytes come out of what the C library keeps for modules that are loaded late. */
    static __thread void *np_scheduler __attribute__((tls_model("initial-exec"))) = NULL;
    """
    void *np_scheduler

cdef extern from *:
    """
    /* Take the exception that is set, with its traceback. */
    static PyObject *np_take_exception(void) {
    #if PY_VERSION_HEX >= 0x030C0000
        return PyErr_GetRaisedException();
    #else
        PyObject *type, *value, *traceback;
        PyErr_Fetch(&type, &value, &traceback);
        PyErr_NormalizeException(&type, &value, &traceback);
        if (traceback != NULL) PyException_SetTraceback(value, traceback);
        Py_XDECREF(type);
        Py_XDECREF(traceback);
        return value;
    #endif
    }
    """
    object np_take_exception()

cdef extern from *:
    """
    /* Let an exception that is set already take its way. */
    static inline int np_pass_on(void) { return -1; }
    """
    int np_pass_on() except -1

cdef extern from "datastack.h":
    void np_datastack_setup()
    void np_datastack_begin()

np_datastack_setup()

cdef extern from "outermost.h":
    int np_outermost(int (*body)() except -1) except -1

cdef extern from "Python.h":
    ctypedef struct PyFrameObject:
        pass
    ctypedef struct PyCodeObject:
        pass
    PyFrameObject *PyEval_GetFrame()
    PyCodeObject *PyFrame_GetCode(PyFrameObject *frame)
    int PyFrame_GetLasti(PyFrameObject *frame)
    int PyCode_Addr2Line(PyCodeObject *code, int byte_offset)
    PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs)
    Py_ssize_t Py_REFCNT(PyObject *o)

cdef enum:
    SLICE = 128           # tokio's number
    FAIRNESS_TICKS = 61   # Go's number
    MAX_IDLE = 1024       # greenlets kept for reuse, some 2 KiB each

cdef uint64_t next_id = 0   # of goroutines; under the GIL or, without it, good enough for a name


# ---- reaching the scheduler ------------------------------------------------------------------

cdef Scheduler scheduler_or_none():
    return None if np_scheduler == NULL else <Scheduler>np_scheduler


cdef Scheduler get_scheduler():
    """Return this thread's scheduler; the first call makes the thread a scheduler's thread."""
    if np_scheduler != NULL:
        return <Scheduler>np_scheduler
    return attach()


cdef Scheduler attach():
    global np_scheduler
    from netpoll._runtime import lifecycle
    cdef Scheduler s = Scheduler()
    s.adopt_current()
    np_scheduler = <void *>s
    try:
        lifecycle.attached(s)
    except BaseException:   # a Ctrl-C in the midst of it
        s.shut()
        raise
    return s


cdef G current_g(Scheduler s):
    """Return the running goroutine; RuntimeError where nothing may park."""
    if s.current == NULL:
        raise RuntimeError("cannot park inside the scheduler (in a signal handler or a finalizer)")
    return <G>s.current


# ---- making ready ----------------------------------------------------------------------------

cdef void enqueue_runnable(void *g, bint at_once) noexcept:
    """Put a goroutine that was just made runnable on its scheduler's queue, from any thread."""
    cdef Scheduler s = <Scheduler>(<G>g).scheduler
    if <void *>s == np_scheduler:
        if at_once:
            if s.runnext != NULL:
                push(&s.runq, s.runnext)
            s.runnext = g
        else:
            push(&s.runq, g)
        return
    np_lock_acquire(&s.inbound_lock)
    push(&s.inbound, g)
    np_lock_release(&s.inbound_lock)
    if s.blocked:
        s.poller.wake()


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


# ---- the scheduler ---------------------------------------------------------------------------

cdef class Scheduler:
    """Queues, timers, poller and goroutines of one OS thread."""

    def __cinit__(self):
        np_lock_init(&self.inbound_lock)
        self.timers = TimerHeap()
        self.poller = new_poller()
        self.idle = []
        self.unjoined = []
        self.budget = SLICE
        self.owns_signals = threading.get_ident() == threading.main_thread().ident

    def __dealloc__(self):
        Py_XDECREF(self.spawner)
        free(self.scratch)

    # -- finding work

    cdef void *find_runnable(self) noexcept:
        """Return the goroutine to run next, out of every queue. Blocks in the poller if there is none."""
        cdef void *g
        self.current = NULL
        while True:
            self.tick += 1
            if self.timers.count and self.timers.heap[0].heap_when <= nanotime():
                self.timers.run_due(nanotime(), &self.runq)
            if self.tick % FAIRNESS_TICKS == 0:
                self.take_inbound()
                if self.net_waiters:
                    self.poll(0)
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

    cdef bint take_inbound(self) noexcept:
        if self.inbound.head == NULL:
            return False
        np_lock_acquire(&self.inbound_lock)
        splice(&self.runq, &self.inbound)
        np_lock_release(&self.inbound_lock)
        return True

    cdef int poll(self, int64_t delay) noexcept:
        """Poll, queue what can run; return how many goroutines that were."""
        cdef GList found = GList(NULL, NULL, 0)
        cdef int n
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
        cdef int64_t when = self.timers.next_when()
        cdef int64_t delay = -1
        cdef SignalGate gate    # kept alive: where the poller is lost, so is its gate
        if when != NEVER:
            delay = when - nanotime()
            if delay <= 0:
                return 0
        elif not self.timers.count and not self.net_waiters and not self.outside and self.inbound.head == NULL:
            if not (self.owns_signals and report.handlers_installed()):
                self.deadlock()
                return 0
        if not self.owns_signals:
            self.block_in_poll(delay)
            return 0
        try:
            self.open_gate()
            gate = self.gate
            delay = gate.enter(delay)
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

    cdef int open_gate(self) except -1:
        """Have the descriptors that a wait takes: those of the poller, and the gate where signals come."""
        self.poller.init()
        if self.owns_signals and self.gate is None:
            self.gate = SignalGate(self.poller)
        return 0

    cdef int block_in_poll(self, int64_t delay) noexcept:
        self.blocked = True
        # Looked at after `blocked` is up: whoever queues from now on breaks the poll.
        if self.inbound.head == NULL:
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
        if not main.shield and make_runnable(<void *>main, WAKE_INTERRUPT):
            push(&self.runq, <void *>main)

    cdef void deadlock(self) noexcept:
        try:
            exception = DeadlockError(report.deadlock(self.goroutines()))
        except BaseException as failure:
            exception = failure
        self.interrupt_main(exception)
        # A shielded main would never hear of it, and nobody else could run.
        if make_runnable(self.main, WAKE_INTERRUPT):
            push(&self.runq, self.main)

    # -- switching

    cdef int switch_to(self, void *g) except -1:
        """Run `g` on its own stack; returns when the caller is switched to again."""
        cdef PyObject *target = (<G>g).greenlet
        cdef PyObject *outcome
        cdef object greenlet
        self.current = g
        (<G>g).state = G_RUNNING
        if target == NULL:
            self.assigned = g
            if self.idle:
                greenlet = self.idle.pop()
                Py_INCREF(greenlet)
                target = (<G>g).greenlet = <PyObject *>greenlet
                greenlet = None
            else:
                target = self.spawner
        outcome = PyGreenlet_Switch(<PyGreenlet *>target, NULL, NULL)
        if outcome == NULL:
            return -1
        Py_DECREF(<object>outcome)
        return 0

    cdef int park(self, G g) except -1:
        """Give the thread to somebody else until `g`, which is WAITING or on a queue, is made ready."""
        cdef void *next_g
        cdef PyObject *here = <PyObject *>PyGreenlet_GetCurrent()
        if here != g.greenlet:
            return self.park_elsewhere(g, here)
        Py_DECREF(<object>here)
        if self.closed:
            g.state = G_RUNNING
            raise RuntimeError("cannot park: the scheduler of this thread has ended")
        next_g = self.find_runnable()
        if next_g == <void *>g:
            self.current = next_g
            g.state = G_RUNNING
        else:
            self.switch_to(next_g)
            while self.current != <void *>g:
                # A greenlet of the program's own came here, which is not the way to wake a goroutine.
                self.switch_to(self.current)
        if g.interrupt is not None and (g.wake == WAKE_READY or g.wake == WAKE_TIMEOUT):
            self.interrupt_later(g)
        return 0

    cdef int park_elsewhere(self, G g, PyObject *here) except -1:
        """Park from a greenlet that the goroutine's own code made: that one is switched back to."""
        cdef PyObject *own = g.greenlet
        if here == NULL:
            g.state = G_RUNNING
            raise RuntimeError("cannot park: the interpreter is ending")
        g.greenlet = here
        try:
            return self.park(g)
        finally:
            g.greenlet = own
            Py_DECREF(<object>here)

    cdef int interrupt_later(self, G g) except -1:
        """Main has what it waited for and a Ctrl-C as well: let it have both, one after the other."""
        if isinstance(g.interrupt, KeyboardInterrupt) and self.owns_signals:
            g.interrupt = None
            PyErr_SetInterrupt()
        return 0

    cdef int check_pending(self, G g) except -1:
        """Before a park: raise what is pending. A cancelled goroutine lets the others run first, so that
        one that swallows its cancellation and tries again freezes nobody."""
        if g.shield or (g.interrupt is None and not g.cancelled):
            return 0
        if g.interrupt is None and not self.closed:
            g.state = G_RUNNABLE
            g.wake = WAKE_CANCEL
            push(&self.runq, <void *>g)
            self.park(g)
        return self.raise_pending(g)

    cdef int raise_pending(self, G g) except -1:
        if g.interrupt is not None:
            exception, g.interrupt = g.interrupt, None
            raise exception
        raise Cancelled(f"{name_of(g)} was cancelled")

    cdef int yield_(self, G g) except -1:
        """Let everybody who can run, run; then go on."""
        g.state = G_RUNNABLE
        g.wake = WAKE_READY
        push(&self.runq, <void *>g)
        return self.park(g)

    # -- the ways to wait

    cdef int wait_poll(self, PollDesc *pd, int mode, int64_t until) except -1:
        """Park until `pd` is ready in this direction; return a PollError. `until` 0: no limit of its own."""
        cdef G g = current_g(self)
        cdef int error = pd_check(pd, mode)
        if error:
            return error
        if pd_begin_wait(pd, mode):
            return POLL_OK
        if (g.cancelled or g.interrupt is not None) and not g.shield:
            pd_abandon_wait(pd, mode, NULL)
            self.check_pending(g)
        g.state = G_WAITING
        if not pd_commit_wait(pd, mode, <void *>g):
            g.state = G_RUNNING
            return POLL_OK if pd_end_wait(pd, mode, <void *>g) else pd_check(pd, mode)
        g.reason = "read" if mode == MODE_READ else "write"
        if until:
            self.timers.arm(&g.timer, until)
        cdef uint32_t tag = pd.tag
        self.net_waiters += 1
        try:
            self.park(g)
        finally:
            self.net_waiters -= 1
            if until:
                timer_disarm(&g.timer)
            # After a close the descriptor may serve somebody else already: hands off.
            if g.wake != WAKE_READY and pd.tag == tag:
                pd_abandon_wait(pd, mode, <void *>g)
        if pd.tag != tag:
            return POLL_CLOSING
        if g.wake == WAKE_READY:
            return POLL_OK if pd_end_wait(pd, mode, <void *>g) else pd_check(pd, mode)
        if g.wake == WAKE_TIMEOUT:
            return POLL_TIMEOUT
        return self.raise_pending(g)

    cdef int wait_queue(self, Waiter *waiter, G g, int64_t until) except -1:
        """Park until the waiter is granted (what it was granted) or the time is up (0); frees it either way.

        Raises what is pending unless it was granted: then that comes up at the next park.
        """
        cdef int granted
        g.state = G_WAITING
        if until:
            self.timers.arm(&g.timer, until)
        try:
            self.park(g)
        finally:
            if until:
                timer_disarm(&g.timer)
            granted = leave(waiter)
        if granted:
            return granted
        if g.wake == WAKE_TIMEOUT:
            return 0
        return self.raise_pending(g)

    cdef int sleep_until(self, int64_t when) except -1:
        """Park until `when`."""
        cdef G g = current_g(self)
        self.check_pending(g)
        g.state = G_WAITING
        g.reason = "sleep"
        self.timers.arm(&g.timer, when)
        try:
            self.park(g)
        finally:
            timer_disarm(&g.timer)
        if g.wake != WAKE_TIMEOUT:
            self.raise_pending(g)
        return 0

    # -- goroutines

    cdef G new_goroutine(self, object fn, tuple args, dict kwargs):
        """Make a goroutine and put it at the end of the run queue."""
        cdef G g = Goroutine.__new__(Goroutine)
        g.fn = fn
        g.args = args
        g.kwargs = kwargs
        g.context = PyContext_CopyCurrent()
        g.state = G_NEW
        g.cancelled = self.draining     # who is started by one that is ending is to end as well
        self.link(g)
        note_origin(g)
        push(&self.runq, <void *>g)
        return g

    cdef G adopt_current(self):
        """Make what runs on this thread now the main goroutine."""
        cdef G g = Goroutine.__new__(Goroutine)
        cdef PyObject *here = <PyObject *>PyGreenlet_GetCurrent()
        if here == NULL:
            raise RuntimeError("greenlet is being finalized")
        g.greenlet = here
        g.given_name = "main"
        g.state = G_RUNNING
        self.link(g)
        self.main = self.current = <void *>g
        cdef PyObject *spawner = <PyObject *>PyGreenlet_New(<PyObject *>spawner_body, <PyGreenlet *>here)
        if spawner == NULL:
            raise MemoryError("no memory for a stack")
        self.spawner = spawner
        return g

    cdef int link(self, G g) except -1:
        global next_id
        next_id += 1
        g.id = next_id
        g.scheduler = self
        g.all_prev = NULL
        g.all_next = self.all_first
        if self.all_first != NULL:
            (<G>self.all_first).all_prev = <void *>g
        self.all_first = <void *>g
        self.live += 1
        Py_INCREF(g)
        return 0

    cdef void unlink(self, G g) noexcept:
        """Take a goroutine that is dead out of the list of all, which held it alive."""
        if g.all_prev == NULL:
            self.all_first = g.all_next
        else:
            (<G>g.all_prev).all_next = g.all_next
        if g.all_next != NULL:
            (<G>g.all_next).all_prev = g.all_prev
        g.all_next = g.all_prev = NULL
        self.live -= 1
        Py_DECREF(g)

    cdef void execute(self, void *which):
        """Run the function of a goroutine, here and now, on the greenlet that is its own."""
        cdef G g = <G>which
        cdef PyObject *result = NULL
        if g.cancelled:
            g.exception = Cancelled(f"{name_of(g)} was cancelled before it began")
        else:
            PyContext_Enter(g.context)
            result = PyObject_Call(<PyObject *>g.fn, <PyObject *>g.args, <PyObject *>g.kwargs)
            if result == NULL:
                g.exception = np_take_exception()
            else:
                g.result = <object>result
                Py_DECREF(<object>result)
            PyContext_Exit(g.context)
        self.finish(g)

    cdef void finish(self, G g):
        """Hand over the outcome of a goroutine and forget it. Still in its own name: a finalizer may park."""
        # One reference is the list's of all goroutines, one the caller's.
        cdef bint held = Py_REFCNT(<PyObject *>g) > 2
        if <void *>g == self.main:
            # This process was forked by a goroutine that was not main, and that one has ended.
            from netpoll._runtime import lifecycle
            lifecycle.end_child(g, g.exception)
        if failed(g):
            if g.joiners.first == NULL and not g.joined:
                if held:
                    self.unjoined.append(weakref.ref(g, self.unjoined.remove))
                else:
                    g.joined = True
                    report.unhandled(g, g.exception)
                    held = Py_REFCNT(<PyObject *>g) > 2     # by whom the hook gave it to
        if held and g.given_name is None:
            g.given_name = name_of(g)
        # What these hold may have finalizers, which may park: so now, while there is still a goroutine.
        g.fn = g.args = g.kwargs = g.context = None
        if not held:
            g.result = g.exception = None
        g.state = G_DEAD
        self.timers.remove(&g.timer)
        if g.joiners.first != NULL:
            g.joined = True
            ready_all(&g.joiners)
        if self.draining and self.live <= 2:
            ready(self.main)
        g.greenlet = NULL   # the worker's again
        self.current = NULL
        self.unlink(g)

    cdef void start_failed(self) noexcept:
        """No memory for a greenlet: the goroutine ends without having begun."""
        cdef G g = <G>self.assigned
        cdef void *next_g
        try:
            g.exception = np_take_exception()
            self.finish(g)
        except BaseException as exception:
            self.interrupt_main(exception)
        next_g = self.find_runnable()
        if (<G>next_g).greenlet == NULL:
            self.assigned = next_g
            self.current = next_g
            (<G>next_g).state = G_RUNNING
            return
        try:
            self.switch_to(next_g)
        except BaseException as exception:
            self.interrupt_main(exception)

    cdef char *get_scratch(self) except NULL:
        """Return this thread's receive buffer. Its content is lost at the next park."""
        if self.scratch == NULL:
            self.scratch = <char *>malloc(SCRATCH_SIZE)
            if self.scratch == NULL:
                raise MemoryError("no memory for a receive buffer")
        return self.scratch

    # -- for lifecycle.py

    def goroutines(self):
        """Return all goroutines of this thread that are not dead, oldest first."""
        cdef list found = []
        cdef void *g = self.all_first
        while g != NULL:
            found.append(<G>g)
            g = (<G>g).all_next
        found.reverse()
        return found

    def main_goroutine(self):
        """Return the main goroutine."""
        return <G>self.main

    def run(self, main, tuple args, dict kwargs, end):
        """Call `main` as the main goroutine of a `run`, then `end` with this scheduler, whatever happens.

        RuntimeError if a run is under way. Compiled, so that no Ctrl-C comes between the steps; one that
        comes while it ends is raised afterwards.
        """
        cdef G g = <G>self.main
        if self.in_run:
            raise RuntimeError("run() is already running on this thread")
        if self.current != self.main:
            raise RuntimeError("run() from a goroutine other than main")
        self.in_run = True
        try:
            return main(*args, **kwargs)
        finally:
            self.ending = True
            end(self)
            if g.interrupt is not None:
                exception, g.interrupt = g.interrupt, None
                raise exception

    def wait_for_others(self, double grace):
        """Park main until every other goroutine has ended; False if some had not after `grace` seconds."""
        cdef G g = current_g(self)
        cdef int64_t until = after(nanoseconds(grace))
        self.draining = True
        g.cancelled = False
        try:
            while self.live > 1 and nanotime() < until:
                g.state = G_WAITING
                g.reason = "the others to end"
                self.timers.arm(&g.timer, until)
                self.park(g)
                timer_disarm(&g.timer)
                if g.wake == WAKE_INTERRUPT:
                    self.raise_pending(g)
        finally:
            timer_disarm(&g.timer)
            self.draining = False
        return self.live == 1

    def take_unjoined(self):
        """Return the failed goroutines that nobody joined and somebody still holds, with what they raised; once."""
        cdef list taken = []
        cdef G g
        found, self.unjoined = [ref() for ref in self.unjoined], []
        for g in found:
            if g is not None and not g.joined:
                g.joined = True
                taken.append((g, g.exception))
        return taken

    def shut(self):
        """End this scheduler: give back stacks, poller and wake-up descriptors. The thread may get a new one."""
        global np_scheduler
        cdef G main = <G>self.main
        cdef GList elsewhere = GList(NULL, NULL, 0)    # goroutines of other threads that wait at this poller
        self.closed = True
        self.idle.clear()
        Py_XDECREF(self.spawner)
        self.spawner = NULL
        if self.gate is not None:
            self.gate.shut()
            self.gate = None
        self.poller.wake_all(&elsewhere)
        self.poller.shut()
        ready_list(&elsewhere)
        if np_scheduler == <void *>self:
            np_scheduler = NULL
        main.state = G_DEAD
        self.timers.remove(&main.timer)
        # Not kept: at the end of a thread greenlet takes a reference to its main greenlet that the garbage
        # collector cannot see, as ours, for one that was forgotten, and drops it.
        Py_XDECREF(main.greenlet)
        main.greenlet = NULL
        self.current = NULL
        self.unlink(main)

    def strand(self, *, bint forked=False):
        """Let go of the goroutines that did not end, without unwinding them.

        Their stacks are leaked on purpose: a greenlet that is freed runs its `finally` blocks, and these
        have had their time, or, after a fork, belong to another process.
        """
        cdef G g
        cdef list stranded = [g for g in self.goroutines() if <void *>g != self.current]
        for g in stranded:
            if g.on_strand != NULL and g.inside_mode & IN_LINE:
                g.on_strand(g.inside, g.inside_mode)
        for g in stranded:
            if g.on_strand != NULL and not g.inside_mode & IN_LINE:
                g.on_strand(g.inside, g.inside_mode)
        for g in stranded:
            g.state = G_DEAD
            g.cancelled = True
            g.exception = Cancelled(f"{name_of(g)} was left behind")
            self.timers.remove(&g.timer)
            Py_INCREF(g)
            self.unlink(g)
            if not forked:
                ready_all(&g.joiners)   # on other threads; those of this one are stranded as well
        self.runq = self.inbound = GList(NULL, NULL, 0)
        self.runnext = NULL

    def after_fork(self):
        """In the child: a fresh poller, and only the goroutine that forked."""
        cdef G g = <G>self.current
        cdef Poller parents = self.poller
        self.strand(forked=True)
        self.main = self.current
        self.idle = []      # their greenlets belong to the thread still: they are freed, not leaked
        self.outside = self.net_waiters = 0
        parents.shut()      # first: the gate's end must not reach the parent's registrations
        self.gate = None
        self.poller = new_poller()
        self.owns_signals = True
        g.interrupt = None

    def forget(self):
        """In a forked child: close what belonged to a thread of the parent; its goroutines stay as they are."""
        self.closed = True
        self.poller.shut()
        self.gate = None

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


# ---- greenlets -------------------------------------------------------------------------------

def worker_body():
    """Run goroutines, one after the other, on one greenlet."""
    np_outermost(serve)


cdef int serve() except -1:
    cdef Scheduler s = <Scheduler>np_scheduler
    cdef void *g = s.assigned
    cdef PyObject *here
    np_datastack_begin()
    while True:
        s.assigned = NULL
        here = (<G>g).greenlet
        s.execute(g)    # `g` may be freed now
        if s.closed:
            return 0
        g = s.find_runnable()
        if (<G>g).greenlet == NULL:
            (<G>g).greenlet = here
            (<G>g).state = G_RUNNING
            s.current = g
            continue
        if len(s.idle) >= MAX_IDLE:
            # The end of a greenlet is a switch to its parent.
            (<G>g).state = G_RUNNING
            s.current = g
            PyGreenlet_SetParent(<PyGreenlet *>here, <PyGreenlet *>(<G>g).greenlet)
            Py_DECREF(<object>here)
            return 0
        s.idle.append(<object>here)
        Py_DECREF(<object>here)
        s.switch_to(g)
        while s.assigned == NULL:
            # A greenlet of the program's own has ended, and this one was its parent.
            s.switch_to(s.current)
        g = s.assigned


def spawner_body():
    """Make greenlets, each begun from here, at the bottom of the stack."""
    cdef Scheduler s = <Scheduler>np_scheduler
    cdef PyObject *worker
    cdef PyObject *outcome
    while True:
        worker = <PyObject *>PyGreenlet_New(<PyObject *>worker_body, NULL)
        if worker == NULL:
            s.start_failed()
            continue
        (<G>s.assigned).greenlet = worker
        outcome = PyGreenlet_Switch(<PyGreenlet *>worker, NULL, NULL)
        if outcome == NULL:
            np_pass_on()    # GreenletExit: the scheduler has ended
        Py_DECREF(<object>outcome)


# ---- goroutines ------------------------------------------------------------------------------

cdef void note_origin(G g) noexcept:
    """Remember where `go` was called; the line is worked out only when somebody asks."""
    cdef PyFrameObject *frame = PyEval_GetFrame()
    cdef PyCodeObject *code
    if frame == NULL:
        return
    code = PyFrame_GetCode(frame)
    g.origin_code = <object>code
    Py_DECREF(<object>code)
    g.origin_lasti = PyFrame_GetLasti(frame)


cdef bint failed(G g) noexcept:
    """Tell whether it raised something that is not just its own cancellation.

    Nor is it a failure that what it joined was cancelled as well: so it goes when all are, at the end.
    """
    return g.exception is not None and not (
        g.cancelled and isinstance(g.exception, (Cancelled, GoroutineCancelled))
    )


cdef str name_of(G g):
    if g.given_name is not None:
        return g.given_name
    try:
        name = g.fn.__qualname__
    except Exception:   # an object that is callable may answer in any way
        name = None
    if not isinstance(name, str) or not name:
        name = type(g.fn).__name__
    return f"{name.rpartition('.')[2]}-{g.id}"


cdef str state_of(G g):
    if g.state == G_WAITING:
        return f"waiting: {g.reason.decode()}" if g.reason != NULL else "waiting"
    return ("new", "runnable", "running", "waiting", "done")[g.state]


@cython.final
cdef class Goroutine(G):
    """A function running concurrently with others on its thread. Made by `go`.

    `join`, `cancel` and the properties may be used from any thread.
    """

    def __init__(self):
        """Raise TypeError: a goroutine is made by `go`."""
        raise TypeError("a Goroutine is made by go()")

    # For type checkers: a Goroutine[T] is one whose join returns a T.
    __class_getitem__ = classmethod(GenericAlias)

    def __del__(self):
        if failed(self) and not self.joined:
            self.joined = True
            report.unhandled(self, self.exception)

    def __repr__(self):
        return f"<Goroutine {name_of(self)} {state_of(self)}>"

    @property
    def name(self):
        """The function's name and the id, unless set."""
        return name_of(self)

    @name.setter
    def name(self, str value not None):
        self.given_name = value

    @property
    def done(self):
        """True once the function has ended, in whatever way."""
        return (<G>self).state == G_DEAD

    @property
    def state(self):
        """In words: new, runnable, running, "waiting: <what for>", done."""
        return state_of(self)

    @property
    def cancelled(self):
        """True once `cancel` was called, whether or not the goroutine has heard of it."""
        return bool((<G>self).cancelled)

    @property
    def origin(self):
        """Where `go` was called: (file name, line), or None where that is not Python."""
        if self.origin_code is None:
            return None
        return (self.origin_code.co_filename, PyCode_Addr2Line(<PyCodeObject *>self.origin_code, self.origin_lasti))

    @property
    def stack(self):
        """The topmost Python frame of a parked goroutine, None if it has none."""
        cdef G g = self
        cdef PyObject *here
        if g.greenlet == NULL or g.state == G_RUNNING:
            return None
        here = <PyObject *>PyGreenlet_GetCurrent()
        if here != NULL:
            Py_DECREF(<object>here)
        if here == g.greenlet:      # it looks for work for the others
            return sys._getframe()
        return (<object>g.greenlet).gr_frame

    def join(self, timeout=None):
        """Wait for the end; return the function's result or raise its exception.

        Parks, for at most `timeout` seconds: TimeoutError after that. GoroutineCancelled if the
        goroutine ended by its cancellation. RuntimeError when a goroutine joins itself. Any thread.
        """
        cdef Scheduler s = get_scheduler()
        cdef G target = self
        cdef int64_t until = moment(timeout)
        if target.state != G_DEAD and not wait_for_end(s, target, until):
            raise TimeoutError(f"{self.name} is still running after {timeout} s")
        target.joined = True
        if target.exception is None:
            return target.result
        if target.cancelled and isinstance(target.exception, Cancelled):
            raise GoroutineCancelled(f"{self.name} was cancelled") from target.exception
        raise target.exception

    def cancel(self):
        """Make each further park of this goroutine raise Cancelled, the present one at once.

        One that has not begun never will. Does not park; nothing happens to one that is done. Any
        thread.
        """
        cdef G g = self
        if g.state == G_DEAD or g.cancelled:
            return
        g.cancelled = True
        if not g.shield and make_runnable(<void *>g, WAKE_CANCEL):
            enqueue_runnable(<void *>g, False)


cdef bint wait_for_end(Scheduler s, G target, int64_t until) except -1:
    cdef G g = current_g(s)
    cdef bint elsewhere = target.scheduler is not s
    if g is target:
        raise RuntimeError("a goroutine cannot join itself")
    s.check_pending(g)
    g.reason = "join"
    cdef Waiter *waiter = enqueue(&target.joiners, <void *>g)
    s.outside += elsewhere
    try:
        return s.wait_queue(waiter, g, until)
    finally:
        s.outside -= elsewhere


def go(fn, /, *args, **kwargs):
    """Start `fn(*args, **kwargs)` as a goroutine of this thread and return it at once.

    It begins when the caller parks or yields, after those started before it, in a copy of the
    caller's contextvars context. Does not park. What it raises goes to whoever joins it, or to
    `excepthook`.

    Source: go1.27 runtime/proc.go newproc.
    """
    if not callable(fn):
        raise TypeError(f"go() needs a callable, not {type(fn).__name__}")
    return get_scheduler().new_goroutine(fn, args, kwargs)


def current():
    """Return the calling goroutine; a thread that never started one is its own main goroutine."""
    return current_g(get_scheduler())


def gosched():
    """Let every goroutine that can run, run; then go on. Raises Cancelled like a park.

    Source: go1.27 runtime/proc.go Gosched.
    """
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    if g.cancelled or g.interrupt is not None:
        s.check_pending(g)
    s.yield_(g)


def sleep(double seconds):
    """Park for `seconds`, never less; zero or less only yields. ValueError for a NaN."""
    cdef Scheduler s
    if seconds != seconds:
        raise ValueError("cannot sleep for NaN seconds")
    if seconds <= 0:
        gosched()
    else:
        s = get_scheduler()
        s.sleep_until(after(nanoseconds(seconds)))


def attached_scheduler():
    """Return this thread's scheduler, None if it has none yet."""
    return scheduler_or_none()


def ensure_scheduler():
    """Return this thread's scheduler, making one if need be."""
    return get_scheduler()


# ---- for lowlevel and threads ----------------------------------------------------------------

cdef enum Permit:
    # Kept apart: a call on a thread takes no wake-up that was meant for park().
    BY_UNPARK = 1
    BY_CALL = 2


cdef bint park_for(uint8_t permit, object timeout) except -1:
    """Park until the permit is there and consume it; False if `timeout` seconds passed first."""
    cdef int64_t until = moment(timeout)
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    s.check_pending(g)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    g.reason = "park" if permit == BY_UNPARK else "a call on a thread"
    g.state = G_WAITING
    g.parked_for = permit
    if until:
        s.timers.arm(&g.timer, until)
    s.outside += 1
    try:
        s.park(g)
    finally:
        s.outside -= 1
        g.parked_for = 0
        timer_disarm(&g.timer)
    if g.permits & permit:
        g.permits &= ~permit
        return True
    if g.wake == WAKE_TIMEOUT:
        return False
    s.raise_pending(g)


cdef int give_permit(G g, uint8_t permit) except -1:
    if g.state == G_DEAD:
        return 0
    g.permits |= permit
    # What waits for something else finds it at its next park.
    if g.parked_for & permit:
        ready(<void *>g)
    return 0


def park(timeout=None):
    """Park the calling goroutine until `unpark`; return False if `timeout` seconds passed first.

    An `unpark` that came before is consumed instead: no wake-up is lost. Raises Cancelled.
    """
    return park_for(BY_UNPARK, timeout)


def unpark(Goroutine goroutine not None):
    """Wake a goroutine from `park`, or let its next `park` return at once. Any thread."""
    give_permit(goroutine, BY_UNPARK)


def await_call():
    """Park until `call_done`, or a little less: the caller looks whether it is."""
    park_for(BY_CALL, None)


def call_done(Goroutine goroutine not None):
    """Wake a goroutine from `await_call`. Any thread."""
    give_permit(goroutine, BY_CALL)


def on_interrupt(signum, frame):
    """Handle SIGINT: KeyboardInterrupt in the main goroutine, whoever runs at the moment."""
    cdef Scheduler s = scheduler_or_none()
    if s is None:
        raise KeyboardInterrupt
    s.interrupt(KeyboardInterrupt())

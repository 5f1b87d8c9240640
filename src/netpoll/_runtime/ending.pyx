"""How a run ends, and what a scheduler gives back: the compiled part of lifecycle.py.

    ends by        goroutines that are left      stacks            poller
    run            cancelled, then stranded      leaked            closed
    fork (child)   stranded                      leaked            a fresh one
    end of thread  as run                        as run            closed

Stranded: dead without having been unwound. A greenlet that is freed runs its `finally` blocks, and these
have had their time, or, after a fork, belong to another process.
"""
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t

from netpoll._runtime.backend import new_poller
from netpoll._runtime.clock cimport after, nanoseconds, nanotime
from netpoll._runtime.g cimport (
    G,
    G_DEAD,
    G_WAITING,
    IN_LINE,
    IN_QUEUE,
    ON_THREAD,
    WAKE_INTERRUPT,
    name_of,
    tell_end,
)
from netpoll._runtime.glist cimport GList
from netpoll._runtime.netpoll cimport Poller
from netpoll._runtime.scheduler cimport Scheduler, current_g, detach, park, ready_all, ready_list
from netpoll._runtime.scope cimport leave_all
from netpoll._runtime.timers cimport timer_disarm
from netpoll.errors import Cancelled


def run(Scheduler s not None, main, tuple args, dict kwargs, end):
    """Call `main` as the main goroutine of a `run`, then `end` with this scheduler, whatever happens.

    RuntimeError if a run is under way. Compiled, so that no Ctrl-C comes between the steps; one that
    comes while it ends is raised afterwards.
    """
    cdef G g = <G>s.main
    if s.in_run:
        raise RuntimeError("run() is already running on this thread")
    if s.current != s.main:
        raise RuntimeError("run() from a goroutine other than main")
    s.in_run = True
    try:
        return main(*args, **kwargs)
    finally:
        s.ending = True
        end(s)
        if g.interrupt is not None:
            exception, g.interrupt = g.interrupt, None
            raise exception


def wait_for_others(Scheduler s not None, double grace):
    """Park main until every other goroutine has ended; False if some had not after `grace` seconds."""
    cdef G g = current_g(s)
    cdef int64_t until = after(nanoseconds(grace))
    s.draining = True
    leave_all(g)
    g.cancelled = g.stop = False
    try:
        while s.live > 1 and nanotime() < until:
            g.state = G_WAITING
            g.reason = "the others to end"
            s.timers.arm(&g.timer, until)
            park(s, g)
            timer_disarm(&g.timer)
            if g.wake == WAKE_INTERRUPT:
                s.raise_pending(g)
    finally:
        timer_disarm(&g.timer)
        s.draining = False
    return s.live == 1


def take_unjoined(Scheduler s not None):
    """Return the failed goroutines that nobody joined and somebody still holds, with what they raised; once."""
    cdef list taken = []
    cdef G g
    found, s.unjoined = [ref() for ref in s.unjoined], []
    for g in found:
        if g is not None and not g.joined:
            g.joined = True
            taken.append((g, g.exception))
    return taken


def shut(Scheduler s not None):
    """End this scheduler: give back stacks, poller and wake-up descriptors. The thread may get a new one."""
    cdef G main = <G>s.main
    cdef GList elsewhere = GList(NULL, NULL, 0)    # goroutines of other threads that wait at this poller
    s.closed = True
    s.idle.clear()
    Py_XDECREF(s.spawner)
    s.spawner = NULL
    if s.gate is not None:
        s.gate.shut()
        s.gate = None
    s.poller.wake_all(&elsewhere)
    s.poller.shut()
    ready_list(&elsewhere)
    detach(s)
    main.state = G_DEAD
    leave_all(main)
    s.timers.remove(&main.timer)
    s.alarms.clear()
    # Not kept: at the end of a thread greenlet takes a reference to its main greenlet that the garbage
    # collector cannot see, as ours, for one that was forgotten, and drops it.
    Py_XDECREF(main.greenlet)
    main.greenlet = NULL
    s.current = NULL
    s.unlink(main)


cdef void *survivor(Scheduler s) noexcept:
    """The goroutine that runs; the one on whose stack a signal handler runs, if the scheduler was looking for work."""
    if s.current != NULL:
        return s.current
    return s.seeker if s.seeker != NULL else s.main


cdef void let_go(list stranded) noexcept:
    """Take goroutines that will never run again out of what they are inside of: first out of lines, so that
    none of them is handed a lock that another one held."""
    cdef G g
    for g in stranded:
        if g.on_strand != NULL and g.inside_mode & IN_LINE:
            g.on_strand(g.inside, g.inside_mode)
    for g in stranded:
        if g.on_strand != NULL and not g.inside_mode & IN_LINE:
            g.on_strand(g.inside, g.inside_mode)


def strand(Scheduler s not None, *, bint forked=False):
    """Let go of the goroutines that did not end, without unwinding them.

    Whoever waits for them, or for a lock that they hold, is let go as well.
    """
    cdef G g
    cdef void *stays = survivor(s)
    cdef list stranded
    if not forked:
        s.ending = True     # from now on nobody is let in from outside, whom no one would find here
    stranded = [g for g in s.goroutines() if <void *>g != stays]
    let_go(stranded)
    for g in stranded:
        g.state = G_DEAD
        g.cancelled = True
        leave_all(g)
        g.exception = Cancelled(f"{name_of(g)} was left behind")
        s.timers.remove(&g.timer)
        Py_INCREF(g)
        s.unlink(g)
        if not forked:
            ready_all(&g.joiners)   # on other threads; those of this one are stranded as well
            tell_end(g)
    s.runq = s.inbound = GList(NULL, NULL, 0)
    s.runnext = NULL


def after_fork(Scheduler s not None):
    """In the child: a fresh poller, and only the goroutine that forked."""
    cdef G g = <G>survivor(s)
    cdef GList retry = GList(NULL, NULL, 0)
    cdef Poller parents = s.poller
    strand(s, forked=True)
    s.main = <void *>g
    s.idle = []      # their greenlets belong to the thread still: they are freed, not leaked
    # It counts among those who wait if a signal handler forked while it was parked; who runs is in neither.
    s.net_waiters = g.on_strand != NULL and not g.inside_mode & IN_QUEUE
    s.shared = g.waits_on != NULL
    s.outside = g.parked_for != 0
    s.calls = g.parked_for & ON_THREAD != 0
    parents.shut()      # first: the gate's end must not reach the parent's registrations
    s.gate = None
    s.poller = new_poller()
    s.owns_signals = True
    g.interrupt = None
    # Forked by a signal handler while it was parked: it has to register with the new poller.
    parents.wake_all(&retry)
    ready_list(&retry)


def forget(Scheduler s not None):
    """In a forked child: close what belonged to a thread of the parent; its goroutines let go of their locks."""
    s.closed = True
    let_go(s.goroutines())
    s.poller.shut()
    s.gate = None

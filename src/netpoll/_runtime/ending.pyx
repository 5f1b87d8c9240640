"""How a thread gets its scheduler, how a run ends, and what a scheduler gives back: the compiled part of lifecycle.py.

    ends by        goroutines that are left      stacks            poller
    run            cancelled, then stranded      leaked            closed
    fork (child)   stranded                      leaked            a fresh one
    end of thread  as run                        as run            closed

Stranded: dead without having been unwound. A greenlet that is freed runs its `finally` blocks, and these
have had their time, or, after a fork, belong to another process.

A signal handler of the program's own may raise between any two bytecodes. So there are none from where a thread
has a scheduler until it is complete, nor from where main has ended until all is given back, except in what is
called: the goroutines, and what tells people. What comes up in a step of the end waits until the last is made.
"""
cimport cython
from cpython.ref cimport Py_INCREF, Py_XDECREF
from libc.stdint cimport int64_t

import _signal      # not signal, whose functions are Python's
import sys
import threading
import weakref
from _thread import get_ident
from signal import SIGINT, default_int_handler

from netpoll._runtime import deadlock, report
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
from netpoll._runtime.idle cimport dismiss
from netpoll._runtime.netpoll cimport Poller
from netpoll._runtime.raised cimport keep, raise_first
from netpoll._runtime.scheduler cimport (
    Scheduler,
    current_g,
    detach,
    get_scheduler,
    park,
    ready_all,
    ready_list,
    scheduler_or_none,
)
from netpoll._runtime.scope cimport leave_all, renew_stop
from netpoll._runtime.signals cimport set_handler
from netpoll._runtime.timers cimport timer_disarm
from netpoll._runtime.unheard cimport forget_unheard, heard
from netpoll.errors import Cancelled


cdef object thread = threading.local()


# ---- a thread and its scheduler ------------------------------------------------------------------

@cython.final
cdef class Owner:
    """Lives in a thread's own dictionary, and calls `at_end` with its scheduler when the thread ends."""

    cdef Scheduler scheduler
    cdef object at_end

    def __cinit__(self, Scheduler scheduler not None, at_end):
        self.scheduler = scheduler
        self.at_end = at_end

    def __del__(self):
        if not self.scheduler.closed and not sys.is_finalizing():
            self.at_end(self.scheduler)


cdef object lifecycle():
    """Return the module lifecycle.py, which stands on this one; an import would run bytecodes."""
    return sys.modules["netpoll._runtime.lifecycle"]


def own(Scheduler s not None):
    """Have the calling thread keep its new scheduler until it ends, and Ctrl-C go to its main goroutine.

    Raises what a signal handler raised meanwhile, after that.
    """
    cdef list raised = []
    thread.owner = Owner(s, lifecycle().thread_ended)
    deadlock._schedulers[get_ident()] = weakref.ref(s)
    # Only Python's own handler is replaced: a program's is left alone.
    if s.owns_signals and _signal.getsignal(SIGINT) is default_int_handler:
        set_handler(SIGINT, lifecycle().interrupted, raised)
    raise_first(raised)


def disown(Scheduler s not None, exception):
    """Undo `own`, because of this exception; raise it."""
    cdef list raised = [exception]
    give_back(s, raised)
    drop_owner()
    raise_first(raised)


cdef int drop_owner() except -1:
    vars(thread).pop("owner", None)
    return 0


cdef int give_back(Scheduler s, list raised) except -1:
    """Give back what a scheduler holds: stacks, poller and Ctrl-C."""
    cdef Scheduler other
    shut(s)
    deadlock._schedulers.pop(get_ident(), None)
    for of_it in list(deadlock._schedulers.values()):
        other = of_it()
        if other is not None and not other.closed:
            other.look_again()      # it may have waited for this thread
    if s.owns_signals and _signal.getsignal(SIGINT) is lifecycle().interrupted:
        set_handler(SIGINT, default_int_handler, raised)
    return 0


# ---- the end of a run ----------------------------------------------------------------------------

def run(main, tuple args, dict kwargs):
    """Call `main` as the main goroutine of a `run`, then end it, whatever happens. RuntimeError if one is under way.

    What a signal handler raises while it ends is raised afterwards.
    """
    cdef Scheduler s = get_scheduler()
    if s.in_run:
        raise RuntimeError("run() is already running on this thread")
    if s.current != s.main:
        raise RuntimeError("run() from a goroutine other than main")
    s.in_run = True
    try:
        return main(*args, **kwargs)
    finally:
        s.ending = True
        end_for_good(s)


def run_openly(main):
    """Call `main` as `run` does, but end nothing: what it leaves goes on, until `end_own`."""
    cdef Scheduler s = get_scheduler()
    if s.in_run:
        raise RuntimeError("run() is already running on this thread")
    s.in_run = True
    try:
        return main()
    finally:
        s.in_run = False


def end_own():
    """End the scheduler that the calling thread may have got; it may get a new one later."""
    cdef Scheduler s = scheduler_or_none()
    if s is not None and not s.closed:
        end_for_good(s)


cdef int end_for_good(Scheduler s) except -1:
    cdef list raised = ended(s)
    drop_owner()
    return raise_first(raised)


def end(Scheduler s not None):
    """Cancel all goroutines but main, wait for them, report those that stay, give all back."""
    raise_first(ended(s))


cdef list ended(Scheduler s):
    """Make each step of the end, and return what came up in them."""
    cdef G main = <G>s.main
    cdef list raised = []
    drain(s, raised)
    tell_unjoined(s, raised)
    stranded(s, False, raised)
    give_back(s, raised)
    if main.interrupt is not None:
        keep(raised, main.interrupt)
        main.interrupt = None
    return raised


cdef int drain(Scheduler s, list raised) except -1:
    """Cancel the other goroutines and give them time to end."""
    cdef list left = others(s)
    cdef G g
    cdef double grace = lifecycle().GRACE
    for g in left:
        g.cancelled = True
        renew_stop(g)
    try:
        if left and not wait_for_others(s, grace):
            report.left_behind(others(s), grace)
    except BaseException as exception:
        keep(raised, exception)
    return 0


cdef list others(Scheduler s):
    return [g for g in s.goroutines() if <void *>g != s.main]


cdef int tell_unjoined(Scheduler s, list raised) except -1:
    """Tell of the failed goroutines that nobody joined and somebody still holds."""
    cdef G g
    for g in forget_unheard(s):
        heard(g)
        try:
            report.unhandled(g, g.exception)
        except BaseException as exception:
            keep(raised, exception)
    return 0


cdef bint wait_for_others(Scheduler s, double grace) except -1:
    """Park main until every other goroutine has ended; False if some had not after `grace` seconds."""
    cdef G g = current_g(s)
    cdef int64_t until = after(nanoseconds(grace))
    s.draining = True
    leave_all(g)
    g.cancelled = g.stop = False
    try:
        while s.all_gs.count > 1 and nanotime() < until:
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
    return s.all_gs.count == 1


cdef int shut(Scheduler s) except -1:
    """End this scheduler: give back stacks, poller and wake-up descriptors. The thread may get a new one."""
    if s.closed:
        return 0
    cdef G main = <G>s.main
    cdef GList elsewhere = GList(NULL, NULL, 0)    # goroutines of other threads that wait at this poller
    s.closed = True
    dismiss(&s.idle)
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
    return 0


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


cdef int stranded(Scheduler s, bint forked, list raised) except -1:
    """Let go of the goroutines that did not end, without unwinding them.

    Whoever waits for them, or for a lock that they hold, is let go as well.
    """
    cdef G g
    cdef void *stays = survivor(s)
    cdef list left
    if not forked:
        s.ending = True     # from now on nobody is let in from outside, whom no one would find here
    left = [g for g in s.goroutines() if <void *>g != stays]
    let_go(left)
    for g in left:
        g.state = G_DEAD
        g.cancelled = True
        leave_all(g)
        g.exception = left_behind(g, raised)
        s.timers.remove(&g.timer)
        Py_INCREF(g)
        s.unlink(g)
        if not forked:
            ready_all(&g.joiners)   # on other threads; those of this one are stranded as well
            tell_end(g)
    s.runq = s.inbound = GList(NULL, NULL, 0)
    s.runnext = NULL
    return 0


cdef object left_behind(G g, list raised):
    """Return what those get who join it."""
    try:
        return Cancelled(f"{name_of(g)} was left behind")
    except BaseException as exception:      # its function may have any kind of name
        keep(raised, exception)
        return Cancelled("a goroutine was left behind")


def after_fork(Scheduler s not None):
    """In the child: a fresh poller, and only the goroutine that forked."""
    cdef G g = <G>survivor(s)
    cdef GList retry = GList(NULL, NULL, 0)
    cdef Poller parents = s.poller
    stranded(s, True, [])
    s.main = <void *>g
    dismiss(&s.idle)      # their greenlets belong to the thread still: they are freed, not leaked
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

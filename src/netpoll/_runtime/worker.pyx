"""Workers: the greenlets that goroutines run on, one goroutine after the other.

    a worker    its goroutine   next
    begun       assigned        runs it (serve)
    running     the current     its function ends: takes the next one that has no stack yet, or goes idle
    idle        none            switched to with a new goroutine assigned; with enough of them idle it ends instead

A new goroutine begins in an idle worker, or in one that the spawner makes: the spawner sits at the
bottom of the stack. A greenlet begun on the stack of whoever happened to park would lie below that one,
the next below it, and ten thousand of them would use up the C stack.

Source: go1.27 runtime/proc.go goexit0, gfget (dead goroutines are kept for the next ones).
"""
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF

from inspect import iscoroutinefunction, isgeneratorfunction

from netpoll._runtime import report
from netpoll._runtime.g cimport G, G_DEAD, G_RUNNING, Watcher, failed, keep_name, name_of, tell_end
from netpoll._runtime.greenlet cimport (
    PyGreenlet,
    PyGreenlet_Import,
    PyGreenlet_New,
    PyGreenlet_SetParent,
    PyGreenlet_Switch,
)
from netpoll._runtime.idle cimport rest
from netpoll._runtime.raised cimport np_pass_on, np_take_exception
from netpoll._runtime.scheduler cimport Scheduler, ready, ready_all, scheduler_or_none
from netpoll._runtime.scope cimport leave_all
from netpoll._runtime.unheard cimport leave_unheard
from netpoll.errors import Cancelled

PyGreenlet_Import()

cdef extern from "datastack.h":
    void np_datastack_setup()
    void np_datastack_begin()

np_datastack_setup()

cdef extern from "stackroot.h":
    void *np_stack_root()

cdef extern from "outermost.h":
    int np_outermost(int (*body)() except -1) except -1

cdef extern from "Python.h":
    PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs)
    Py_ssize_t Py_REFCNT(PyObject *o)
    bint PyCoro_CheckExact(object o)
    bint PyGen_CheckExact(object o)
    int enter_context "PyContext_Enter"(object context)
    int exit_context "PyContext_Exit"(object context)


# ---- one goroutine ---------------------------------------------------------------------------

cdef void execute(Scheduler s, void *which) noexcept:
    """Run the function of a goroutine, here and now, on the greenlet that is its own. No `try`; see raised.pxd."""
    cdef G g = <G>which
    cdef PyObject *result = NULL
    if not g.cancelled:
        enter_context(g.context)
        result = PyObject_Call(<PyObject *>g.fn, <PyObject *>g.args, NULL if g.kwargs is None else <PyObject *>g.kwargs)
        if result == NULL:
            g.exception = np_take_exception()
        if exit_context(g.context) < 0:
            PyErr_Clear()   # the program has put another one in its place (greenlet.gr_context)
    finish(s, g, result)


cdef void finish(Scheduler s, G g, PyObject *result) noexcept:
    """Hand over the outcome of a goroutine and forget it. Still in its own name: a finalizer may park."""
    if result == NULL or PyCoro_CheckExact(<object>result) or PyGen_CheckExact(<object>result) or <void *>g == s.main:
        account(s, g, result)
    else:
        g.result = <object>result
        Py_DECREF(<object>result)
    bury(s, g)


cdef inline bint is_held(G g) noexcept:
    """Tell whether somebody holds a goroutine that ends: one reference is that of the list of all, one ours."""
    return Py_REFCNT(<PyObject *>g) > 2


cdef void account(Scheduler s, G g, PyObject *result) noexcept:
    """Do what there is to do where not simply a value was returned."""
    try:
        settle(g, result)
        tell(s, g)
    except BaseException as exception:
        # A signal handler raised it meanwhile; this goroutine has ended, and main hears of it.
        s.interrupt_main(exception)


cdef int settle(G g, PyObject *result) except -1:
    """Keep what the function returned, or what goes for an exception."""
    if result != NULL:
        g.result = <object>result
        Py_DECREF(g.result)
        if PyCoro_CheckExact(g.result) and iscoroutinefunction(g.fn):
            refuse(g, report.ASYNC)
        elif PyGen_CheckExact(g.result) and isgeneratorfunction(g.fn):
            refuse(g, report.GENERATOR)
    elif g.exception is None:
        g.exception = Cancelled(f"{name_of(g)} was cancelled before it began")
    if g.exception is not None:
        g.traceback = g.exception.__traceback__
    return 0


cdef int tell(Scheduler s, G g) except -1:
    """Have somebody hear of a failure: who joins, who may still join, or the excepthook."""
    if <void *>g == s.main:
        # This process was forked by a goroutine that was not main, and that one has ended.
        from netpoll._runtime import lifecycle
        lifecycle.end_child(g, g.exception)
    if not failed(g) or g.joined or g.joiners.first != NULL:
        return 0
    if is_held(g):
        return leave_unheard(s, g)
    g.joined = True
    report.unhandled(g, g.exception)
    return 0


cdef void bury(Scheduler s, G g) noexcept:
    cdef Watcher watcher = g.watcher
    cdef bint held = is_held(g)     # by whom the excepthook gave it to, too
    while watcher is not None:
        watcher.outcome(g)
        watcher = watcher.also
    if g.scope is not None:
        leave_all(g)
    if held:
        keep_name_or_tell(s, g)
    # What these hold may have finalizers, which may park: so now, while there is still a goroutine.
    g.args = g.kwargs = g.context = None
    g.fn = None     # last: the name comes from it
    if not held:
        g.result = g.exception = g.traceback = None
    g.state = G_DEAD
    s.timers.remove(&g.timer)
    if g.joiners.first != NULL:
        g.joined = True
        ready_all(&g.joiners)
    if g.watcher is not None:
        tell_end(g)
    if s.draining and s.all_gs.count <= 2:
        ready(s.main)
    g.greenlet = NULL   # the worker's again
    s.current = NULL
    s.unlink(g)


cdef void keep_name_or_tell(Scheduler s, G g) noexcept:
    try:
        keep_name(g)
    except BaseException as exception:
        s.interrupt_main(exception)


cdef int refuse(G g, str why) except -1:
    """Make an error of a function that only made a coroutine or a generator: its body has not begun, and will not."""
    unbegun, g.result = g.result, None
    unbegun.close()
    g.exception = TypeError(f"go() needs a plain function, not {why}")
    return 0


cdef int start_failed(Scheduler s) except -1:
    """No memory for a greenlet: the goroutine ends without having begun."""
    cdef G g = <G>s.assigned
    cdef void *next_g
    g.exception = np_take_exception()
    finish(s, g, NULL)
    next_g = s.find_runnable()
    if (<G>next_g).greenlet == NULL:
        s.assigned = next_g
        s.current = next_g
        (<G>next_g).state = G_RUNNING
        return 0
    return s.switch_to(next_g)


# ---- greenlets -------------------------------------------------------------------------------

def worker_body():
    """Run goroutines, one after the other, on one greenlet."""
    np_outermost(serve)


cdef int serve() except -1:
    cdef Scheduler s = scheduler_or_none()
    cdef void *g = s.assigned
    cdef PyObject *here
    np_datastack_begin()
    while True:
        s.assigned = NULL
        here = (<G>g).greenlet
        (<G>g).stack_root = np_stack_root()
        execute(s, g)    # `g` may be freed now
        if s.closed:
            return 0
        s.seeker = NULL
        g = s.find_runnable()
        if (<G>g).greenlet == NULL:
            (<G>g).greenlet = here
            (<G>g).state = G_RUNNING
            s.current = g
            continue
        if not rest(&s.idle, here):
            # The end of a greenlet is a switch to its parent.
            (<G>g).state = G_RUNNING
            s.current = g
            PyGreenlet_SetParent(<PyGreenlet *>here, <PyGreenlet *>(<G>g).greenlet)
            Py_DECREF(<object>here)
            return 0
        s.switch_to(g)
        while s.assigned == NULL:
            # A greenlet of the program's own has ended, and this one was its parent.
            s.switch_to(s.current)
        g = s.assigned


def spawner_body():
    """Make greenlets, each begun from here, at the bottom of the stack."""
    cdef Scheduler s = scheduler_or_none()
    cdef PyObject *worker
    cdef PyObject *outcome
    while True:
        s.current = NULL    # a finalizer that the collector runs meanwhile must not park here
        worker = <PyObject *>PyGreenlet_New(<PyObject *>worker_body, NULL)
        s.current = s.assigned
        if worker == NULL:
            start_failed(s)
            continue
        (<G>s.assigned).greenlet = worker
        outcome = PyGreenlet_Switch(<PyGreenlet *>worker, NULL, NULL)
        if outcome == NULL:
            np_pass_on()    # GreenletExit: the scheduler has ended
        Py_DECREF(<object>outcome)


cdef PyObject *new_spawner(PyObject *main) except NULL:
    """Return a new spawner below `main`, the greenlet that a thread began with."""
    cdef PyObject *spawner = <PyObject *>PyGreenlet_New(<PyObject *>spawner_body, <PyGreenlet *>main)
    if spawner == NULL:
        raise MemoryError("no memory for a stack")
    return spawner

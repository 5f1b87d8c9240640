"""Calls on threads of their own, and the hands that serve them: the compiled part of threads.py.

    a call      its function                 its goroutine
    queued      is to run                    waits; gives it up: dropped
    running     runs; ends: done             waits; gives it up: abandoned
    abandoned   runs; its result is          has gone on
                disposed of
    dropped     never begins                 has gone on
    done        has ended                    has the outcome

    a hand      stands in   next
    new         -           its thread begins: looks for a call; cannot be started: written off
    at work     -           its call has ended: the first in the queue, or idle
    idle        `resting`   handed a call; has lingered, or the pool is closed: leaves

A hand is a thread and what the others know of it. None is idle while a call is queued. Who went idle last is
handed the next call, so that those who are not needed leave. Compiled, so that no Ctrl-C and no other thread
comes between the steps of a change: nothing between them runs Python code.

Source: trio _core/_thread_cache.py (a lock for each thread, the last one idle is the first to work).
"""
cimport cython
from cpython.contextvars cimport PyContext_CopyCurrent
from cpython.exc cimport PyErr_Clear
from cpython.object cimport PyObject
from cpython.pythread cimport (
    WAIT_LOCK,
    PyThread_acquire_lock,
    PyThread_allocate_lock,
    PyThread_free_lock,
    PyThread_release_lock,
    PyThread_type_lock,
)
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport uint8_t

import threading

from netpoll._runtime import deadlock, lifecycle, report
from netpoll._runtime.g cimport G
from netpoll._runtime.latch cimport Latch
from netpoll._runtime.raised cimport np_take_exception
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, scheduler_or_none

cdef extern from "Python.h":
    PyObject *PyObject_Call(PyObject *callable, PyObject *args, PyObject *kwargs)
    int enter_context "PyContext_Enter"(object context)
    int exit_context "PyContext_Exit"(object context)
    bint acquire_timed "PY_LOCK_ACQUIRED == PyThread_acquire_lock_timed"(
        PyThread_type_lock lock, long long microseconds, int interruptible) nogil

cdef extern from *:
    """
    /* The call that this thread serves: borrowed from its hand. */
    static __thread void *np_call = NULL;
    """
    void *np_call

cdef enum CallState:
    CALL_QUEUED = 0
    CALL_RUNNING = 1
    CALL_ABANDONED = 2
    CALL_DROPPED = 3
    CALL_DONE = 4

cdef struct Node:
    Node *next
    Node *prev
    void *owner

cdef struct Line:
    Node *first
    Node *last
    Py_ssize_t count


cdef void append(Line *line, Node *node) noexcept:
    node.next = NULL
    node.prev = line.last
    if line.last == NULL:
        line.first = node
    else:
        line.last.next = node
    line.last = node
    line.count += 1


cdef void take_out(Line *line, Node *node) noexcept:
    if node.prev == NULL:
        line.first = node.next
    else:
        node.prev.next = node.next
    if node.next == NULL:
        line.last = node.prev
    else:
        node.next.prev = node.prev
    line.count -= 1


# ---- one call --------------------------------------------------------------------------------

@cython.final
cdef class Call(Latch):
    """A function that is to run on a thread, and its outcome. Opens when that is there."""

    cdef object fn
    cdef object args
    cdef object kwargs
    cdef object context
    cdef object disposal        # called with a result that nobody waits for any more
    cdef object result
    cdef object exception
    cdef G caller
    cdef Scheduler scheduler    # the caller's
    cdef uint8_t state
    cdef bint in_queue
    cdef Node node

    cdef void perform(self) noexcept:
        """Run the function on this thread, and have the goroutine that waits hear of it."""
        global np_call
        cdef PyObject *found
        cdef object result = None
        cdef object exception = None
        self.state = CALL_RUNNING
        np_call = <void *>self
        if enter_context(self.context) < 0:
            PyErr_Clear()
        found = PyObject_Call(<PyObject *>self.fn, <PyObject *>self.args, <PyObject *>self.kwargs)
        if found == NULL:
            exception = np_take_exception()
        else:
            result = <object>found
            Py_DECREF(result)
        if exit_context(self.context) < 0:
            PyErr_Clear()       # the function has put another one in its place (greenlet.gr_context)
        np_call = NULL
        self.fn = self.args = self.kwargs = None    # before anybody hears of the end: they may have finalizers
        if self.state == CALL_RUNNING:
            self.result = result
            self.exception = exception
            self.state = CALL_DONE
            self.open_now()
        elif exception is None:
            self.dispose(result)

    cdef void dispose(self, object result) noexcept:
        """Hand a result that nobody waits for to who is to have it then."""
        if self.disposal is None:
            return
        try:
            self.context.run(self.disposal, result)
        except BaseException as exception:
            report.unhandled(self.caller, exception)

    cdef object outcome(self):
        exception, self.exception = self.exception, None
        if exception is None:
            return self.result
        try:
            raise exception
        finally:
            exception = None    # its traceback refers to this frame


# ---- the threads -----------------------------------------------------------------------------

@cython.final
@cython.no_gc_clear     # its thread looks at the crew to the last
cdef class Hand:
    """A thread that serves calls."""

    cdef Crew crew
    cdef Call call              # the one it serves, or is to serve
    cdef PyThread_type_lock bell    # taken, except for the moment in which somebody wakes it
    cdef object ident
    cdef unsigned int generation
    cdef bint begun
    cdef bint written_off       # the starter has seen an error and counts it no more
    cdef bint is_idle
    cdef Node node

    def __cinit__(self, Crew crew not None):
        self.crew = crew
        self.generation = crew.generation
        self.node.owner = <void *>self
        self.bell = PyThread_allocate_lock()
        if self.bell == NULL:
            raise MemoryError("no memory for a lock")
        PyThread_acquire_lock(self.bell, WAIT_LOCK)

    def __dealloc__(self):
        if self.bell != NULL:
            PyThread_free_lock(self.bell)

    cdef bint find_call(self):
        """Wait for the next call; False: the thread is to end."""
        cdef Crew crew = self.crew
        while True:
            if self.generation != crew.generation:
                return False    # a function has forked: this is the child, which does not count us
            if self.call is None:
                self.call = crew.take_queued()
            if self.call is not None:
                if self.call.state == CALL_QUEUED:
                    return True
                self.call = None    # given up meanwhile
            elif crew.closed or not self.rest():
                crew.hands -= 1
                return False

    cdef bint rest(self):
        """Wait until there is something to do; False: there was nothing for a while."""
        cdef Crew crew = self.crew
        cdef PyThread_type_lock bell = self.bell
        cdef long long patience = crew.patience
        cdef bint rung
        crew.without_work.add(self.ident)
        self.is_idle = True
        append(&crew.resting, &self.node)
        with nogil:
            rung = acquire_timed(bell, patience, 0)
        if not rung and not self.is_idle:
            PyThread_acquire_lock(bell, WAIT_LOCK)     # in the very last moment: it has been rung by now
            rung = True
        if not rung:
            crew.rouse(self)
        return rung


def serve(Hand hand not None):
    """Serve calls until there are none: what a thread of the pool does."""
    if hand.written_off:
        return
    hand.begun = True
    hand.ident = threading.get_ident()
    while hand.find_call():
        hand.call.perform()
        hand.call = None
        if scheduler_or_none() is not None:
            # After the caller has its outcome, before the thread is free for another call.
            lifecycle.end_own()


cdef class Crew:
    """Calls, and the threads that serve them. `start_thread(hand)` begins one."""

    cdef Line queue
    cdef Line resting
    cdef int hands
    cdef int most
    cdef unsigned int generation    # one more in each child of a fork
    cdef long long patience         # of an idle thread, in microseconds; < 0: for ever
    cdef readonly bint closed
    cdef object start_thread        # begins a thread that is to `serve` as the hand it is given
    cdef set without_work
    cdef object __weakref__

    def __init__(self, start_thread):
        """Have no thread and no call."""
        self.start_thread = start_thread
        self.without_work = deadlock.without_work

    cdef Call take_queued(self):
        cdef Call call
        cdef Node *node = self.queue.first
        if node == NULL:
            return None
        call = <Call>node.owner
        self.unqueue(call)
        return call

    cdef void unqueue(self, Call call) noexcept:
        take_out(&self.queue, &call.node)
        call.in_queue = False
        Py_DECREF(call)     # never the last one: the caller has it, too

    cdef list take_all(self):
        cdef list calls = []
        while self.queue.first != NULL:
            calls.append(self.take_queued())
        return calls

    cdef void rouse(self, Hand hand) noexcept:
        """Take a hand out of those that are idle."""
        take_out(&self.resting, &hand.node)
        hand.is_idle = False
        self.without_work.discard(hand.ident)

    cdef int submit(self, Call call) except -1:
        """Hand a call to who is idle, or queue it, with a new thread for it unless there are enough."""
        cdef Hand hand
        if self.closed:
            raise RuntimeError(f"{self!r} takes no more calls")
        if self.resting.last != NULL:
            hand = <Hand>self.resting.last.owner
            self.rouse(hand)
            hand.call = call
            PyThread_release_lock(hand.bell)
            return 0
        Py_INCREF(call)
        call.in_queue = True
        append(&self.queue, &call.node)
        if self.hands < self.most:
            self.add_hand()
        return 0

    cdef int add_hand(self) except -1:
        cdef Hand hand = None
        self.hands += 1
        try:
            hand = Hand(self)
            self.start_thread(hand)
        except BaseException as error:
            # The system has no thread for us, or a signal handler raised something in between.
            if hand is None or not hand.begun:
                self.hands -= 1
                if hand is not None:
                    hand.written_off = True
            if not isinstance(error, RuntimeError):
                raise
            if self.hands == 0:
                self.fail_all(error)
        return 0

    cdef int fail_all(self, object error) except -1:
        """No thread will ever come for those who wait: tell them."""
        cdef Call call
        for call in self.take_all():
            if call.state == CALL_QUEUED:
                call.exception = type(error)(*error.args)
                call.state = CALL_DONE
                call.open_now()
        return 0

    cdef int give_up(self, Call call) except -1:
        """Let the goroutine of a call go on without it."""
        if call.state == CALL_QUEUED:
            call.state = CALL_DROPPED
            if call.in_queue:
                self.unqueue(call)
            call.fn = call.args = call.kwargs = None
        elif call.state == CALL_RUNNING:
            call.state = CALL_ABANDONED
        elif call.state == CALL_DONE and call.exception is None:
            call.dispose(call.result)
        if self.queue.first != NULL and self.hands == 0:
            self.add_hand()     # it was ours that could not be started, and others have counted on it
        return 0

    def run(self, fn, tuple args not None, dict kwargs not None, disposal):
        """Run `fn(*args, **kwargs)` on one of the threads and return its result. Parks."""
        cdef Scheduler s = get_scheduler()
        cdef G g = current_g(s)
        cdef Call call
        s.check_pending(g)      # nothing begins for one that is cancelled
        call = Call("a call on a thread")
        call.node.owner = <void *>call
        call.fn = fn
        call.args = args
        call.kwargs = kwargs
        call.disposal = disposal
        call.context = PyContext_CopyCurrent()
        call.caller = g
        call.scheduler = s
        try:
            self.submit(call)
            call.wait_until(0)
        except BaseException:
            self.give_up(call)
            raise
        return call.outcome()

    def limit(self, int most, object patience):
        """Have at most so many threads, which leave when they were idle for so many seconds (None: never)."""
        self.most = most
        self.patience = -1 if patience is None else <long long>(min(patience, 1e9) * 1e6)

    def close(self):
        """Take no more calls; those that were made are served. Does not park."""
        cdef Hand hand
        self.closed = True
        while self.resting.first != NULL:
            hand = <Hand>self.resting.first.owner
            self.rouse(hand)
            PyThread_release_lock(hand.bell)

    def renew(self):
        """Have no thread and no call, in a child: both are the parent's."""
        self.generation += 1
        self.hands = 0
        self.resting = Line(NULL, NULL, 0)
        self.take_all()

    @property
    def threads(self):
        """How many threads there are."""
        return self.hands

    @property
    def idle(self):
        """How many of them have nothing to do."""
        return self.resting.count

    @property
    def queued(self):
        """How many calls wait for a thread."""
        return self.queue.count


# ---- inside a call ---------------------------------------------------------------------------

def calling_scheduler():
    """Return the scheduler of the goroutine whose call this thread serves, or None."""
    return None if np_call == NULL else (<Call>np_call).scheduler


def is_abandoned():
    """Tell whether this thread serves a call that nobody waits for any more."""
    return np_call != NULL and (<Call>np_call).state == CALL_ABANDONED

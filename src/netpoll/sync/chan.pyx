"""Chan: values on their way from one goroutine to another.

    channel           send                        receive                     close
    somebody waits    (to receive) to the first   (to send) from the first    everybody who waits goes on
    room, values      into the buffer             the oldest                  what is buffered can be received
    full, empty       waits                       waits                       ends it
    closed            ChannelClosed               the oldest, then the end    ChannelClosed

Always true, so that nobody overtakes: who waits to receive waits at an empty buffer, who waits to send at a full
one, and nobody waits to send to a channel that is closed, or to receive from it.

A value goes from the sender straight to the receiver who waits. Between the steps of a change nothing runs but C:
no reference is dropped that could be the last one.

Source: go1.27 runtime/chan.go.
"""
cimport cython
from cpython.list cimport PyList_GET_SIZE
from cpython.object cimport PyObject
from cpython.ref cimport Py_DECREF, Py_INCREF
from libc.stdint cimport int64_t

from types import GenericAlias

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G, WAKE_READY, make_runnable, push
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport (
    Scheduler,
    current_g,
    enqueue_runnable,
    get_scheduler,
    ready,
    ready_list,
    spend,
    spend_here,
    take_turn_here,
)
from netpoll.sync.cases cimport Case, Line, Wait, begin_wait, end_wait, join_line, serve, stand
from netpoll.errors import ChannelClosed

cdef extern from "Python.h":
    PyObject *PyList_GET_ITEM(PyObject *ring, Py_ssize_t i)
    void PyList_SET_ITEM(PyObject *ring, Py_ssize_t i, PyObject *value)

cdef enum:
    TIME_IS_UP = 3      # besides the outcomes that chan.pxd has
    FIRST_RING = 4


# ---- the buffer ------------------------------------------------------------------------------

cdef int grow(Chan chan) except -1:
    """Make room in a ring that is full, and below the limit. Does not start the garbage collector."""
    cdef PyObject *ring = <PyObject *>chan.ring
    cdef Py_ssize_t size = PyList_GET_SIZE(chan.ring)
    cdef Py_ssize_t more = min(max(size, FIRST_RING), chan.limit - size)
    cdef PyObject *value
    cdef Py_ssize_t i
    for _ in range(more):
        chan.ring.append(None)
    if chan.head == 0:
        return 0
    # The part from the head on moves to the new end.
    for i in range(size - 1, chan.head - 1, -1):
        value = PyList_GET_ITEM(ring, i)
        PyList_SET_ITEM(ring, i, PyList_GET_ITEM(ring, i + more))
        PyList_SET_ITEM(ring, i + more, value)
    chan.head += more
    return 0


cdef inline void into_ring(Chan chan, PyObject *value) noexcept:
    """Append a value, of which the ring takes a reference; there is room."""
    cdef PyObject *ring = <PyObject *>chan.ring
    cdef Py_ssize_t i = chan.head + chan.count
    if i >= PyList_GET_SIZE(chan.ring):
        i -= PyList_GET_SIZE(chan.ring)
    Py_INCREF(<object>value)
    PyList_SET_ITEM(ring, i, value)
    chan.count += 1
    Py_DECREF(None)


cdef inline PyObject *from_ring(Chan chan) noexcept:
    """Take out the oldest value, with its reference; there is one."""
    cdef PyObject *ring = <PyObject *>chan.ring
    cdef PyObject *value = PyList_GET_ITEM(ring, chan.head)
    Py_INCREF(None)
    PyList_SET_ITEM(ring, chan.head, <PyObject *>None)
    chan.count -= 1
    chan.head += 1
    if chan.head == PyList_GET_SIZE(chan.ring):
        chan.head = 0
    return value


# ---- what needs no wait ----------------------------------------------------------------------

cdef int put(Chan chan, PyObject *value) except -1:
    """Send if that needs no wait: an Outcome."""
    cdef Case *case = chan.receivers.first
    if chan.shut:
        return CLOSED
    if case != NULL:
        Py_INCREF(<object>value)
        ready(serve(case, value, True))
        return DONE
    if chan.count >= chan.limit:
        return MUST_WAIT
    if chan.count >= PyList_GET_SIZE(chan.ring):
        grow(chan)
    into_ring(chan, value)
    return DONE


cdef int take(Chan chan, PyObject **value) noexcept:
    """Receive if that needs no wait: an Outcome, and the value with its reference if it is DONE."""
    cdef Case *case
    if chan.source != NULL:
        chan.source(chan)
    case = chan.senders.first
    if chan.count:
        value[0] = from_ring(chan)
        if case == NULL:
            return DONE
        into_ring(chan, case.value)
    elif case != NULL:
        value[0] = case.value
        Py_INCREF(<object>case.value)
    else:
        return CLOSED if chan.shut else MUST_WAIT
    ready(serve(case, NULL, True))
    return DONE


cdef bint offer(Chan chan, object value) noexcept:
    """Send from where nothing may raise or run, such as a timer; False: there was no room, or it is closed.

    The receiver stands at the end of the run queue then, as with all that comes from outside.
    """
    cdef Case *case = chan.receivers.first
    cdef void *g
    if chan.shut:
        return False
    if case != NULL:
        Py_INCREF(value)
        g = serve(case, <PyObject *>value, True)
        if make_runnable(g, WAKE_READY):
            enqueue_runnable(g, False)
        return True
    if chan.count >= chan.limit:
        return False
    if chan.count >= PyList_GET_SIZE(chan.ring):
        try:
            grow(chan)
        except MemoryError:
            return False
    into_ring(chan, <PyObject *>value)
    return True


cdef object drain(Chan chan):
    """Take out what is buffered; the caller drops it when all is settled."""
    cdef list taken = []
    while chan.count:
        taken.append(own(from_ring(chan)))
    return taken


cdef object closed_error(Chan chan, str op):
    which = "the channel" if chan.label is None else f"channel {chan.label}"
    return ChannelClosed(f"{op}: {which} is closed")


# ---- what waits ------------------------------------------------------------------------------

cdef int send_waiting(Chan chan, PyObject *value, int64_t until) except -1:
    """Send, and wait for it: an Outcome."""
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    cdef Wait *wait
    cdef int outcome
    s.check_pending(g)
    outcome = put(chan, value)      # others may have run since it was tried
    if outcome != MUST_WAIT:
        spend(<void *>s)
        return outcome
    wait = begin_wait(g, 1)
    wait.cases[0].value = value
    join_line(&chan.senders, &wait.cases[0])
    g.reason, g.waits_on = "send to", <void *>chan
    if not stand(s, g, wait, until):
        return TIME_IS_UP
    outcome = DONE if wait.ok else CLOSED
    end_wait(wait)
    return outcome


cdef int receive_waiting(Chan chan, PyObject **value, int64_t until) except -1:
    """Receive, and wait for it: an Outcome, and the value with its reference if it is DONE."""
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    cdef Wait *wait
    cdef int outcome
    s.check_pending(g)
    outcome = take(chan, value)
    if outcome != MUST_WAIT:
        return outcome
    wait = begin_wait(g, 1)
    join_line(&chan.receivers, &wait.cases[0])
    g.reason, g.waits_on = "receive from", <void *>chan
    if not stand(s, g, wait, until):
        return TIME_IS_UP
    outcome = DONE if wait.ok else CLOSED
    value[0] = wait.value
    end_wait(wait)
    return outcome


cdef void dismiss(Line *line, GList *woken) noexcept:
    """Let everybody in a line go on: the channel is closed."""
    cdef void *g
    while line.first != NULL:
        g = serve(line.first, NULL, False)
        if make_runnable(g, WAKE_READY):
            push(woken, g)


cdef Py_ssize_t length(Line *line) noexcept:
    cdef Case *case = line.first
    cdef Py_ssize_t count = 0
    while case != NULL:
        count += 1
        case = case.next
    return count


@cython.no_gc_clear     # a cycle through the buffer is broken in the buffer
cdef class Chan:
    """A channel: what is sent into it is received from it, in order, each value once.

    Without a capacity a send lasts until somebody receives the value; with one, up to that many
    values wait in between. `for value in channel` receives until the channel is closed and drained.
    A channel is true, however many values it holds. All methods: any goroutine of any thread.
    `name` is for dumps.

    Source: go1.27 runtime/chan.go.
    """

    def __cinit__(self, Py_ssize_t capacity=0, *, str name=None):
        if capacity < 0:
            raise ValueError("the capacity of a channel cannot be negative")
        self.limit = capacity
        self.ring = []
        self.label = name

    # For type checkers: a Chan[T] is one of Ts.
    __class_getitem__ = classmethod(GenericAlias)

    def send(self, value, timeout=None):
        """Send a value. ChannelClosed.

        Parks until there is room, or without a buffer until somebody receives it, for at most
        `timeout` seconds: TimeoutError after that. A value whose send raises was not sent.

        Source: go1.27 runtime/chan.go chansend.
        """
        cdef int64_t until = moment(timeout)
        cdef int outcome
        take_turn_here()
        outcome = put(self, <PyObject *>value)
        if outcome == DONE:
            return
        if outcome == MUST_WAIT:
            outcome = send_waiting(self, <PyObject *>value, until)
        if outcome == CLOSED:
            raise closed_error(self, "send")
        if outcome == TIME_IS_UP:
            raise TimeoutError(f"nobody received within {timeout} s")

    def recv(self, timeout=None):
        """Receive a value. ChannelClosed once the channel is closed and drained.

        Parks until there is one, for at most `timeout` seconds: TimeoutError after that.

        Source: go1.27 runtime/chan.go chanrecv.
        """
        cdef int64_t until = moment(timeout)
        cdef PyObject *value = NULL
        cdef int outcome
        take_turn_here()
        outcome = take(self, &value)
        if outcome == DONE:
            return own(value)
        if outcome == MUST_WAIT:
            outcome = receive_waiting(self, &value, until)
        if outcome == DONE:
            return own(value)
        if outcome == CLOSED:
            raise closed_error(self, "recv")
        raise TimeoutError(f"nothing was sent within {timeout} s")

    def __iter__(self):
        return self

    def __next__(self):
        cdef PyObject *value = NULL
        cdef int outcome
        take_turn_here()
        outcome = take(self, &value)
        if outcome == DONE:
            return own(value)
        if outcome == MUST_WAIT:
            outcome = receive_waiting(self, &value, 0)
        if outcome == CLOSED:
            raise StopIteration
        return own(value)

    def try_send(self, value):
        """Send a value if that needs no wait; return whether it was sent. ChannelClosed.

        For a loop that tries again and again: like everything that need not wait, it lets the
        others have their turn now and then.
        """
        cdef int outcome = put(self, <PyObject *>value)
        if outcome == CLOSED:
            raise closed_error(self, "try_send")
        spend_here()
        return outcome == DONE

    def try_recv(self):
        """Receive a value if there is one now: return (value, True), or else (None, False).

        ChannelClosed once the channel is closed and drained. As try_send, it gives others turns.
        """
        cdef PyObject *value = NULL
        cdef int outcome = take(self, &value)
        if outcome == CLOSED:
            raise closed_error(self, "try_recv")
        received = (own(value), True) if outcome == DONE else (None, False)
        spend_here()
        return received

    def close(self):
        """Say that nothing more will be sent. ChannelClosed if it was closed before.

        What is buffered can still be received. Whoever waits to receive is told of the end, whoever
        waits to send gets ChannelClosed. Does not park.

        Source: go1.27 runtime/chan.go closechan.
        """
        cdef GList woken = GList(NULL, NULL, 0)
        if self.shut:
            raise closed_error(self, "close")
        self.shut = True
        dismiss(&self.receivers, &woken)
        dismiss(&self.senders, &woken)
        ready_list(&woken)

    @property
    def capacity(self):
        """How many values can be buffered."""
        return self.limit

    @property
    def closed(self):
        """True once `close` was called, whether or not there is still something to receive."""
        return bool(self.shut)

    @property
    def name(self):
        """The name it was given, or None."""
        return self.label

    @property
    def waiting(self):
        """How many goroutines wait here: (to send, to receive)."""
        return length(&self.senders), length(&self.receivers)

    def __len__(self):
        if self.source != NULL:
            self.source(self)
        return self.count

    def __bool__(self):
        return True

    def __repr__(self):
        cdef Py_ssize_t senders = length(&self.senders)
        cdef Py_ssize_t receivers = length(&self.receivers)
        parts = [f"{self.count} of {self.limit} buffered" if self.limit else "unbuffered"]
        if senders:
            parts.append(f"{senders} waiting to send")
        if receivers:
            parts.append(f"{receivers} waiting to receive")
        if self.shut:
            parts.append("closed")
        name = f"{<size_t><void *>self:#x}" if self.label is None else self.label
        return f"<{type(self).__name__} {name}: {', '.join(parts)}>"

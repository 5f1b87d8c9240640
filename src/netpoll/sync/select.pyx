"""select: the one of several channel operations that can go on.

Two passes, as in Go. The first looks which cases can go on, and carries one of them out, drawn at random. If there is
none, the second stands in the lines of all the channels at once, in a random order, as a channel may be in several
cases; and whoever serves one of them takes the others out in the same step. The lines are joined after the looking,
so a select never meets itself.

Source: go1.27 runtime/select.go selectgo, reflect/value.go Select.
"""
from cpython.object cimport PyObject
from cpython.tuple cimport PyTuple_GET_ITEM, PyTuple_GET_SIZE
from libc.stdint cimport int64_t, uint64_t

import os

from netpoll._runtime.clock cimport moment
from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, current_g, get_scheduler, spend_here, take_turn_here
from netpoll.sync.cases cimport Case, Wait, begin_wait, end_wait, join_line, stand
from netpoll.sync.chan cimport (
    CLOSED,
    Chan,
    DONE,
    can_put,
    can_take,
    closed_error,
    own,
    put,
    take,
)

cdef extern from *:
    """
    /* The object that `method` is bound to, borrowed, if it is the one that `definition` defines. */
    static inline PyObject *np_bound_to(PyObject *method, PyMethodDef *definition) {
        if (!PyCFunction_Check(method) || ((PyCFunctionObject *)method)->m_ml != definition) return NULL;
        return PyCFunction_GET_SELF(method);
    }
    static inline PyMethodDef *np_definition(PyObject *method) { return ((PyCFunctionObject *)method)->m_ml; }
    """
    ctypedef struct PyMethodDef:
        pass
    PyObject *np_bound_to(object method, PyMethodDef *definition)
    PyMethodDef *np_definition(object method)

cdef struct Choice:
    # Borrowed from the tuple of cases. No channel: never chosen. No value: a receive.
    PyObject *chan
    PyObject *value

cdef Chan some_channel = Chan()
cdef PyMethodDef *SEND = np_definition(some_channel.send)
cdef PyMethodDef *RECV = np_definition(some_channel.recv)

cdef uint64_t randomness = int.from_bytes(os.urandom(8), "little") | 1


def seed(uint64_t number):
    """Make the choices of select repeat themselves from here on; for tests."""
    global randomness
    randomness = number * 2 + 1
    draw(1)


cdef uint64_t draw(uint64_t below) noexcept:
    """Return a random number from 0 up to `below`, which is small. Marsaglia's xorshift with a multiplication."""
    global randomness
    randomness ^= randomness >> 12
    randomness ^= randomness << 25
    randomness ^= randomness >> 27
    return (((randomness * <uint64_t>0x2545F4914F6CDD1D) >> 32) * below) >> 32


# ---- the cases -------------------------------------------------------------------------------

cdef int read_case(object case, Choice *choice) except -1:
    """Find out what a case is. Runs no code of the program's."""
    choice.value = choice.chan = NULL
    if case is None:
        return 0
    if isinstance(case, Chan):
        choice.chan = <PyObject *>case
        return 0
    choice.chan = np_bound_to(case, RECV)
    if choice.chan != NULL:
        return 0
    if type(case) is tuple and PyTuple_GET_SIZE(case) == 2:
        choice.chan = np_bound_to(<object>PyTuple_GET_ITEM(case, 0), SEND)
        if choice.chan != NULL:
            choice.value = <PyObject *>PyTuple_GET_ITEM(case, 1)
            return 0
    raise TypeError(
        f"a case of select() is channel.recv, (channel.send, value) or None, not {type(case).__name__}"
    )


cdef Py_ssize_t choose(tuple cases) except -2:
    """Return a case that can go on, each with the same chance, -1 if none can."""
    cdef Py_ssize_t i, chosen = -1
    cdef uint64_t found = 0
    cdef Choice choice
    for i in range(PyTuple_GET_SIZE(cases)):
        read_case(<object>PyTuple_GET_ITEM(cases, i), &choice)
        if choice.chan == NULL:
            continue
        if can_take(<Chan>choice.chan) if choice.value == NULL else can_put(<Chan>choice.chan):
            found += 1
            if found == 1 or draw(found) == 0:
                chosen = i
    return chosen


cdef object carry_out(tuple cases, Py_ssize_t chosen):
    """Do what a case says, which can go on at once."""
    cdef Choice choice
    cdef Chan chan
    cdef PyObject *value = NULL
    read_case(<object>PyTuple_GET_ITEM(cases, chosen), &choice)
    chan = <Chan>choice.chan
    if choice.value != NULL:
        if put(chan, choice.value) == CLOSED:
            raise closed_error(chan, "send")
        result = (chosen, None, True)
    elif take(chan, &value) == DONE:
        result = (chosen, own(value), True)
    else:
        result = (chosen, None, False)
    return result


cdef object wait_for_one(tuple cases, int64_t until):
    """Stand in all the lines; None if the time was up."""
    cdef Scheduler s = get_scheduler()
    cdef G g = current_g(s)
    cdef Py_ssize_t chosen
    cdef Wait *wait
    s.check_pending(g)
    chosen = choose(cases)      # others may have run since the first look
    if chosen >= 0:
        return carry_out(cases, chosen)
    wait = begin_wait(g, <int>PyTuple_GET_SIZE(cases))
    g.waits_on = stand_in_lines(cases, wait)
    g.reason = "select" if g.waits_on == NULL else "select, among others from"
    if not stand(s, g, wait, until):
        return None
    return outcome_of(cases, wait)


cdef void *stand_in_lines(tuple cases, Wait *wait) except? NULL:
    """Return one of the channels, NULL if there is none."""
    cdef Choice choice
    cdef void *named = NULL
    cdef Case *case
    cdef Chan chan
    cdef int turn, other
    for turn in range(wait.count):
        other = draw(turn + 1)
        wait.cases[turn].turn = wait.cases[other].turn
        wait.cases[other].turn = turn
    for turn in range(wait.count):
        case = &wait.cases[wait.cases[turn].turn]
        read_case(<object>PyTuple_GET_ITEM(cases, wait.cases[turn].turn), &choice)     # not for the first time
        if choice.chan == NULL:
            continue
        case.value = choice.value
        chan = <Chan>choice.chan
        join_line(&chan.receivers if choice.value == NULL else &chan.senders, case)
        named = <void *>chan
    return named


cdef object outcome_of(tuple cases, Wait *wait):
    """Say which case was served, and how; ends the wait."""
    cdef Py_ssize_t chosen = wait.served - &wait.cases[0]
    cdef bint ok = wait.ok
    cdef bint sent = wait.served.value != NULL
    cdef PyObject *value = wait.value
    cdef Choice choice
    end_wait(wait)
    if value != NULL:
        return chosen, own(value), True
    if sent and not ok:
        read_case(<object>PyTuple_GET_ITEM(cases, chosen), &choice)
        raise closed_error(<Chan>choice.chan, "send")
    return chosen, None, ok


def select(*cases, timeout=None, default=False):
    """Carry out one of several channel operations; return (case, value, ok).

    A case is `channel.recv` (or the channel itself), `(channel.send, value)`, or None, which is
    never chosen. `case` is the number of the one that was carried out, drawn at random if several
    can go on; the others have no effect. `value` is what was received, None after a send. `ok` is
    False if the channel received from is closed and drained, which makes it ready. ChannelClosed
    for a send to a closed channel, if that is the case drawn.

    Parks until a case can go on, for at most `timeout` seconds: TimeoutError after that. With
    `default`, it does not wait: (-1, None, False) if none can go on now. Without any case it waits
    for ever. Any thread.

    Source: go1.27 runtime/select.go selectgo, reflect/value.go Select.
    """
    cdef int64_t until = moment(timeout)
    cdef bint at_once = bool(default)
    cdef Py_ssize_t chosen
    if at_once:
        spend_here()
    else:
        take_turn_here()
    chosen = choose(cases)
    if chosen >= 0:
        return carry_out(cases, chosen)
    if at_once:
        return -1, None, False
    outcome = wait_for_one(cases, until)
    if outcome is None:
        raise TimeoutError(f"no case of select could go on within {timeout} s")
    return outcome

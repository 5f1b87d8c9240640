"""How a goroutine waits at channels; see cases.pxd for the states of a case."""
from cpython.object cimport PyObject
from cpython.ref cimport Py_XDECREF
from libc.stdint cimport int64_t
from libc.stdlib cimport free, malloc

from netpoll._runtime.g cimport G, IN_LINE, IN_QUEUE, WAKE_CANCEL, WAKE_INTERRUPT, WAKE_TIMEOUT
from netpoll._runtime.raised cimport np_pass_on
from netpoll._runtime.scheduler cimport Scheduler
from netpoll._runtime.wait cimport park_shared

cdef enum:
    MAX_SPARE = 256

# Waits of one case, kept for the next ones; linked through `g`. Under the GIL.
cdef Wait *spare = NULL
cdef int spares = 0


cdef Wait *begin_wait(G g, int count) except NULL:
    """Return a wait of so many cases, none of which stands in a line yet."""
    global spare, spares
    cdef Wait *wait
    if count != 1 or spare == NULL:
        wait = new_wait(count)
    else:
        wait = spare
        spare = <Wait *>wait.g
        spares -= 1
        wait.cases[0].value = NULL      # the rest of the case is as its last turn has left it
    wait.g = <void *>g
    wait.served = NULL
    wait.value = NULL
    return wait


cdef Wait *new_wait(int count) except NULL:
    cdef Wait *wait = <Wait *>malloc(sizeof(Wait) + max(0, count - 1) * sizeof(Case))
    cdef int i
    if wait == NULL:
        raise MemoryError("no memory to wait")
    wait.count = count
    for i in range(count):
        wait.cases[i].wait = wait
        wait.cases[i].line = NULL
        wait.cases[i].value = NULL
    return wait


cdef void end_wait(Wait *wait) noexcept:
    """Give back the memory of a wait whose cases stand in no line."""
    global spare, spares
    if wait.count == 1 and spares < MAX_SPARE:
        wait.g = <void *>spare
        spare = wait
        spares += 1
    else:
        free(wait)


cdef void strand(void *inside, int mode) noexcept:
    """Take a goroutine that will never run again out of the lines. Its stack stays, and so does what is on it."""
    give_up(<Wait *>inside)


cdef int stand(Scheduler s, G g, Wait *wait, int64_t until) except -1:
    """Park until a case is served (1: the caller reads the wait and ends it) or the time is up (0: it is ended).

    Raises what is pending if nothing was served; the wait is ended then. No `try`; see raised.pxd.
    """
    cdef int outcome
    cdef PyObject *unheard
    g.on_strand, g.inside, g.inside_mode = strand, <void *>wait, IN_LINE | IN_QUEUE
    outcome = park_shared(s, g, until)
    g.on_strand = NULL
    if wait.served != NULL and outcome == 0:
        if wait.ok or (g.wake != WAKE_CANCEL and g.wake != WAKE_INTERRUPT):
            if g.interrupt is not None:
                s.interrupt_later(g)
            return 1
    give_up(wait)
    unheard = wait.value
    end_wait(wait)
    if outcome < 0:
        Py_XDECREF(unheard)
        return np_pass_on()
    if g.wake == WAKE_TIMEOUT:
        return 0
    return s.raise_pending(g)

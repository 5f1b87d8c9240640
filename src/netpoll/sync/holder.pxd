"""Holder: who has a lock, as a number: a goroutine's id, or that of a thread which has no goroutines.

A number and not a reference: a lock keeps nobody alive, and giving it back frees nothing, so that neither runs Python
code. The name is looked up when somebody asks.
"""
from libc.stdint cimport uint64_t

from netpoll._runtime.g cimport G
from netpoll._runtime.scheduler cimport Scheduler, scheduler_here

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident()

cdef struct Holder:
    uint64_t id     # 0: nobody
    bint thread     # it is a thread's

cdef object name_of_holder(Holder *holder)


cdef inline void hold_here(Holder *holder) noexcept:
    """Note the caller: its thread where that has no scheduler, and inside of the scheduler, which is no goroutine."""
    cdef void *s = scheduler_here()
    if s != NULL and (<Scheduler>s).current != NULL:
        holder.id = (<G>(<Scheduler>s).current).id
        holder.thread = False
    else:
        holder.id = PyThread_get_thread_ident()
        holder.thread = True


cdef inline void hold_by(Holder *holder, void *g) noexcept:
    """Note a goroutine."""
    holder.id = (<G>g).id
    holder.thread = False


cdef inline bint holds_here(Holder *holder, G g) noexcept:
    """Whether it is this goroutine, or the thread that it is the main one of now."""
    return holder.id == (PyThread_get_thread_ident() if holder.thread else g.id)

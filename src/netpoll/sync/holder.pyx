"""The names of holders, for representations and dumps; see holder.pxd."""
import threading

from netpoll._runtime import deadlock


cdef object name_of_holder(Holder *holder):
    """Return the holder's name; it may have ended."""
    return name_of_thread(holder.id) if holder.thread else name_of_goroutine(holder.id)


def name_of_thread(ident):
    """Return the name of the thread with this number."""
    for thread in threading.enumerate():
        if thread.ident == ident:
            return f"thread {thread.name}"
    return "a thread that has ended"


def name_of_goroutine(number):
    """Return the name of the goroutine with this id, of whatever thread."""
    for reference in list(deadlock._schedulers.values()):
        scheduler = reference()
        for goroutine in () if scheduler is None else scheduler.goroutines():
            if goroutine.id == number:
                return goroutine.name
    return f"goroutine {number}, which has ended"

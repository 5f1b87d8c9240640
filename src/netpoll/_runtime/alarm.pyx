"""Alarm: a function that begins as a goroutine when its time has come.

    an alarm   in `Scheduler.alarms`   its goroutine
    set        yes                     made, known to no scheduler
    fired      no                      begun
    stopped    no                      dropped

The goroutine is made beforehand, so nothing that may fail is left to be done inside the scheduler. The set keeps
an alarm alive that nobody else holds.

Source: go1.27 time/sleep.go AfterFunc, goFunc.
"""
cimport cython
from netpoll._runtime.clock cimport after, nanoseconds
from netpoll._runtime.g cimport G
from netpoll._runtime.glist cimport GList
from netpoll._runtime.goroutine cimport begin, prepare
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.timers cimport Timer, timer_init


cdef void ring(Timer *timer, GList *woken) noexcept:
    cdef Alarm alarm = <Alarm>timer.arg
    cdef Scheduler s = alarm.scheduler
    cdef G g = alarm.g
    alarm.g = None
    try:
        begin(s, g, woken)
        s.alarms.discard(alarm)
    except BaseException as exception:
        s.interrupt_main(exception)


@cython.final
@cython.no_gc_clear     # __dealloc__ needs the scheduler
cdef class Alarm:
    """`fn(*args)` as a goroutine of this thread, `seconds` from now; never earlier. Does not park.

    What it raises goes to excepthook. It never begins if the thread's run ends before. `stop` may
    be called from any thread. ValueError for a NaN.
    """

    cdef Timer timer
    cdef Scheduler scheduler
    cdef G g        # None once it has begun or was stopped

    def __cinit__(self, double seconds, fn, *args):
        if seconds != seconds:
            raise ValueError("an alarm is set in a number of seconds")
        timer_init(&self.timer, ring, <void *>self)
        self.scheduler = get_scheduler()
        self.g = prepare(fn, args, {})
        self.scheduler.timers.arm(&self.timer, max(1, after(nanoseconds(max(0.0, seconds)))))
        self.scheduler.alarms.add(self)

    def __dealloc__(self):
        if self.scheduler is not None:
            self.scheduler.timers.remove(&self.timer)

    def stop(self):
        """Let it not begin; return False if it has begun, or was stopped before."""
        cdef bint was_set = self.g is not None
        self.scheduler.timers.remove(&self.timer)
        self.g = None
        self.scheduler.alarms.discard(self)
        return was_set


def pending(Scheduler scheduler not None):
    """Return the goroutines that the alarms of a thread would begin."""
    cdef Alarm alarm
    return [alarm.g for alarm in list(scheduler.alarms)]

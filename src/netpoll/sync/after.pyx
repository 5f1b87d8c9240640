"""after and tick: channels into which a timer sends the time.

    timer           fires                               stop                reset
    once, pending   sends the time, done                done                pending again
    once, done      -                                   -                   pending
    periodic        sends, pending for the next         done                periodic, with the new period
                    multiple of its period; asleep
                    if nobody has received it
    asleep          - (until somebody receives:         done                periodic, with the new period
                    then periodic)

The timer lies in the heap of the scheduler of the thread that made it and fires when that one looks for work; what is
due already arrives, too, when somebody receives. It holds no reference: with the channel it goes.

Source: go1.27 time/tick.go, time/sleep.go, runtime/time.go (maybeRunChan, and that nothing stale comes after stop).
"""
cimport cython
from libc.stdint cimport int64_t

from netpoll._runtime.clock cimport NEVER, after as from_now, nanoseconds, nanotime
from netpoll._runtime.glist cimport GList
from netpoll._runtime.scheduler cimport Scheduler, get_scheduler
from netpoll._runtime.timers cimport NO_TIME, Timer, timer_init
from netpoll.sync.chan cimport Chan, drain, offer


cdef void fired(Timer *timer, GList *ready) noexcept:
    send_time(<TimerChan>timer.arg)


cdef void arrive(Chan chan) noexcept:
    """Let a timer that is due fire although its scheduler has not come to it yet; wake one that is asleep."""
    cdef TimerChan self = <TimerChan>chan
    cdef int64_t now
    if self.timer.when == NO_TIME:
        if not self.asleep or self.shut:
            return
        now = nanotime()
        self.asleep = False
        if self.count:
            skip(self, now)     # what has become due since then is dropped: the last tick is still there
        elif self.due <= now:
            send_time(self)
            return
        self.scheduler.timers.arm(&self.timer, self.due)
        self.scheduler.stir()
    elif self.timer.when <= nanotime():
        self.scheduler.timers.remove(&self.timer)
        send_time(self)


cdef void send_time(TimerChan chan) noexcept:
    """Send the time, and arm the timer for the next one; it has just left its place in the heap.

    Not while nobody receives: it would wake its thread for nothing, and have a deadlock pass for a wait.
    """
    cdef int64_t now = nanotime()
    offer(chan, <double>now / 1e9)
    if chan.period and not chan.shut:
        skip(chan, now)
        if chan.count:
            chan.asleep = True
        else:
            chan.scheduler.timers.arm(&chan.timer, chan.due)


cdef void skip(TimerChan chan, int64_t now) noexcept:
    """Let the next tick be due at the next multiple of the period."""
    if chan.due <= now:
        chan.due += chan.period * ((now - chan.due) // chan.period + 1)


@cython.final
@cython.no_gc_clear     # __dealloc__ needs the scheduler
cdef class TimerChan(Chan):
    """A channel into which a timer sends the time. Made by `after` and `tick`.

    The timer ends with the run, or the thread, that it was made in. Any thread.
    """

    cdef Timer timer
    cdef Scheduler scheduler
    cdef int64_t period     # ns; 0: once
    cdef int64_t due
    cdef bint asleep

    def __cinit__(self):
        timer_init(&self.timer, fired, <void *>self)
        self.scheduler = get_scheduler()
        self.limit = 1
        self.ring.append(None)
        self.source = arrive

    def __init__(self):
        """Raise TypeError: a TimerChan is made by `after` or `tick`."""
        raise TypeError("a TimerChan is made by after() or tick()")

    def __dealloc__(self):
        if self.scheduler is not None:      # there was none to be had: the interpreter is ending
            self.scheduler.timers.remove(&self.timer)

    def stop(self):
        """Have it send nothing more; return whether there was still something to come.

        What it has sent and nobody has received is taken back. Does not park.

        Source: go1.27 time/sleep.go (*Timer).Stop.
        """
        cdef bint pending = self.timer.when != NO_TIME or self.count > 0
        self.scheduler.timers.remove(&self.timer)
        self.asleep = False
        drain(self)
        return pending

    def reset(self, seconds):
        """Have it send in `seconds`, and a ticker each `seconds`; return as stop does.

        ValueError as for the function that made it. Does not park.

        Source: go1.27 time/sleep.go (*Timer).Reset, time/tick.go (*Ticker).Reset.
        """
        cdef int64_t delay = period_of(seconds) if self.period else delay_of(seconds)
        pending = self.stop()
        start(self, delay)
        return pending


cdef int64_t delay_of(double seconds) except? -1:
    if seconds != seconds:
        raise ValueError("a time is a number of seconds")
    return max(<int64_t>0, nanoseconds(seconds))


cdef int64_t period_of(double seconds) except? -1:
    if not seconds > 0:
        raise ValueError("a period is a positive number of seconds")
    # Half of for ever: twice that is still a number.
    return min(nanoseconds(seconds), NEVER // 4)


cdef int start(TimerChan chan, int64_t delay) except -1:
    if chan.period:
        chan.period = delay
    chan.due = from_now(delay)
    chan.scheduler.timers.arm(&chan.timer, chan.due)
    chan.scheduler.stir()
    return 0


cdef TimerChan new_timer(int64_t delay, int64_t period):
    cdef TimerChan chan = TimerChan.__new__(TimerChan)
    chan.period = period
    start(chan, delay)
    return chan


def after(seconds):
    """Return a channel that receives the time, as of time.monotonic(), once, in `seconds`.

    Never early; at once if that is not positive. ValueError for a NaN. It need not be received:
    when the channel is gone, so is the timer. Does not park.

    Source: go1.27 time/sleep.go After.
    """
    return new_timer(delay_of(seconds), 0)


def tick(seconds):
    """Return a channel that receives the time, as of time.monotonic(), every `seconds`.

    To a receiver that is slow it drops what is in excess, and it keeps the rate: each tick comes at
    a multiple of the period. ValueError for a period that is not positive. Does not park.

    Source: go1.27 time/tick.go NewTicker.
    """
    cdef int64_t period = period_of(seconds)
    return new_timer(period, period)

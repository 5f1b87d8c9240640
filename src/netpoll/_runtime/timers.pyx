"""The timer heap; see timers.pxd for its states."""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport calloc, free, realloc

from netpoll._runtime.clock cimport NEVER
from netpoll._runtime.glist cimport GList
from netpoll._runtime.timers cimport timer_disarm, timer_init

cdef enum:
    ARITY = 4


cdef class TimerHeap:
    """The timers of one scheduler, earliest first. Belongs to one thread."""

    def __dealloc__(self):
        free(self.heap)

    cdef int arm(self, Timer *timer, int64_t when) except -1:
        """Make `timer` due at `when`; a time no earlier than its place in the heap costs one store."""
        self.changes += 1
        if timer.index < 0:
            if self.count == self.capacity:
                self.grow()
            timer.when = timer.heap_when = when
            self.count += 1
            self.sift_up(self.count - 1, timer)
            return 0
        timer.when = when
        if when < timer.heap_when:
            timer.heap_when = when
            self.sift_up(timer.index, timer)
        return 0

    cdef void remove(self, Timer *timer) noexcept:
        """Take `timer` out now: its memory is about to serve something else."""
        timer.when = NO_TIME
        if timer.index >= 0:
            self.take_out(timer.index)

    cdef int64_t next_when(self) noexcept:
        """Tell when the earliest armed timer is due, NEVER if there is none."""
        self.settle_top()
        return self.heap[0].when if self.count else NEVER

    cdef int armed(self) noexcept:
        """Tell how many are armed."""
        cdef int32_t index
        cdef int number = 0
        for index in range(self.count):
            number += self.heap[index].when != NO_TIME
        return number

    cdef int run_due(self, int64_t now, GList *ready) noexcept:
        """Fire what is due at `now`; return how many fired."""
        cdef Timer *timer
        cdef int fired = 0
        while self.count and self.heap[0].heap_when <= now:
            timer = self.heap[0]
            if timer.when == NO_TIME:
                self.take_out(0)
            elif timer.when != timer.heap_when:
                # Even if it is due as well: others may be due before it.
                timer.heap_when = timer.when
                self.sift_down(0, timer)
            else:
                self.take_out(0)
                timer.when = NO_TIME
                timer.fire(timer, ready)
                fired += 1
        return fired

    cdef int grow(self) except -1:
        cdef int32_t capacity = 2 * self.capacity if self.capacity else 64
        cdef void *heap = realloc(self.heap, capacity * sizeof(Timer *))
        if heap == NULL:
            raise MemoryError("no memory for a timer")
        self.heap = <Timer **>heap
        self.capacity = capacity
        return 0

    cdef void settle_top(self) noexcept:
        cdef Timer *timer
        while self.count:
            timer = self.heap[0]
            if timer.when == NO_TIME:
                self.take_out(0)
            elif timer.when != timer.heap_when:
                timer.heap_when = timer.when
                self.sift_down(0, timer)
            else:
                return

    cdef void sift_up(self, int32_t index, Timer *timer) noexcept:
        cdef int32_t parent
        while index > 0:
            parent = (index - 1) // ARITY
            if self.heap[parent].heap_when <= timer.heap_when:
                break
            self.heap[index] = self.heap[parent]
            self.heap[index].index = index
            index = parent
        self.heap[index] = timer
        timer.index = index

    cdef void sift_down(self, int32_t index, Timer *timer) noexcept:
        cdef int32_t child, least, last
        while True:
            child = ARITY * index + 1
            if child >= self.count:
                break
            least = child
            last = min(child + ARITY, self.count)
            for child in range(child + 1, last):
                if self.heap[child].heap_when < self.heap[least].heap_when:
                    least = child
            if self.heap[least].heap_when >= timer.heap_when:
                break
            self.heap[index] = self.heap[least]
            self.heap[index].index = index
            index = least
        self.heap[index] = timer
        timer.index = index

    cdef void take_out(self, int32_t index) noexcept:
        cdef Timer *last = self.heap[self.count - 1]
        self.heap[index].index = -1
        self.count -= 1
        if index == self.count:
            return
        # The last one may belong above or below the hole.
        if index > 0 and last.heap_when < self.heap[(index - 1) // ARITY].heap_when:
            self.sift_up(index, last)
        else:
            self.sift_down(index, last)


cdef void note_fired(Timer *timer, GList *ready) noexcept:
    # The names are the places in the probe's block; `ready` carries the list that takes them.
    (<list>ready.head).append(<int>(<size_t>timer.arg))


cdef class TimerProbe:
    """A heap and timers called 0, 1 ... without goroutines, for tests of the heap itself."""

    cdef TimerHeap heap
    cdef Timer *timers
    cdef int count

    def __cinit__(self, int count):
        cdef int name
        self.heap = TimerHeap()
        self.timers = <Timer *>calloc(count, sizeof(Timer))
        if self.timers == NULL:
            raise MemoryError("no memory for timers")
        self.count = count
        for name in range(count):
            timer_init(&self.timers[name], note_fired, <void *>(<size_t>name))

    def __dealloc__(self):
        free(self.timers)

    cdef Timer *named(self, int name) except NULL:
        if not 0 <= name < self.count:
            raise IndexError(f"there is no timer {name}")
        return &self.timers[name]

    def arm(self, int name, int64_t when):
        """Make it due at `when`."""
        self.heap.arm(self.named(name), when)

    def disarm(self, int name):
        """Let it not fire; it may stay in the heap."""
        timer_disarm(self.named(name))

    def remove(self, int name):
        """Take it out of the heap."""
        self.heap.remove(self.named(name))

    def next_when(self):
        """Return when the earliest is due, None if none is armed."""
        cdef int64_t when = self.heap.next_when()
        return when if self.heap.count else None

    def run_due(self, int64_t now):
        """Fire what is due; return the names in the order in which they fired."""
        cdef list fired = []
        cdef GList names = GList(<void *>fired, NULL, 0)
        self.heap.run_due(now, &names)
        return fired

    @property
    def places(self):
        """The heap as it lies: (name, time under which it lies, time when it is due or 0) of each place."""
        return [
            (<int>(self.heap.heap[i] - self.timers), self.heap.heap[i].heap_when, self.heap.heap[i].when)
            for i in range(self.heap.count)
        ]

    def place(self, int name):
        """Return where the timer believes to lie, -1: nowhere."""
        return self.named(name).index

"""The timer heap; see timers.pxd for its states."""
from libc.stdint cimport int32_t, int64_t
from libc.stdlib cimport free, realloc

from netpoll._runtime.clock cimport NEVER
from netpoll._runtime.glist cimport GList

cdef enum:
    ARITY = 4


cdef class TimerHeap:
    """The timers of one scheduler, earliest first. Belongs to one thread."""

    def __dealloc__(self):
        free(self.heap)

    cdef int arm(self, Timer *timer, int64_t when) except -1:
        """Make `timer` due at `when`; a time no earlier than its place in the heap costs one store."""
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

    cdef int run_due(self, int64_t now, GList *ready) noexcept:
        """Fire what is due at `now`; return how many fired."""
        cdef Timer *timer
        cdef int fired = 0
        while self.count and self.heap[0].heap_when <= now:
            timer = self.heap[0]
            if timer.when == NO_TIME:
                self.take_out(0)
            elif timer.when > now:
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

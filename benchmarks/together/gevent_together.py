"""gevent: its channel and queue, its semaphore and its pool of threads."""

import gevent
from gevent.lock import BoundedSemaphore
from gevent.queue import Channel, Queue

from benchmarks.tasks.measured import chosen, measure
from benchmarks.together import PRODUCERS, RIVALS, SOONEST, STEP


def nothing() -> None:
    """Be a greenlet that ends at once, or a function that blocks for no time."""


def put(channel: Channel, values: int) -> None:
    """Put so many values."""
    for value in range(values):
        channel.put(value)


def put_all(channel: Channel, values: int) -> None:
    """Put so many values, and say that they were all."""
    put(channel, values)
    channel.put(StopIteration)


def hand_over(operations: int) -> None:
    """Get what another greenlet puts."""
    channel = Channel()
    gevent.spawn(put_all, channel, operations)
    for _ in channel:
        pass


def buffered(operations: int) -> None:
    """Put and get in turn."""
    queue = Queue(1)
    for value in range(operations):
        queue.put(value)
        queue.get()


def lock(operations: int) -> None:
    """Take a lock that is free, and give it back."""
    mutex = BoundedSemaphore(1)
    for _ in range(operations):
        mutex.acquire()
        mutex.release()


def with_lock(operations: int) -> None:
    """Do the same by a statement."""
    mutex = BoundedSemaphore(1)
    for _ in range(operations):
        with mutex:
            pass


def want(mutex: BoundedSemaphore, times: int) -> None:
    """Take a lock, and let the others run while it is taken."""
    for _ in range(times):
        with mutex:
            gevent.sleep(0)


def contended_lock(operations: int) -> None:
    """Have many want the same lock."""
    mutex = BoundedSemaphore(1)
    gevent.joinall([gevent.spawn(want, mutex, operations // RIVALS) for _ in range(RIVALS)])


def wait_group(operations: int) -> None:
    """Start them all, and wait for all."""
    gevent.joinall([gevent.spawn(nothing) for _ in range(operations)])


def timers(operations: int) -> None:
    """Set them all, each to start a greenlet, and wait for all."""
    gevent.joinall([gevent.spawn_later(SOONEST + i * STEP, nothing) for i in range(operations)])


def fan_in(operations: int) -> None:
    """Get what many put."""
    channel = Channel()
    for _ in range(PRODUCERS):
        gevent.spawn(put, channel, operations // PRODUCERS)
    for _ in range(operations // PRODUCERS * PRODUCERS):
        channel.get()


def block(operations: int) -> None:
    """Call a function on another thread, again and again."""
    pool = gevent.get_hub().threadpool
    for _ in range(operations):
        pool.apply(nothing)


KINDS = {
    "hand-over": hand_over,
    "buffered": buffered,
    "lock": lock,
    "with lock": with_lock,
    "contended lock": contended_lock,
    "wait group": wait_group,
    "timers": timers,
    "fan-in": fan_in,
    "blocking": block,
}

if __name__ == "__main__":
    kind, number = chosen()
    measure(KINDS[kind], number)

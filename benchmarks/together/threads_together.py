"""Threads: the standard library's queue, lock and executor."""

import time
from concurrent.futures import ThreadPoolExecutor
from queue import Queue
from threading import Lock, Thread

from benchmarks.tasks.measured import chosen, measure
from benchmarks.together import PRODUCERS, RIVALS


def nothing() -> None:
    """Block for no time."""


def put(queue: Queue[int], values: int) -> None:
    """Put so many values."""
    for value in range(values):
        queue.put(value)


def hand_over(operations: int) -> None:
    """Get what another thread puts."""
    queue: Queue[int] = Queue(1)
    Thread(target=put, args=(queue, operations)).start()
    for _ in range(operations):
        queue.get()


def buffered(operations: int) -> None:
    """Put and get in turn."""
    queue: Queue[int] = Queue(1)
    for value in range(operations):
        queue.put(value)
        queue.get()


def lock(operations: int) -> None:
    """Take a lock that is free, and give it back."""
    mutex = Lock()
    for _ in range(operations):
        mutex.acquire()
        mutex.release()


def with_lock(operations: int) -> None:
    """Do the same by a statement."""
    mutex = Lock()
    for _ in range(operations):
        with mutex:
            pass


def want(mutex: Lock, times: int) -> None:
    """Take a lock, and let the others run while it is taken."""
    for _ in range(times):
        with mutex:
            time.sleep(0)


def contended_lock(operations: int) -> None:
    """Have many want the same lock."""
    mutex = Lock()
    threads = [Thread(target=want, args=(mutex, operations // RIVALS)) for _ in range(RIVALS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def fan_in(operations: int) -> None:
    """Get what many put."""
    queue: Queue[int] = Queue(1)
    for _ in range(PRODUCERS):
        Thread(target=put, args=(queue, operations // PRODUCERS)).start()
    for _ in range(operations // PRODUCERS * PRODUCERS):
        queue.get()


def block(operations: int) -> None:
    """Call a function on another thread, again and again."""
    with ThreadPoolExecutor() as executor:
        for _ in range(operations):
            executor.submit(nothing).result()


KINDS = {
    "hand-over": hand_over,
    "buffered": buffered,
    "lock": lock,
    "with lock": with_lock,
    "contended lock": contended_lock,
    "fan-in": fan_in,
    "blocking": block,
}

if __name__ == "__main__":
    kind, number = chosen()
    measure(KINDS[kind], number)

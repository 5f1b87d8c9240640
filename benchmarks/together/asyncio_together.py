"""asyncio: queues, a lock, groups of tasks and calls that are due later."""

import asyncio
from functools import partial

from benchmarks.tasks.measured import AsyncWork, chosen, measure_async
from benchmarks.together import PRODUCERS, RIVALS, SOONEST, STEP


async def nothing() -> None:
    """Be a task that ends at once."""


def nothing_blocking() -> None:
    """Block for no time."""


async def put(queue: asyncio.Queue[int], values: int) -> None:
    """Put so many values."""
    for value in range(values):
        await queue.put(value)


async def hand_over(operations: int) -> None:
    """Get what another task puts."""
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    async with asyncio.TaskGroup() as group:
        group.create_task(put(queue, operations))
        for _ in range(operations):
            await queue.get()


async def buffered(operations: int) -> None:
    """Put and get in turn."""
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    for value in range(operations):
        await queue.put(value)
        await queue.get()


async def put_in_turn(queues: list[asyncio.Queue[int]], values: int) -> None:
    """Put into one queue after another."""
    for value in range(values):
        await queues[value % len(queues)].put(value)


async def select_of(number: int, operations: int) -> None:
    """Get from whichever queue has something: there is a task that gets for each."""
    queues: list[asyncio.Queue[int]] = [asyncio.Queue(1) for _ in range(number)]
    putting = asyncio.create_task(put_in_turn(queues, operations))
    getting = {asyncio.create_task(queue.get()): queue for queue in queues}
    while operations:
        done, _ = await asyncio.wait(getting, return_when=asyncio.FIRST_COMPLETED)
        for task in done:
            task.result()
            queue = getting.pop(task)
            getting[asyncio.create_task(queue.get())] = queue
        operations -= len(done)
    await putting
    for task in getting:
        task.cancel()
    await asyncio.wait(getting)


async def lock(operations: int) -> None:
    """Take a lock that is free, and give it back."""
    mutex = asyncio.Lock()
    for _ in range(operations):
        await mutex.acquire()
        mutex.release()


async def with_lock(operations: int) -> None:
    """Do the same by a statement."""
    mutex = asyncio.Lock()
    for _ in range(operations):
        async with mutex:
            pass


async def want(mutex: asyncio.Lock, times: int) -> None:
    """Take a lock, and let the others run while it is taken."""
    for _ in range(times):
        async with mutex:
            await asyncio.sleep(0)


async def contended_lock(operations: int) -> None:
    """Have many want the same lock."""
    mutex = asyncio.Lock()
    async with asyncio.TaskGroup() as group:
        for _ in range(RIVALS):
            group.create_task(want(mutex, operations // RIVALS))


async def wait_group(operations: int) -> None:
    """Start them all, and wait for all."""
    async with asyncio.TaskGroup() as group:
        for _ in range(operations):
            group.create_task(nothing())


async def timers(operations: int) -> None:
    """Set them all, and wait for the last of those that are due."""
    loop, done, left = asyncio.get_running_loop(), asyncio.Event(), operations

    def due() -> None:
        nonlocal left
        left -= 1
        if not left:
            done.set()

    for i in range(operations):
        loop.call_later(SOONEST + i * STEP, due)
    await done.wait()


async def fan_in(operations: int) -> None:
    """Get what many put."""
    queue: asyncio.Queue[int] = asyncio.Queue(1)
    async with asyncio.TaskGroup() as group:
        for _ in range(PRODUCERS):
            group.create_task(put(queue, operations // PRODUCERS))
        for _ in range(operations // PRODUCERS * PRODUCERS):
            await queue.get()


async def block(operations: int) -> None:
    """Call a function on another thread, again and again."""
    for _ in range(operations):
        await asyncio.to_thread(nothing_blocking)


KINDS: dict[str, AsyncWork] = {
    "hand-over": hand_over,
    "buffered": buffered,
    "select of 2": partial(select_of, 2),
    "select of 10": partial(select_of, 10),
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
    asyncio.run(measure_async(KINDS[kind], number))

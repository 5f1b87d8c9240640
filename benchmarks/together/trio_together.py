"""trio: memory channels, a lock, nurseries and threads."""

import trio

from benchmarks.tasks.measured import chosen, measure_async
from benchmarks.together import PRODUCERS, RIVALS


async def nothing() -> None:
    """Be a task that ends at once."""


def nothing_blocking() -> None:
    """Block for no time."""


async def send(channel: trio.MemorySendChannel[int], values: int) -> None:
    """Send so many values, and say that they were all."""
    async with channel:
        for value in range(values):
            await channel.send(value)


async def hand_over(operations: int) -> None:
    """Receive what another task sends."""
    async with trio.open_nursery() as nursery:
        sending, receiving = trio.open_memory_channel(0)
        nursery.start_soon(send, sending, operations)
        async for _value in receiving:
            pass


async def buffered(operations: int) -> None:
    """Send and receive in turn."""
    sending, receiving = trio.open_memory_channel(1)
    for value in range(operations):
        await sending.send(value)
        await receiving.receive()


async def lock(operations: int) -> None:
    """Take a lock that is free, and give it back."""
    mutex = trio.Lock()
    for _ in range(operations):
        await mutex.acquire()
        mutex.release()


async def with_lock(operations: int) -> None:
    """Do the same by a statement."""
    mutex = trio.Lock()
    for _ in range(operations):
        async with mutex:
            pass


async def want(mutex: trio.Lock, times: int) -> None:
    """Take a lock, and let the others run while it is taken."""
    for _ in range(times):
        async with mutex:
            await trio.lowlevel.checkpoint()


async def contended_lock(operations: int) -> None:
    """Have many want the same lock."""
    mutex = trio.Lock()
    async with trio.open_nursery() as nursery:
        for _ in range(RIVALS):
            nursery.start_soon(want, mutex, operations // RIVALS)


async def wait_group(operations: int) -> None:
    """Start them all, and wait for all."""
    async with trio.open_nursery() as nursery:
        for _ in range(operations):
            nursery.start_soon(nothing)


async def fan_in(operations: int) -> None:
    """Receive what many send, each into its own end of the channel."""
    async with trio.open_nursery() as nursery:
        sending, receiving = trio.open_memory_channel(0)
        async with sending:
            for _ in range(PRODUCERS):
                nursery.start_soon(send, sending.clone(), operations // PRODUCERS)
        async for _value in receiving:
            pass


async def block(operations: int) -> None:
    """Call a function on another thread, again and again."""
    for _ in range(operations):
        await trio.to_thread.run_sync(nothing_blocking)


KINDS = {
    "hand-over": hand_over,
    "buffered": buffered,
    "lock": lock,
    "with lock": with_lock,
    "contended lock": contended_lock,
    "wait group": wait_group,
    "fan-in": fan_in,
    "blocking": block,
}

if __name__ == "__main__":
    kind, number = chosen()
    trio.run(measure_async, KINDS[kind], number)

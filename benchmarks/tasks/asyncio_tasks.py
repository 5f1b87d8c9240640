"""asyncio: tasks."""

import asyncio

from benchmarks.tasks.measured import BATCH, STEP, chosen, measure_async


async def nothing() -> None:
    """Be a task that ends at once."""


async def yield_often(times: int) -> None:
    """Let the others run, again and again."""
    for _ in range(times):
        await asyncio.sleep(0)


async def switch(operations: int) -> None:
    """Switch between three tasks."""
    await asyncio.gather(*(yield_often(operations // 3) for _ in range(3)))


async def spawn(operations: int) -> None:
    """Start a hundred at a time."""
    for _ in range(operations // BATCH):
        tasks = [asyncio.create_task(nothing()) for _ in range(BATCH)]
        await asyncio.sleep(0)
        del tasks


async def join(operations: int) -> None:
    """Start one and wait for its end."""
    for _ in range(operations):
        await asyncio.create_task(nothing())


async def million(operations: int) -> None:
    """Start them all, then wait for each."""
    tasks = [asyncio.create_task(nothing()) for _ in range(operations)]
    for task in tasks:
        await task


async def sleep_all(operations: int) -> None:
    """Let them all sleep at the same time."""
    tasks = [asyncio.create_task(asyncio.sleep(STEP * i)) for i in range(operations)]
    for task in tasks:
        await task


KINDS = {"switch": switch, "spawn": spawn, "join": join, "million": million, "sleep": sleep_all}

if __name__ == "__main__":
    kind, number = chosen()
    asyncio.run(measure_async(KINDS[kind], number))

"""asyncio next door: coroutines from blocking code, and blocking code from coroutines.

    aio.run(coroutine)          runs it on an event loop in a thread; parks until its result
    with aio.enter(manager)     an async context manager, entered from blocking code
    for item in aio.iterate()   an async iterator
    aio.to_async(fn)            the other way: blocking-style fn as an async function
    aio.Loop()                  an event loop of one's own in the place of the shared one

So what exists for asyncio can be used today: `aio.run(client.get(url))`. The shared loop begins
with the first call, lives in one thread for the whole process, and ends with the interpreter; what
belongs to a loop, such as a client with its connections, stays usable between the calls. What takes
hold of a loop when it is made has to be made in a coroutine.

Source: anyio.from_thread BlockingPortal; asyncio.Runner.
"""

from netpoll.aio.inward import to_async
from netpoll.aio.loop import Loop
from netpoll.aio.shared import close, enter, iterate, run

__all__ = ["Loop", "close", "enter", "iterate", "run", "to_async"]

"""`with ctx:` is how whatever parks accepts a context: a row for each kind of wait."""

import asyncio
import os
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from contextlib import ExitStack, contextmanager

import pytest

from netpoll import (
    Chan,
    Group,
    aio,
    as_completed,
    blocking,
    context,
    current,
    from_thread,
    go,
    lowlevel,
    map_concurrent,
    net,
    open_fd,
    process,
    race,
    select,
    sleep,
    sync,
)
from netpoll.context import ContextCancelled, ContextDeadlineExceeded
from tests.running import in_run, parked

Wait = Callable[[ExitStack], Callable[[], object]]

WAITS: dict[str, Wait] = {}
"""Each makes what is waited for, and returns the wait, which would be for ever."""


def waits(make: Wait) -> Wait:
    WAITS[make.__name__.removeprefix("a_")] = make
    return make


@contextmanager
def forever() -> Iterator[Callable[[], object]]:
    """A goroutine's work that ends with the block alone."""
    end = sync.Event()
    try:
        yield end.wait
    finally:
        end.set()


@waits
def a_sleep(_: ExitStack) -> Callable[[], object]:
    return lambda: sleep(3600)


@waits
def a_park(_: ExitStack) -> Callable[[], object]:
    return lowlevel.park


@waits
def a_join(stack: ExitStack) -> Callable[[], object]:
    return go(stack.enter_context(forever())).join


@waits
def a_send(_: ExitStack) -> Callable[[], object]:
    channel = Chan[int]()
    return lambda: channel.send(1)


@waits
def a_recv(_: ExitStack) -> Callable[[], object]:
    return Chan[int]().recv


@waits
def a_select(_: ExitStack) -> Callable[[], object]:
    one, other = Chan[int](), Chan[int]()
    return lambda: select(one.recv, (other.send, 1))


@waits
def a_mutex(stack: ExitStack) -> Callable[[], object]:
    mutex, hold = sync.Mutex(), stack.enter_context(forever())

    def holder() -> None:
        with mutex:
            hold()

    parked(go(holder))
    return mutex.lock


@waits
def a_writers_turn(stack: ExitStack) -> Callable[[], object]:
    lock = sync.RWMutex()
    lock.rlock()
    stack.callback(lock.runlock)
    return lock.lock


@waits
def a_cond(stack: ExitStack) -> Callable[[], object]:
    mutex = sync.Mutex()
    cond = sync.Cond(mutex)
    stack.enter_context(mutex)
    return cond.wait


@waits
def a_semaphore(_: ExitStack) -> Callable[[], object]:
    semaphore = sync.Semaphore(1)
    semaphore.acquire()
    return semaphore.acquire


@waits
def a_waitgroup(stack: ExitStack) -> Callable[[], object]:
    group = sync.WaitGroup()
    group.add(1)
    stack.callback(group.done)
    return group.wait


@waits
def an_event(_: ExitStack) -> Callable[[], object]:
    return sync.Event().wait


@waits
def a_barrier(_: ExitStack) -> Callable[[], object]:
    return lambda: sync.Barrier(2).wait()  # one that somebody has left is broken


@waits
def a_group(_: ExitStack) -> Callable[[], object]:
    def wait() -> None:
        with Group() as group:
            group.go(sleep, 3600)

    return wait


@waits
def a_race(_: ExitStack) -> Callable[[], object]:
    return lambda: race(lambda: sleep(3600), lambda: sleep(3600))


@waits
def a_map(_: ExitStack) -> Callable[[], object]:
    return lambda: map_concurrent(sleep, [3600, 3600])


@waits
def goroutines_as_completed(stack: ExitStack) -> Callable[[], object]:
    waiting = go(stack.enter_context(forever()))
    return lambda: list(as_completed([waiting]))


@waits
def a_call_on_a_thread(stack: ExitStack) -> Callable[[], object]:
    end = threading.Event()
    stack.callback(end.set)
    return lambda: blocking(end.wait, 10)


@waits
def a_future(_: ExitStack) -> Callable[[], object]:
    return lambda: from_thread.result(Future[int]())  # given up, it is cancelled


@waits
def a_coroutine(stack: ExitStack) -> Callable[[], object]:
    stack.callback(aio.close)
    return lambda: aio.run(asyncio.sleep(3600))


@waits
def a_process(stack: ExitStack) -> Callable[[], object]:
    child = process.Popen([sys.executable, "-c", "input()"], stdin=process.PIPE)
    stack.enter_context(child)
    stack.callback(child.kill)
    return child.wait


@waits
def a_read(stack: ExitStack) -> Callable[[], object]:
    ours, theirs = net.pipe()
    stack.enter_context(theirs)
    return stack.enter_context(ours).read


@waits
def a_read_of_a_socket(stack: ExitStack) -> Callable[[], object]:
    listener = stack.enter_context(net.listen("tcp", "127.0.0.1:0"))
    return stack.enter_context(net.dial("tcp", listener.local_addr)).read


@waits
def a_write(stack: ExitStack) -> Callable[[], object]:
    listener = stack.enter_context(net.listen("tcp", "127.0.0.1:0"))
    conn = stack.enter_context(net.dial("tcp", listener.local_addr))
    return lambda: conn.write(bytes(100_000_000))


@waits
def a_read_of_a_pipe(stack: ExitStack) -> Callable[[], object]:
    reads, writes = os.pipe()
    stack.callback(os.close, writes)
    return stack.enter_context(open_fd(reads)).read


@waits
def an_accept(stack: ExitStack) -> Callable[[], object]:
    return stack.enter_context(net.listen("tcp", "127.0.0.1:0")).accept


@waits
def a_datagram(stack: ExitStack) -> Callable[[], object]:
    return stack.enter_context(net.listen_packet("udp", "127.0.0.1:0")).read_from


@waits
def a_look_up(stack: ExitStack) -> Callable[[], object]:
    # A server that never answers: a socket that nobody reads.
    silent = stack.enter_context(net.listen_packet("udp", "127.0.0.1:0"))
    resolver = net.Resolver(
        dial=lambda *_args, **_options: net.dial("udp", silent.local_addr), prefer_dns=True
    )
    return lambda: resolver.lookup_host("a.example.org")


@pytest.mark.parametrize("kind", WAITS)
@in_run
def test_it_ends_with_the_context(kind: str) -> None:
    with ExitStack() as stack:
        wait = WAITS[kind](stack)
        ctx = context.with_cancel(context.background())
        me = current()

        def cancel() -> str:
            sleep(0.01)
            state = me.state
            ctx.cancel()
            return state

        canceller = go(cancel)
        with pytest.raises(ContextCancelled), ctx:
            wait()
        assert canceller.join().startswith("waiting: ")
        begin = time.monotonic()
        late = context.with_timeout(context.background(), 0.01)
        with pytest.raises(ContextDeadlineExceeded), late:
            wait()
        assert time.monotonic() - begin >= 0.01
        with pytest.raises(ContextDeadlineExceeded), late:  # it is over before the wait begins
            wait()

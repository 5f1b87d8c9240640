"""Functions that block, on threads of their own: what Go does with a system call that blocks.

A job goes to an idle thread, or to a new one while there are fewer than MOST; a thread that has
been idle for LINGER seconds leaves. The threads are daemons: a name server that does not answer
does not hold up the end of the interpreter.

    job        who takes it further
    queued     the thread that takes it, or nobody: its goroutine was cancelled before it began
    running    its thread, which wakes the goroutine at the end
    abandoned  its thread; the goroutine was cancelled, and what the function returns is dropped
"""

from __future__ import annotations

import contextvars
import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from typing import Any, Generic, ParamSpec, TypeVar

from netpoll._runtime import deadlock, lifecycle
from netpoll._runtime.goroutine import Goroutine, current
from netpoll._runtime.permits import await_call, call_done

P = ParamSpec("P")
T = TypeVar("T")

MOST = 256
LINGER = 10.0


class _Job(Generic[T]):
    """A call, the goroutine that waits for it, and its outcome."""

    def __init__(self, call: Callable[[], T], waiter: Goroutine) -> None:
        self.call = call
        self.waiter: Goroutine | None = waiter
        self.context = contextvars.copy_context()
        self.done = False
        self.result: T
        self.exception: BaseException | None = None

    def run(self) -> None:
        try:
            self.result = self.context.run(self.call)
        except BaseException as exception:  # noqa: BLE001 - the goroutine raises it
            self.exception = exception
        self.done = True
        waiter = self.waiter
        if waiter is not None:
            call_done(waiter)

    def outcome(self) -> T:
        if self.exception is not None:
            try:
                raise self.exception
            finally:
                self.exception = None  # the traceback refers to this frame, and the frame to it
        return self.result


_pools: weakref.WeakSet[ThreadPool] = weakref.WeakSet()
"""All that there are."""


class ThreadPool:
    """Threads for functions that block; grows on demand. Any thread may call."""

    def __init__(self, most: int = MOST, linger: float = LINGER) -> None:
        self._most = most
        self._linger = linger
        self.renew()
        _pools.add(self)

    def renew(self) -> None:
        """Have no thread and no job: at first, and in a child, for the threads are the parent's."""
        self._lock = threading.Lock()
        self._work = threading.Condition(self._lock)
        self._jobs: deque[_Job[Any]] = deque()
        self._threads = 0
        self._idle = 0

    def call(self, fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `fn(*args, **kwargs)` on one of the threads and return its result; see `blocking`."""
        job = _Job(lambda: fn(*args, **kwargs), current())
        try:
            self.submit(job)
            while not job.done:
                await_call(on_thread=True)
        finally:
            job.waiter = None
        return job.outcome()

    def submit(self, job: _Job[Any]) -> None:
        """Queue a job, with a new thread for it unless one is idle or there are enough."""
        thread = threading.Thread(
            target=self._serve, args=(self._work,), name="netpoll-blocking", daemon=True
        )
        counted = False
        try:
            with self._lock:
                self._jobs.append(job)
                if self._idle >= len(self._jobs):
                    self._work.notify()
                    return
                if self._threads >= self._most:
                    return
                self._threads += 1
                counted = True
            thread.start()
        except BaseException as error:
            # The system has no thread for us, or a signal handler raised something in between.
            with self._lock:
                self._threads -= counted and not thread.is_alive()
            if not isinstance(error, RuntimeError):
                raise
            failure = error
        else:
            return
        self._without_a_new_thread(job, failure)  # out here: what it raises has nothing to add

    def _without_a_new_thread(self, job: _Job[Any], error: RuntimeError) -> None:
        """Leave the job to the threads that there are; without any, it fails."""
        with self._lock:
            if self._threads:
                return
            self._jobs.remove(job)
        # Since Python 3.12 none can be started once the main thread has come to its end.
        if threading.main_thread().is_alive():
            raise error
        # Its kind is PythonFinalizationError since 3.13.
        text = "blocking() can start no thread: the interpreter is shutting down"
        raise type(error)(text) from None

    def _serve(self, work: threading.Condition) -> None:
        while (job := self._next(work)) is not None:
            job.run()
            del job
            # After the caller has its outcome, before the thread is free for another job.
            lifecycle.end_own()

    def _next(self, work: threading.Condition) -> _Job[Any] | None:
        with self._lock:
            if work is not self._work:
                return None  # a function has forked: this is the child, which does not count us
            self._idle += 1
            try:
                while True:
                    while self._jobs:
                        job = self._jobs.popleft()
                        if job.waiter is not None:
                            return job
                    if not self._wait_for_work(work) and not self._jobs:
                        self._threads -= 1
                        return None
            finally:
                self._idle -= 1

    def _wait_for_work(self, work: threading.Condition) -> bool:
        number = threading.get_ident()
        deadlock.without_work.add(number)
        try:
            return work.wait(self._linger)
        finally:
            deadlock.without_work.discard(number)


_pool = ThreadPool()


def _after_fork() -> None:
    for pool in list(_pools):
        pool.renew()


os.register_at_fork(after_in_child=_after_fork)


def blocking(fn: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
    """Run `fn(*args, **kwargs)` on a thread and return its result; parks, the others go on.

    Raises what fn raises. In a copy of the caller's contextvars context. When the goroutine is
    cancelled, the wait ends at once and the thread goes on alone; what fn then returns or raises is
    dropped. Goroutines that fn starts and does not join are those of its thread: cancelled when it
    returns, reported after a grace period (5 s) if they have not ended; the caller does not wait
    for that. At most 256 run at once, the others wait for their turn. TypeError for an `async def`.
    RuntimeError if no thread can be had, as at the interpreter's end since Python 3.12.

    Source: go1.27 runtime/proc.go entersyscallblock (a system call that blocks leaves its M).
    """
    lifecycle.check_plain("blocking", fn)
    return _pool.call(fn, *args, **kwargs)

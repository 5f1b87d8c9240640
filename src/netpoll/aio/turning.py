"""The thread that runs an event loop, from its beginning to its end."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from typing import Any

from netpoll._runtime.latch import Latch
from netpoll.aio.errand import Errand, closed

NAME = "netpoll-aio"


class Turning:
    """One event loop, its thread, and the errands that are under way."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.ended = Latch("the end of an event loop")
        self._closing = False
        self._unheard = False
        self._errands: set[Errand[Any]] = set()
        self._to_turn = [loop]  # until somebody has taken it: the thread, or who gives that up
        self.thread = threading.Thread(target=self._run, name=NAME, daemon=True)

    def take(self, errand: Errand[Any]) -> None:
        """Have the loop begin with an errand. Any thread. RuntimeError if it has been closed."""
        errand.belongs_to(self.loop, self._errands.discard)
        self._errands.add(errand)
        try:
            self.loop.call_soon_threadsafe(self._begin, errand)
        except RuntimeError:
            self._errands.discard(errand)
            raise closed() from None

    def _begin(self, errand: Errand[Any]) -> None:
        if not self._closing:  # else it is refused when the loop has ended
            errand.begin()

    def end(self, *, unheard: bool = False) -> None:
        """Have the loop cancel its tasks and end; `unheard`: nobody is told. Any thread."""
        self._unheard |= unheard
        self._closing = True
        with contextlib.suppress(RuntimeError):  # it has ended already
            self.loop.call_soon_threadsafe(self.loop.stop)

    def give_up(self) -> None:
        """End it though it is not known whether its thread has begun, or ever will."""
        self.end()
        with contextlib.suppress(IndexError):
            self._to_turn.pop().close()
            self.ended.open()

    def _run(self) -> None:
        try:
            self._to_turn.pop()
        except IndexError:
            return
        try:
            # It cancels what is left, waits for it, and closes the loop.
            with asyncio.Runner(loop_factory=lambda: self.loop) as runner:
                self._turn(runner.get_loop())
        finally:
            for errand in list(self._errands):
                errand.unheard = self._unheard
                errand.refuse(closed())
            self._errands.clear()
            self.ended.open()

    def _turn(self, loop: asyncio.AbstractEventLoop) -> None:
        while not self._closing:
            # A task that raises one of these ends the turn; who waits for it gets it, too.
            with contextlib.suppress(KeyboardInterrupt, SystemExit):
                loop.run_forever()
        for errand in list(self._errands):
            errand.loop_ends = True
            errand.unheard = self._unheard

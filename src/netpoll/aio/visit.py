"""What takes more than one answer: an async context manager, an async iterable.

Each lives in one task from its beginning to its end, for that is what task groups and timeouts of
asyncio demand of those who are inside of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from typing import Any, Generic, TypeAlias, TypeVar

from netpoll._runtime.latch import Latch
from netpoll._runtime.scope import shield
from netpoll.aio.errand import Errand, closed
from netpoll.errors import Cancelled

T = TypeVar("T")

Send: TypeAlias = Callable[[Errand[None]], object]


class Stay(Generic[T]):
    """An async context manager, entered for as long as a goroutine is in its block."""

    errand: Errand[None]

    def __init__(self, manager: AbstractAsyncContextManager[T, Any]) -> None:
        self._manager = manager
        self._inside = Latch("an async context manager")
        self._left: asyncio.Future[BaseException | None]
        self._value: T

    # in the loop's thread

    async def live(self) -> None:
        """Enter, stay until the goroutine leaves its block, and leave in the same way."""
        async with self._manager as self._value:
            self._left = asyncio.get_running_loop().create_future()
            self._inside.open()
            exception = await self._left
            if exception is not None:
                raise exception

    def at_end(self) -> None:
        """Wake a goroutine that still waits to get in."""
        self._inside.open()

    def _leave(self, exception: BaseException | None) -> None:
        if isinstance(exception, Cancelled):
            self.errand.stop()
        elif not self._left.done():
            self._left.set_result(exception)

    # in the goroutine

    @contextmanager
    def between(self, send: Send) -> Iterator[T]:
        """Wait until it is entered; at the end of the block have it left, and wait for that."""
        self.errand = Errand(self.live(), self.at_end)
        try:
            self._get_in(send)
            try:
                yield self._value
            except BaseException as ours:  # noqa: BLE001 - it is the manager's to let pass
                self._settle(ours)
            else:
                self._settle(None)
        finally:
            # Before it was in, or on the way out, something else came up: a Ctrl-C, say.
            self.errand.call_off()

    def _get_in(self, send: Send) -> None:
        try:
            send(self.errand)
            self._inside.wait()
        except BaseException as ours:
            self.errand.called_off(ours)
            raise
        if self.errand.ended.opened:
            self.errand.taken()
            raise closed()

    def _settle(self, ours: BaseException | None) -> None:
        self.errand.call(self._leave, ours)
        with shield():
            self.errand.ended.wait()
        try:
            self.errand.taken()
        except asyncio.CancelledError:
            if isinstance(ours, Cancelled):
                raise ours from None
            raise


class Telling(Generic[T]):
    """An async iterable whose items go to a goroutine, one at a time."""

    errand: Errand[None]

    def __init__(self, items: AsyncIterable[T]) -> None:
        self._items = items
        self._news = Latch("an async iterator")
        self._item: tuple[T] | None = None
        self._wanted: asyncio.Future[None]

    # in the loop's thread

    async def tell(self) -> None:
        """Iterate; close what is iterated over if that can be."""
        try:
            async for item in self._items:
                self._wanted = asyncio.get_running_loop().create_future()
                self._item = (item,)
                self._news.open()
                await self._wanted
        finally:
            close = getattr(self._items, "aclose", None)
            if close is not None:
                await close()

    def at_end(self) -> None:
        """Wake the goroutine that waits for an item."""
        self._news.open()

    def _go_on(self) -> None:
        if not self._wanted.done():
            self._wanted.set_result(None)

    # in the goroutine

    def heard(self, send: Send) -> Iterator[T]:
        """Yield the items; whoever stops before the end has the iteration ended."""
        self.errand = Errand(self.tell(), self.at_end)
        try:
            send(self.errand)
            while (item := self._next()) is not None:
                yield item[0]
                self.errand.call(self._go_on)
            self.errand.taken()
        finally:
            self.errand.call_off()

    def _next(self) -> tuple[T] | None:
        try:
            # At the end its latch may have been one that nobody waits at any more.
            if not self.errand.ended.opened:
                self._news.wait()
        except BaseException as ours:  # noqa: BLE001 - raised there, unless there is a last item
            self.errand.called_off(ours)
        item, self._item = self._item, None
        self._news = Latch("an async iterator")
        return item

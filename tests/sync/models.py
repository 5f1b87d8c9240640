"""What the locks are to do, said as plainly as possible: who has them and who waits, in lists.

A kind is what somebody asks for: of a mutex 0, of an RWMutex READ or WRITE, of a semaphore the
number of units.
"""

from collections.abc import Callable
from typing import Protocol

from netpoll.sync import Mutex, RWMutex, Semaphore

READ, WRITE = 1, 2


class Model:
    """Who has it and who waits, each with what kind, in the order in which they came to that."""

    kinds: tuple[int, ...]

    def __init__(self) -> None:
        self.holding: list[tuple[int, int]] = []
        self.waiting: list[tuple[int, int]] = []

    def fits(self, kind: int) -> bool:
        """Tell whether somebody who comes now may have it at once."""
        raise NotImplementedError

    def next_ones(self) -> list[tuple[int, int]]:
        """Return those who wait and are to have it now that something was given back."""
        raise NotImplementedError

    def ask(self, who: int, kind: int) -> None:
        (self.holding if self.fits(kind) else self.waiting).append((who, kind))

    def ask_briefly(self, who: int, kind: int) -> None:
        """Ask without waiting."""
        if self.fits(kind):
            self.holding.append((who, kind))

    def give(self, who: int) -> int:
        """Give back what one has; return its kind."""
        (one,) = (holder for holder in self.holding if holder[0] == who)
        self.holding.remove(one)
        self.settle(one[1])
        return one[1]

    def leave(self, who: int) -> None:
        """Give up waiting; nothing happens to one who does not wait."""
        self.waiting = [one for one in self.waiting if one[0] != who]
        self.settle(0)

    def settle(self, given: int) -> None:
        """Let in who is to be let in; given: the kind of what was given back, 0 if nothing was."""
        del given
        for one in self.next_ones():
            self.waiting.remove(one)
            self.holding.append(one)


class MutexModel(Model):
    kinds = (0,)

    def fits(self, kind: int) -> bool:
        return kind == 0 and not self.holding

    def next_ones(self) -> list[tuple[int, int]]:
        return [] if self.holding else self.waiting[:1]


class SemaphoreModel(Model):
    kinds = (1, 2, 3, 4)
    capacity = 4

    def fits(self, kind: int) -> bool:
        return not self.waiting and kind <= self.free()

    def free(self) -> int:
        return self.capacity - sum(kind for _, kind in self.holding)

    def next_ones(self) -> list[tuple[int, int]]:
        free, found = self.free(), []
        for one in self.waiting:
            free -= one[1]
            if free < 0:
                break
            found.append(one)
        return found


class RWMutexModel(Model):
    kinds = (READ, READ, WRITE)

    def __init__(self) -> None:
        super().__init__()
        self.last = 0

    def fits(self, kind: int) -> bool:
        if kind == WRITE:
            return not self.holding
        return WRITE not in (kind for _, kind in self.holding + self.waiting)

    def settle(self, given: int) -> None:
        self.last = given
        super().settle(given)

    def next_ones(self) -> list[tuple[int, int]]:
        readers = [one for one in self.waiting if one[1] == READ]
        writers = [one for one in self.waiting if one[1] == WRITE]
        held = {kind for _, kind in self.holding}
        if self.last == WRITE:  # after a writer the readers, and else the next writer
            return readers or writers[:1]
        if WRITE in held:
            return []
        if writers:
            return [] if held else writers[:1]
        return readers


class Real(Protocol):
    """A lock as the models see it."""

    def take(self, kind: int, timeout: float | None = None, /) -> None: ...
    def try_take(self, kind: int, /) -> bool: ...
    def back(self, kind: int, /) -> None: ...


class RealMutex:
    def __init__(self) -> None:
        self.lock = Mutex()

    def __repr__(self) -> str:
        return repr(self.lock)

    def take(self, _kind: int, timeout: float | None = None, /) -> None:
        self.lock.lock(timeout)

    def try_take(self, _kind: int, /) -> bool:
        return self.lock.try_lock()

    def back(self, _kind: int, /) -> None:
        self.lock.unlock()


class RealRWMutex:
    def __init__(self) -> None:
        self.lock = RWMutex()

    def __repr__(self) -> str:
        return repr(self.lock)

    def take(self, kind: int, timeout: float | None = None) -> None:
        (self.lock.rlock if kind == READ else self.lock.lock)(timeout)

    def try_take(self, kind: int) -> bool:
        return self.lock.try_rlock() if kind == READ else self.lock.try_lock()

    def back(self, kind: int) -> None:
        (self.lock.runlock if kind == READ else self.lock.unlock)()


class RealSemaphore:
    def __init__(self) -> None:
        self.lock = Semaphore(SemaphoreModel.capacity)

    def __repr__(self) -> str:
        return repr(self.lock)

    def take(self, kind: int, timeout: float | None = None) -> None:
        self.lock.acquire(kind, timeout)

    def try_take(self, kind: int) -> bool:
        return self.lock.try_acquire(kind)

    def back(self, kind: int) -> None:
        self.lock.release(kind)


PAIRS: dict[str, tuple[type[Model], Callable[[], Real]]] = {
    "mutex": (MutexModel, RealMutex),
    "rwmutex": (RWMutexModel, RealRWMutex),
    "semaphore": (SemaphoreModel, RealSemaphore),
}

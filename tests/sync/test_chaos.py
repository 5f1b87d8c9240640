"""Everything at once, on four threads: grants, timeouts, cancellations and scopes, by chance."""

import random
from collections import deque
from contextlib import suppress

import pytest

from netpoll import Goroutine, GoroutineCancelled, go, gosched, run, sleep, timeout
from netpoll.sync import Barrier
from tests.running import Outcome
from tests.sync.models import PAIRS, Model, Real

THREADS, WORKERS, ROUNDS = 4, 5, 40
LIMITS = [None, None, 0, 0.0002, 0.001]


class Chaos:
    """Workers on all threads that use one lock, and who cancels them."""

    def __init__(self, model: type[Model], real: Real, seed: int) -> None:
        self.model, self.real, self.seed = model, real, seed
        self.holding = deque[tuple[int, int]]()
        self.victims = deque[Goroutine[None]](maxlen=THREADS * WORKERS)
        self.taken = deque[int]()
        self.together = Barrier(THREADS)

    def main(self, thread: int) -> None:
        chance = random.Random(self.seed * THREADS + thread)
        self.together.wait()
        canceller = go(self.cancel_some, chance.random())
        for _ in range(ROUNDS):
            workers = [go(self.work, thread * 1000 + i, chance.random()) for i in range(WORKERS)]
            self.victims.extend(workers)
            for worker in workers:
                with suppress(GoroutineCancelled):
                    worker.join(20)
        canceller.cancel()

    def cancel_some(self, seed: float) -> None:
        chance = random.Random(seed)
        while True:
            with suppress(IndexError):
                self.victims.pop().cancel()  # of whatever thread
            sleep(chance.random() / 2000)

    def work(self, who: int, seed: float) -> None:
        chance = random.Random(seed)
        for _ in range(3):
            kind = chance.choice(self.model.kinds)
            with suppress(TimeoutError), timeout(chance.choice(LIMITS)):
                self.real.take(kind, chance.choice(LIMITS))
                self.hold(who, kind)

    def hold(self, who: int, kind: int) -> None:
        one = (who, kind)
        self.holding.append(one)
        try:
            self.check()
            gosched()
            self.check()
            self.taken.append(kind)
        finally:
            self.holding.remove(one)
            self.real.back(kind)

    def check(self) -> None:
        """Hold those who have it now against what may be had together."""
        together = self.model()
        for who, kind in sorted(self.holding, key=lambda one: -one[1]):
            assert together.fits(kind), f"{list(self.holding)} have it together"
            together.ask(who, kind)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("name", PAIRS)
def test_in_all_that_can_happen_nobody_has_what_another_has(name: str, seed: int) -> None:
    model, real = PAIRS[name]
    chaos = Chaos(model, real(), seed)
    threads = [Outcome(run, chaos.main, i) for i in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.result()
    assert chaos.taken
    assert not chaos.holding
    assert repr(chaos.real) == repr(real())  # as new

"""A signal handler that raises at any step of what is written in Python: no lock stays held."""

from collections.abc import Callable

from netpoll.sync import Once, Pool, once
from tests.broken_off import steps_of
from tests.running import in_run

ONCE = Once.do.__code__.co_filename
POOL = Pool.get.__code__.co_filename


@in_run
def test_a_once_that_is_broken_off_calls_again_or_is_done() -> None:
    guards: list[Once] = []
    calls: list[Once] = []

    def do() -> None:
        guards.append(Once())
        guards[-1].do(lambda: calls.append(guards[-1]))

    steps = 0
    for _ in steps_of(do, ONCE):
        steps += 1
        if not guards:
            continue
        guard = guards.pop()
        guard.do(lambda guard=guard: calls.append(guard))  # type: ignore[misc]
        assert guard.done, steps
        assert guard in calls, steps
        assert calls.count(guard) <= 2, steps
    assert steps > 3


@in_run
def test_a_function_that_is_called_once_has_one_value_whatever_is_broken_off() -> None:
    made: list[Callable[[], object]] = []

    def call() -> None:
        made.append(once(object))
        made[-1]()

    steps = 0
    for _ in steps_of(call, ONCE):
        steps += 1
        while made:
            function = made.pop()
            assert function() is function(), steps
    assert steps > 5


@in_run
def test_a_pool_has_what_was_put_into_it_or_not_and_never_twice() -> None:
    kept: list[object] = []
    pool: Pool[object] = Pool(object, limit=2)

    def use() -> None:
        kept.append(pool.get())
        pool.put(kept[-1])

    steps = 0
    for _ in steps_of(use, POOL):
        steps += 1
        free = [pool.get() for _ in range(len(pool))]
        assert len({*map(id, free)}) == len(free) <= 1, steps
        kept.clear()
    assert steps > 3

"""Context variables: each goroutine has a copy of its starter's, and nobody else sees it."""

import asyncio
import contextvars
import decimal
import random
import threading

import pytest

from netpoll import blocking, go, gosched, lowlevel, run, sleep
from tests.running import in_run, parked

var: contextvars.ContextVar[object] = contextvars.ContextVar("var", default="default")


@in_run
def test_a_goroutine_inherits_the_context_of_its_starter() -> None:
    token = var.set("starter's")
    goroutine = go(var.get)
    var.reset(token)
    assert goroutine.join() == "starter's"


@in_run
def test_what_a_goroutine_sets_its_starter_does_not_see() -> None:
    go(var.set, "goroutine's").join()
    assert var.get() == "default"


@in_run
def test_what_the_starter_sets_later_the_goroutine_does_not_see() -> None:
    def work() -> object:
        lowlevel.park()
        return var.get()

    goroutine = parked(go(work))
    token = var.set("later")
    lowlevel.ready(goroutine)
    assert goroutine.join() == "default"
    var.reset(token)


@in_run
def test_a_context_goes_down_the_generations() -> None:
    def descend(depth: int) -> object:
        var.set((var.get(), depth))
        return go(descend, depth - 1).join() if depth else var.get()

    assert go(descend, 2).join() == ((("default", 2), 1), 0)
    assert var.get() == "default"


@in_run
def test_a_thousand_goroutines_never_see_the_variable_of_another() -> None:
    randomness = random.Random(1)

    def work(i: int) -> None:
        token = var.set(i)
        for _ in range(randomness.randrange(5)):
            gosched() if randomness.random() < 0.9 else sleep(0.0001)
            assert var.get() == i
        inner = var.set(-i)
        gosched()
        assert var.get() == -i
        var.reset(inner)
        assert var.get() == i
        gosched()
        var.reset(token)
        assert var.get() == "default"

    for each in [go(work, i) for i in range(1000)]:
        each.join()
    assert var.get() == "default"


@in_run
def test_a_token_of_another_goroutine_is_refused() -> None:
    token = var.set(1)
    with pytest.raises(ValueError, match="different Context"):
        go(var.reset, token).join()
    var.reset(token)


@in_run
def test_a_token_is_good_after_a_park() -> None:
    token = var.set(1)
    with pytest.raises(TimeoutError):
        go(sleep, 0.01).join(0.001)
    var.reset(token)
    assert var.get() == "default"


@in_run
def test_a_stack_that_is_used_again_keeps_no_context() -> None:
    for i in range(100):
        assert go(lambda: (var.set(i), var.get())[1]).join() == i  # noqa: B023 - joined at once
        assert go(var.get).join() == "default"


@in_run
def test_a_goroutine_that_fails_leaves_no_context() -> None:
    def work() -> None:
        var.set("failed")
        raise OSError

    for _ in range(10):
        with pytest.raises(OSError):
            go(work).join()
        assert go(var.get).join() == "default"
        assert var.get() == "default"


@in_run
def test_a_goroutine_may_park_inside_a_context_that_it_entered() -> None:
    def inner() -> object:
        var.set("inner")
        sleep(0.0001)
        return var.get()

    def work() -> tuple[object, object]:
        found = contextvars.copy_context().run(inner)
        return found, var.get()

    workers = [go(work) for _ in range(10)]
    assert [worker.join() for worker in workers] == [("inner", "default")] * 10


def test_main_runs_in_the_context_of_the_caller_of_run() -> None:
    token = var.set("caller's")
    assert run(var.get) == "caller's"
    run(var.set, "main's")
    assert var.get() == "main's"
    var.reset(token)


@in_run
def test_a_call_on_a_thread_sees_a_copy() -> None:
    token = var.set("goroutine's")
    assert blocking(var.get) == "goroutine's"
    blocking(var.set, "thread's")
    assert var.get() == "goroutine's"
    var.reset(token)


@in_run
def test_decimal_contexts_are_the_goroutine_s_own() -> None:
    def work(precision: int) -> str:
        with decimal.localcontext() as context:
            context.prec = precision
            sleep(0.0001)
            return str(decimal.Decimal(1) / 3)

    workers = [go(work, precision) for precision in range(1, 9)]
    assert [len(worker.join()) - 2 for worker in workers] == list(range(1, 9))


@in_run
def test_thread_locals_are_the_thread_s() -> None:
    local = threading.local()
    local.value = 1
    go(setattr, local, "value", 2).join()
    assert local.value == 2


@in_run
def test_a_coroutine_run_in_a_goroutine_has_the_goroutine_s_context() -> None:
    async def coroutine() -> object:
        await asyncio.sleep(0)
        return var.get()

    def work() -> object:
        var.set("goroutine's")
        return asyncio.run(coroutine())

    assert go(work).join() == "goroutine's"

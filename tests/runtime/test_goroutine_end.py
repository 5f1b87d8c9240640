"""What a goroutine lets go of at its end, and who hears of a failure that nobody joins."""

import gc
import weakref

import pytest
from greenlet import greenlet

from netpoll import current, go, gosched, sleep
from tests.conftest import Unhandled
from tests.running import in_run


class Wrong(Exception):
    pass


def fail(*args: object) -> None:
    raise Wrong(*args)


def named() -> None:
    pass


class Thing:
    pass


@in_run
def test_what_it_was_given_is_let_go_at_its_end() -> None:
    thing = Thing()
    ref = weakref.ref(thing)
    goroutine = go(lambda *_args, **_kwargs: None, thing, key=thing)
    del thing
    goroutine.join()
    assert ref() is None


@in_run
def test_not_every_stack_is_kept_for_the_next_goroutine() -> None:
    def stacks() -> int:
        gc.collect()
        return sum(isinstance(thing, greenlet) for thing in gc.get_objects())

    before = stacks()
    for goroutine in [go(sleep, 0) for _ in range(3000)]:
        goroutine.join()
    assert 1000 < stacks() - before <= 1024


@in_run
def test_a_result_that_nobody_can_ask_for_is_let_go() -> None:
    refs: list[weakref.ref[Thing]] = []

    def work() -> Thing:
        thing = Thing()
        refs.append(weakref.ref(thing))
        return thing

    go(work)
    gosched()
    assert refs[0]() is None


@in_run
def test_a_goroutine_that_is_done_is_freed_with_its_last_reference(unhandled: Unhandled) -> None:
    gone: list[str] = []
    for fn in (named, fail):
        goroutine = go(fn)
        weakref.finalize(goroutine, gone.append, fn.__name__)
        gosched()
        del goroutine
    assert gone == ["named", "fail"]
    assert [failure for _, failure in unhandled]  # the hook has a likeness of the other
    unhandled.clear()


@in_run
def test_each_failure_that_is_dropped_is_told_of_though_goroutines_are_used_again(
    unhandled: Unhandled,
) -> None:
    for _ in range(600):
        goroutine = go(fail)
        name, origin = goroutine.name, goroutine.origin
        gosched()
        del goroutine
        ((told, failure),) = unhandled
        assert (told.name, told.origin, told.state) == (name, origin, "failed")
        assert isinstance(failure, Wrong)
        with pytest.raises(Wrong):
            told.join()
        unhandled.clear()


@in_run
def test_a_failure_that_was_joined_is_not_told_of_when_it_is_dropped(unhandled: Unhandled) -> None:
    goroutine = go(fail)
    gosched()
    with pytest.raises(Wrong):
        goroutine.join()
    del goroutine
    assert not unhandled


@in_run
def test_a_failure_whose_own_frames_hold_its_goroutine_is_told_of(unhandled: Unhandled) -> None:
    def fail_knowing_oneself() -> None:
        oneself = current()
        raise Wrong(oneself.name)

    go(fail_knowing_oneself)
    gosched()
    gc.collect()
    ((_, failure),) = unhandled
    assert isinstance(failure, Wrong)
    unhandled.clear()


@in_run
def test_the_traceback_of_a_failure_is_the_same_for_each_who_joins() -> None:
    def fail() -> None:
        raise Wrong

    def seen_by_join() -> int:
        with pytest.raises(Wrong) as caught:
            failed.join()
        return len(caught.traceback)

    failed = go(fail)
    lengths = {seen_by_join() for _ in range(10)}
    lengths.update(go(seen_by_join).join() for _ in range(3))
    assert len(lengths) == 1

"""Goroutines: how they start, what they are called, and how their outcome is handed over."""

import gc
import re
import sys
import threading
from collections.abc import Callable
from functools import partial

import pytest

from netpoll import Goroutine, GoroutineCancelled, current, go, gosched, lowlevel, sleep
from tests.conftest import Unhandled
from tests.running import Outcome, in_run, on_thread, parked


class Wrong(Exception):
    pass


def fail(*args: object) -> None:
    raise Wrong(*args)


# ---- starting


@in_run
def test_a_goroutine_gets_the_arguments_given_to_go() -> None:
    def work(*args: int, **kwargs: int) -> tuple[tuple[int, ...], dict[str, int]]:
        return args, kwargs

    assert go(work, 1, 2, fn=3, self=4).join() == ((1, 2), {"fn": 3, "self": 4})


@in_run
def test_go_refuses_what_is_not_callable() -> None:
    with pytest.raises(TypeError, match="needs a callable, not int"):
        go(3)  # type: ignore[call-overload, arg-type, unused-ignore]


@in_run
def test_an_async_function_is_an_error_and_not_silence() -> None:
    async def work() -> None: ...

    with pytest.raises(TypeError, match="plain function, not one made by `async def`"):
        go(work).join()  # type: ignore[unused-coroutine]


@in_run
def test_a_coroutine_is_a_result_like_any_other() -> None:
    async def work() -> None: ...

    coroutine = go(lambda: work()).join()  # noqa: PLW0108 - a plain function
    coroutine.close()


@in_run
def test_go_wants_a_function() -> None:
    with pytest.raises(TypeError):
        go()  # type: ignore[call-overload, call-arg, unused-ignore]


@in_run
def test_a_goroutine_begins_when_its_starter_parks_and_not_before() -> None:
    seen: list[str] = []
    go(seen.append, "begun")
    seen.append("go returned")
    gosched()
    assert seen == ["go returned", "begun"]


@in_run
def test_goroutines_begin_in_the_order_in_which_they_were_started() -> None:
    seen: list[int] = []
    started = [go(seen.append, i) for i in range(1000)]
    started[-1].join()
    assert seen == list(range(1000))


@in_run
def test_a_goroutine_may_start_others() -> None:
    def tree(depth: int) -> int:
        if depth == 0:
            return 1
        return sum(branch.join() for branch in [go(tree, depth - 1), go(tree, depth - 1)])

    assert go(tree, 8).join() == 256


def test_a_goroutine_is_made_by_go_alone() -> None:
    with pytest.raises(TypeError, match=r"made by go\(\)"):
        Goroutine()


@in_run
def test_what_go_returns_need_not_be_kept() -> None:
    seen: list[int] = []
    go(seen.append, 1)
    gc.collect()
    gosched()
    assert seen == [1]


# ---- the outcome


@in_run
def test_the_end_of_a_goroutine_says_how_it_went() -> None:
    fine, wrong, stopped = go(int), go(fail), go(sleep, 10)
    with pytest.raises(Wrong):
        wrong.join()
    stopped.cancel()
    with pytest.raises(GoroutineCancelled):
        stopped.join()
    assert [each.state for each in (fine, wrong, stopped)] == ["done", "failed", "cancelled"]
    assert all(each.done for each in (fine, wrong, stopped))
    assert repr(wrong) == f"<Goroutine fail-{wrong.id} failed>"


@in_run
def test_join_returns_the_result() -> None:
    result = object()
    assert go(lambda: result).join() is result


@in_run
def test_join_waits_for_a_goroutine_that_parks() -> None:
    def work() -> str:
        sleep(0.001)
        return "late"

    assert go(work).join() == "late"


@in_run
def test_join_raises_what_the_goroutine_raised() -> None:
    wrong = Wrong("it")

    def work() -> None:
        raise wrong

    with pytest.raises(Wrong) as caught:
        go(work).join()
    assert caught.value is wrong
    assert [frame.name for frame in caught.traceback][-1] == "work"


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, BaseException])
@in_run
def test_join_raises_what_is_no_exception_of_the_usual_kind(kind: type[BaseException]) -> None:
    def work() -> None:
        raise kind

    with pytest.raises(kind):
        go(work).join()


@in_run
def test_join_after_the_end_does_not_park() -> None:
    done = go(lambda: 7)
    gosched()
    other = go(lambda: None)
    assert done.join() == 7
    assert not other.done


@in_run
def test_join_may_be_repeated() -> None:
    good, bad = go(lambda: 7), go(fail)
    assert [good.join() for _ in range(3)] == [7, 7, 7]
    for _ in range(3):
        with pytest.raises(Wrong):
            bad.join()


@pytest.mark.parametrize("joiners", [1, 2, 10])
@in_run
def test_each_of_several_joiners_gets_the_result_in_the_order_of_their_calls(joiners: int) -> None:
    got: list[tuple[int, object]] = []
    target = go(lowlevel.park)

    def wait(number: int) -> None:
        got.append((number, target.join()))

    waiting = [parked(go(wait, i)) for i in range(joiners)]
    lowlevel.ready(target)
    for joiner in waiting:
        joiner.join()
    assert sorted(got) == [(i, True) for i in range(joiners)]


@in_run
def test_each_of_several_joiners_gets_the_exception() -> None:
    def work() -> None:
        lowlevel.park()
        raise Wrong

    target = go(work)
    joiners = [parked(go(target.join)) for _ in range(3)]
    lowlevel.ready(target)
    for joiner in joiners:
        with pytest.raises(Wrong):
            joiner.join()


@in_run
def test_a_joiner_that_gives_up_does_not_take_the_others_with_it() -> None:
    for given_up in range(3):
        target = go(lowlevel.park)
        joiners = [parked(go(target.join, 0.02 if i == given_up else None)) for i in range(3)]
        with pytest.raises(TimeoutError):
            joiners[given_up].join()
        lowlevel.ready(target)
        assert [g.join() for i, g in enumerate(joiners) if i != given_up] == [True, True]


@in_run
def test_a_goroutine_cannot_join_itself() -> None:
    with pytest.raises(RuntimeError, match="cannot join itself"):
        current().join()
    with pytest.raises(RuntimeError, match="cannot join itself"):
        go(lambda: current().join()).join()


# ---- join with a timeout


@in_run
def test_join_with_a_timeout_gives_up() -> None:
    target = go(lowlevel.park)
    with pytest.raises(TimeoutError, match=r"park-\d+ is still running after 0.001 s"):
        target.join(timeout=0.001)
    lowlevel.ready(target)
    assert target.join(timeout=10) is True


@pytest.mark.parametrize("timeout", [0, -1, -1e300])
@in_run
def test_join_with_no_time_left_looks_once(timeout: float) -> None:
    target = go(lowlevel.park)
    with pytest.raises(TimeoutError):
        target.join(timeout)
    lowlevel.ready(target)
    target.join()
    assert target.join(timeout) is True


@in_run
def test_a_timeout_of_join_does_not_fire_later() -> None:
    go(lambda: None).join(0.001)
    sleep(0.002)
    go(lambda: None).join()


@in_run
def test_join_with_an_endless_timeout_waits() -> None:
    assert go(lambda: 1).join(float("inf")) == 1
    assert go(lambda: 1).join(1e300) == 1


# ---- join from another thread


def test_another_thread_may_join() -> None:
    def work() -> str:
        lowlevel.park()
        return "result"

    target = parked(go(work))
    joiner = Outcome(target.join)
    joiner.start()
    lowlevel.ready(target)
    assert target.join() == "result"
    assert joiner.result() == "result"


def test_another_thread_that_joins_gets_the_exception() -> None:
    def work() -> None:
        lowlevel.park()
        raise Wrong

    target = parked(go(work))
    joiner = Outcome(target.join)
    joiner.start()
    lowlevel.ready(target)
    with pytest.raises(Wrong):
        target.join()
    with pytest.raises(Wrong):
        joiner.result()


def test_another_thread_joins_what_is_done_already() -> None:
    target = go(lambda: 5)
    target.join()
    assert on_thread(target.join) == 5


def test_another_thread_that_joins_may_give_up() -> None:
    target = parked(go(lowlevel.park))
    with pytest.raises(TimeoutError):
        on_thread(target.join, 0.001)
    lowlevel.ready(target)
    assert target.join() is True


def test_joiners_on_many_threads_all_hear_of_the_end() -> None:
    for _ in range(20):
        target = go(lowlevel.park)
        joiners = [Outcome(target.join) for _ in range(5)]
        for joiner in joiners:
            joiner.start()
        lowlevel.ready(target)
        assert target.join() is True
        assert [joiner.result() for joiner in joiners] == [True] * 5


def test_goroutines_of_two_threads_join_one_another() -> None:
    ours = go(lowlevel.park)
    box: list[Goroutine] = []
    begun = threading.Event()

    def other() -> object:
        theirs = go(lowlevel.park)
        box.append(theirs)
        begun.set()
        lowlevel.ready(ours)
        assert ours.join() is True
        return theirs.join()

    thread = Outcome(other)
    thread.start()
    begun.wait()
    ours.join()
    lowlevel.ready(box[0])
    assert box[0].join() is True
    assert thread.result() is True


# ---- what it says about itself


@in_run
def test_current_is_the_goroutine_that_asks() -> None:
    box: list[Goroutine] = []
    started = go(lambda: box.append(current()))
    started.join()
    assert box == [started]


def test_a_thread_that_never_started_a_goroutine_is_its_own_main_goroutine() -> None:
    assert on_thread(lambda: current().name) == "main"
    assert on_thread(lambda: current() is current()) is True


def named() -> None:
    pass


class Handler:
    def serve(self) -> None:
        pass

    def __call__(self) -> None:
        pass


@pytest.mark.parametrize(
    ("fn", "name"),
    [
        (named, r"named-\d+"),
        (Handler().serve, r"serve-\d+"),
        (Handler(), r"Handler-\d+"),
        (partial(named), r"partial-\d+"),
        (lambda: None, r"<lambda>-\d+"),
        (gc.isenabled, r"isenabled-\d+"),
    ],
)
@in_run
def test_a_goroutine_is_named_after_its_function(fn: Callable[[], object], name: str) -> None:
    goroutine = go(fn)
    assert re.fullmatch(name, goroutine.name)
    assert goroutine.name.endswith(f"-{goroutine.id}")
    before = goroutine.name
    goroutine.join()
    assert goroutine.name == before


class Odd:
    """A callable that answers strangely when it is asked for its name."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def __call__(self) -> int:
        return 1

    def __getattr__(self, name: str) -> object:
        if isinstance(self.answer, BaseException):
            raise self.answer
        return self.answer


@pytest.mark.parametrize("answer", [None, 3, "", AttributeError(), OSError()])
@in_run
def test_a_function_without_a_proper_name_is_called_by_its_class(answer: object) -> None:
    goroutine = go(Odd(answer))
    assert goroutine.name == f"Odd-{goroutine.id}"
    assert goroutine.join() == 1
    assert goroutine.name == f"Odd-{goroutine.id}"


@in_run
def test_a_name_may_be_given() -> None:
    goroutine = go(named)
    goroutine.name = "the first"
    assert repr(goroutine) == "<Goroutine the first new>"
    goroutine.join()
    assert goroutine.name == "the first"
    with pytest.raises(TypeError):
        goroutine.name = 3  # type: ignore[assignment]


@in_run
def test_a_name_may_be_given_after_the_end(unhandled: Unhandled) -> None:
    for fn in (named, fail):
        goroutine = go(fn)
        gosched()
        goroutine.name = "renamed"
        assert goroutine.name == "renamed"
    del goroutine
    ((told, _),) = unhandled
    assert told.name == "renamed"
    unhandled.clear()


@in_run
def test_what_finalizers_of_its_arguments_do_is_done_in_its_name() -> None:
    names: list[str] = []

    class Argument:
        def __del__(self) -> None:
            sleep(0)
            names.append(current().name)

    def work(*_args: object) -> None:
        pass

    go(work, Argument())
    kept = go(work, Argument())
    sleep(0.01)
    assert names == [f"work-{kept.id - 1}", f"work-{kept.id}"]


@in_run
def test_ids_are_distinct_and_rise() -> None:
    ids = [go(named).id for _ in range(100)]
    assert ids == sorted(set(ids))
    with pytest.raises(AttributeError):
        go(named).id = 3  # type: ignore[misc]


@in_run
def test_the_origin_is_where_go_was_called() -> None:
    goroutine, line = go(named), sys._getframe().f_lineno
    assert goroutine.origin == (__file__, line)
    goroutine.join()
    assert goroutine.origin == (__file__, line)


def test_main_has_no_origin() -> None:
    assert current().origin is None


@in_run
def test_a_goroutine_says_what_it_does() -> None:
    states: list[str] = []

    def work() -> None:
        states.append(current().state)
        lowlevel.park()

    goroutine = go(work)
    states.append(goroutine.state)
    parked(goroutine)
    states.append(goroutine.state)
    lowlevel.ready(goroutine)
    states.append(goroutine.state)
    goroutine.join()
    states.append(goroutine.state)
    assert states == ["new", "running", "waiting: park", "runnable", "done"]
    assert goroutine.done


@in_run
def test_its_repr_names_it_and_says_what_it_does() -> None:
    goroutine = go(sleep, 10)
    assert repr(goroutine) == f"<Goroutine sleep-{goroutine.id} new>"
    parked(goroutine)
    assert repr(goroutine) == f"<Goroutine sleep-{goroutine.id} waiting: sleep>"


@in_run
def test_its_stack_is_where_it_is_parked() -> None:
    def work() -> None:
        lowlevel.park()

    goroutine = go(work)
    unstarted = goroutine.stack
    assert unstarted is None
    frame = parked(goroutine).stack
    assert frame is not None
    assert frame.f_code is work.__code__
    del frame
    lowlevel.ready(goroutine)
    goroutine.join()
    assert goroutine.stack is None

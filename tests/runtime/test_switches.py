"""Switches at awkward places: in C code that calls back, in finalizers, amid exceptions."""

import bisect
import contextlib
import functools
import gc
import itertools
import json
import re
import sys
import threading
from collections.abc import Callable, Iterator

import pytest

from netpoll import Goroutine, current, go, gosched, lowlevel, sleep
from tests.running import in_run, parked


def park() -> None:
    """Park now and then, so that goroutines change places at all sorts of moments."""
    global parks  # noqa: PLW0603 - counts
    parks += 1
    sleep(0.00001) if parks % 5 == 0 else gosched()


parks = 0


class Number:
    """An int whose every operation parks."""

    def __init__(self, value: int) -> None:
        self.value = value

    def __lt__(self, other: "Number") -> bool:
        park()
        return self.value < other.value

    def __eq__(self, other: object) -> bool:
        park()
        return isinstance(other, Number) and self.value == other.value

    def __hash__(self) -> int:
        park()
        return self.value % 4

    def __index__(self) -> int:
        park()
        return self.value

    def __repr__(self) -> str:
        park()
        return f"n{self.value}"


def sort_by_key(n: int) -> object:
    def key(i: int) -> int:
        park()
        return (i * 7) % 20

    return sorted(range(n), key=key)


def sort_by_comparison(n: int) -> object:
    return [number.value for number in sorted(Number((i * 7) % 20) for i in range(n))]


def sort_in_place(n: int) -> object:
    numbers = [Number((i * 7) % 20) for i in range(n)]

    def compare(a: Number, b: Number) -> int:
        return -1 if a < b else 1

    numbers.sort(key=functools.cmp_to_key(compare))
    return [number.value for number in numbers]


def dictionary(n: int) -> object:
    found = {Number(i): i for i in range(n)}
    found.update({Number(i): -i for i in range(0, n, 2)})
    return [found[Number(i)] for i in range(n)]


def a_set(n: int) -> object:
    return sorted(number.value for number in {Number(i % 5) for i in range(n)})


def substitute(n: int) -> object:
    def double(match: re.Match[str]) -> str:
        park()
        return match.group() * 2

    return re.sub(r"\d", double, "".join(map(str, range(n))))


def dump(n: int) -> object:
    def default(number: Number) -> object:
        park()
        return [number.value]

    return json.dumps([Number(i) for i in range(n)], default=default)


def load(n: int) -> object:
    def hook(pairs: dict[str, int]) -> object:
        park()
        return sum(pairs.values())

    return json.loads(json.dumps([{"a": i, "b": 1} for i in range(n)]), object_hook=hook)


def parked_at(i: int) -> int:
    park()
    return i


def generator(n: int) -> object:
    def numbers() -> Iterator[int]:
        for i in range(n):
            park()
            yield i
            park()

    return sum(itertools.islice(numbers(), n)) + sum(parked_at(i) for i in numbers())


def context_managers(n: int) -> object:
    seen: list[object] = []

    @contextlib.contextmanager
    def entered(i: int) -> Iterator[int]:
        park()
        try:
            yield i
        finally:
            park()
            seen.append(i)

    with contextlib.ExitStack() as stack:
        for i in range(n):
            stack.enter_context(entered(i))
        stack.callback(park)
    return seen


def reduction(n: int) -> object:
    def add(a: int, b: int) -> int:
        park()
        return a + b

    return functools.reduce(add, range(n))


def mapping(n: int) -> object:
    def square(i: int) -> int:
        park()
        return i * i

    return [*map(square, range(n)), *filter(square, range(n))]


def bisection(n: int) -> object:
    return bisect.bisect([Number(i) for i in range(20)], Number(n))


def indices(n: int) -> object:
    return bytes(n)[: Number(3)] + bytearray(Number(2)), range(100)[Number(n)]


def text(n: int) -> object:
    return f"{[Number(i) for i in range(n)]}", str([Number(n)]), repr({n: Number(n)})


def cached(n: int) -> object:
    class Lazy:
        @functools.cached_property
        def value(self) -> int:
            park()
            return n

    lazy = Lazy()
    return lazy.value + lazy.value


def minimum(n: int) -> object:
    return min(Number(i) for i in range(n)).value, max(map(Number, range(n))).value


def class_body(n: int) -> object:
    class Meta(type):
        @classmethod
        def __prepare__(cls, *_: object, **__: object) -> dict[str, object]:
            park()
            return {}

        def __call__(cls) -> object:
            park()
            return super().__call__()

    class Made(metaclass=Meta):
        park()
        value = n

    return Made().value


def executed(n: int) -> object:
    scope = {"park": park}
    exec(compile(f"park()\nresult = [park() or i for i in range({n})]", "<text>", "exec"), scope)  # noqa: S102
    return scope["result"]


WORK: list[Callable[[int], object]] = [
    sort_by_key,
    sort_by_comparison,
    sort_in_place,
    dictionary,
    a_set,
    substitute,
    dump,
    load,
    generator,
    context_managers,
    reduction,
    mapping,
    bisection,
    indices,
    text,
    cached,
    minimum,
    class_body,
    executed,
]


@pytest.mark.parametrize("work", WORK, ids=lambda work: work.__name__)
@in_run
def test_a_goroutine_may_park_while_c_code_calls_back(work: Callable[[int], object]) -> None:
    alone = [go(work, n).join() for n in (9, 10, 11)]
    workers = [go(work, n) for n in (9, 10, 11) * 4]
    assert [worker.join() for worker in workers] == alone * 4


@in_run
def test_all_of_them_at_once() -> None:
    alone = [go(work, 10).join() for work in WORK]
    workers = [go(work, 10) for work in WORK * 3]
    assert [worker.join() for worker in workers] == alone * 3


# ---- finalizers


@in_run
def test_a_finalizer_may_park() -> None:
    seen: list[str] = []

    class Thing:
        def __init__(self, name: str) -> None:
            self.name = name

        def __del__(self) -> None:
            sleep(0.0001)
            seen.append(self.name)

    def work(name: str) -> None:
        thing = Thing(name)
        gosched()
        del thing
        seen.append(name)

    for each in [go(work, name) for name in "abc"]:
        each.join()
    assert sorted(seen) == ["a", "a", "b", "b", "c", "c"]
    assert all(seen.index(name) < len(seen) - 1 - seen[::-1].index(name) for name in "abc")


@in_run
def test_a_finalizer_of_what_a_goroutine_was_given_may_park() -> None:
    seen: list[str] = []

    class Thing:
        def __del__(self) -> None:
            seen.append("begun")
            sleep(0.0001)
            seen.append("ended")

    for _ in range(5):
        go(lambda _: None, Thing())
    go(Thing)
    while len(seen) < 12:
        gosched()
    assert go(lambda: 1).join() == 1


@in_run
def test_a_finalizer_in_a_collection_may_park() -> None:
    seen: list[int] = []

    class Knot:
        def __init__(self) -> None:
            self.me = self

        def __del__(self) -> None:
            gosched()
            seen.append(1)

    def tie_and_collect() -> None:
        for _ in range(3):
            Knot()
            gosched()
        gc.collect()

    for each in [go(tie_and_collect) for _ in range(5)]:
        each.join()
    gc.collect()
    assert len(seen) == 15


# ---- exceptions


@in_run
def test_the_exception_being_handled_is_the_goroutine_s_own() -> None:
    def work(i: int) -> None:
        assert sys.exc_info() == (None, None, None)
        try:
            raise OSError(i)
        except OSError as mine:
            for _ in range(3):
                gosched()
                assert sys.exc_info()[1] is mine
            with pytest.raises(OSError) as caught:
                raise
            assert caught.value is mine
            assert mine.__context__ is None
        gosched()
        assert sys.exc_info() == (None, None, None)

    for each in [go(work, i) for i in range(20)]:
        each.join()


@in_run
def test_a_goroutine_started_in_an_except_block_begins_without_its_exception() -> None:
    def work() -> BaseException | None:
        gosched()
        try:
            raise ValueError
        except ValueError as mine:
            return mine.__context__

    try:
        raise OSError
    except OSError:
        goroutine = go(work)
        gosched()
        assert goroutine.join() is None
        assert isinstance(sys.exc_info()[1], OSError)


@in_run
def test_a_generator_may_be_advanced_by_several_goroutines_in_turn() -> None:
    def numbers() -> Iterator[tuple[int, Goroutine]]:
        for i in range(10):
            yield i, current()

    shared = numbers()

    def work() -> list[int]:
        mine = []
        for i, who in shared:
            assert who is current()
            mine.append(i)
            gosched()
        return mine

    workers = [go(work) for _ in range(3)]
    assert sorted(itertools.chain(*(worker.join() for worker in workers))) == list(range(10))


@in_run
def test_a_generator_that_is_parked_in_refuses_a_second_goroutine() -> None:
    def numbers() -> Iterator[int]:
        lowlevel.park()
        yield 1

    shared = numbers()
    first = parked(go(next, shared))
    with pytest.raises(ValueError, match="already executing"):
        next(shared)
    lowlevel.ready(first)
    assert first.join() == 1


# ---- with locks of threads


@in_run
def test_a_lock_of_threads_may_be_held_across_a_park() -> None:
    lock = threading.Lock()

    def holder() -> None:
        with lock:
            sleep(0.002)

    holding = parked(go(holder))
    assert not lock.acquire(blocking=False)
    holding.join()
    assert lock.acquire(blocking=False)
    lock.release()


@in_run
def test_iteration_while_others_change_the_dictionary_is_an_error_not_a_crash() -> None:
    shared = {i: i for i in range(10)}

    def iterate() -> str:
        try:
            for _ in shared:
                gosched()
        except RuntimeError as error:
            return str(error)
        return "no error"

    def change() -> None:
        gosched()
        for i in range(100):
            shared[i * 1000] = i
            gosched()

    iterating, changing = go(iterate), go(change)
    assert "changed size" in iterating.join()
    changing.join()

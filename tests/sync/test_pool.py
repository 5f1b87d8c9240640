"""Pool: what is put back is used again."""

import threading
import weakref

import pytest

from netpoll.sync import Pool
from tests.running import Outcome


def test_what_was_put_last_is_had_first_and_then_new_ones() -> None:
    # Go: TestPool, TestPoolNew.
    pool = Pool(lambda: "new")
    assert pool.get() == "new"
    pool.put("a")
    pool.put("b")
    assert len(pool) == 2
    assert [pool.get() for _ in range(3)] == ["b", "a", "new"]
    assert repr(pool) == "<Pool 0 free, at most 64>"


def test_no_more_is_kept_than_the_limit_says() -> None:
    pool = Pool(object, limit=2)
    items = [pool.get() for _ in range(4)]
    references = [1, 2]
    for item in items:
        pool.put(item)
    assert len(pool) == len(references)
    assert [pool.get(), pool.get()] == [items[1], items[0]]
    empty = Pool(object, limit=0)
    empty.put(object())
    assert len(empty) == 0


def test_what_is_dropped_is_freed() -> None:
    class Item:
        """Something with a weak reference."""

    pool = Pool(Item, limit=1)
    kept, dropped = pool.get(), pool.get()
    gone = weakref.ref(dropped)
    pool.put(kept)
    pool.put(dropped)
    del dropped
    assert gone() is None
    assert pool.get() is kept


def test_what_new_raises_comes_out_of_get() -> None:
    def fail() -> int:
        raise KeyError

    with pytest.raises(KeyError) as caught:
        Pool(fail).get()
    assert caught.value.__context__ is None


def test_it_needs_a_callable_and_a_limit_that_can_be() -> None:
    with pytest.raises(TypeError, match="needs a callable, not int"):
        Pool(1)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="cannot keep -1"):
        Pool(object, limit=-1)


def test_eight_threads_never_have_the_same_one() -> None:
    # Go: TestPoolStress.
    pool: Pool[list[int]] = Pool(list, limit=4)
    start = threading.Barrier(8)

    def work(me: int) -> None:
        start.wait()
        for _ in range(2000):
            item = pool.get()
            item.append(me)
            assert item == [me]
            item.clear()
            pool.put(item)

    threads = [Outcome(work, i) for i in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.result()
    assert len(pool) <= 4

"""Keys that expire, in the store of the RESP server."""

import pytest
from resp_store import Store


class Clock:
    def __init__(self) -> None:
        self.seconds = 1_000_000.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def store(clock: Clock) -> Store:
    return Store(clock)


def expiring(store: Store, *names: str, after: int) -> None:
    for name in names:
        store.set(name.encode(), b"v", store.now() + after)


def test_a_key_is_there_until_its_deadline(store: Store, clock: Clock) -> None:
    expiring(store, "k", after=500)
    assert store.time_left(b"k") == 500
    clock.seconds += 0.5
    assert store.find(b"k") == b"v"
    assert store.time_left(b"k") == 0
    clock.seconds += 0.001
    assert store.find(b"k") is None
    assert store.time_left(b"k") == -2
    assert (store.values, store.deadlines) == ({}, {})


def test_each_way_to_a_key_sees_that_it_has_expired(store: Store, clock: Clock) -> None:
    expiring(store, "a", "b", "c", "d", "e", after=1)
    clock.seconds += 1
    assert store.string(b"a") is None
    assert not store.list(b"b")
    assert store.add(b"c", 3) == 3
    assert not store.expire(b"d", store.now() + 1000)
    assert not store.persist(b"e")
    assert store.time_left(b"c") == -1


def test_a_deadline_in_the_past_deletes_at_once(store: Store) -> None:
    store.set(b"k", b"v")
    assert store.expire(b"k", store.now())
    assert store.values == {}
    assert not store.expire(b"k", store.now())


def test_a_new_value_has_no_deadline_and_a_changed_one_keeps_it(store: Store) -> None:
    expiring(store, "a", after=500)
    store.set(b"a", b"w")
    assert store.time_left(b"a") == -1
    store.set(b"n", b"1", store.now() + 500)
    store.add(b"n", 1)
    assert store.time_left(b"n") == 500
    assert store.persist(b"n")
    assert not store.persist(b"n")


def test_the_sweep_deletes_what_has_expired_and_nothing_else(store: Store, clock: Clock) -> None:
    store.set(b"stays", b"v")
    expiring(store, "later", after=10_000)
    expiring(store, *"abc", after=1)
    clock.seconds += 1
    assert store.sweep(100) == 3
    assert store.values.keys() == {b"stays", b"later"}
    assert store.deadlines.keys() == {b"later"}
    assert store.sweep(100) == 0


def test_the_sweep_looks_at_so_many_keys_and_goes_on_with_the_others(
    store: Store, clock: Clock
) -> None:
    expiring(store, *"abcde", after=10_000)
    expiring(store, *"xyz", after=1)
    clock.seconds += 1
    assert [store.sweep(3) for _ in range(3)] == [0, 1, 2]
    assert store.values.keys() == {name.encode() for name in "abcde"}


def test_the_sweep_gets_round_although_keys_come_and_change(store: Store, clock: Clock) -> None:
    expiring(store, "old", after=1)
    expiring(store, *(f"k{n}" for n in range(50)), after=10_000)
    clock.seconds += 1
    for n in range(60):
        expiring(store, f"k{n}", after=10_000)
        store.sweep(2)
    assert b"old" not in store.values


def test_nothing_is_left_after_all_is_cleared(store: Store) -> None:
    expiring(store, "a", after=100)
    store.clear()
    assert (store.values, store.deadlines) == ({}, {})

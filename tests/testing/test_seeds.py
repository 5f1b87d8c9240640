"""shuffled and each_seed: a seed determines the order, and there are seeds for all of them."""

from itertools import permutations

import pytest

from netpoll import current, go, gosched, lowlevel, run, sleep
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from netpoll.testing import each_seed, shuffled, virtual_clock
from tests.conftest import Unhandled
from tests.running import in_run


def order_of(names: str, turns: int = 1) -> list[str]:
    """Return in which order goroutines came to their turns."""
    seen: list[str] = []

    def work(name: str) -> None:
        for _ in range(turns):
            seen.append(name)
            gosched()

    def main() -> None:
        for each in [go(work, name) for name in names]:
            each.join()

    run(main)
    return seen


def test_the_same_seed_is_the_same_order() -> None:
    for seed in range(20):
        with shuffled(seed):
            first = order_of("abcdefgh", turns=10)
        with shuffled(seed):
            assert order_of("abcdefgh", turns=10) == first


def test_another_seed_is_another_order() -> None:
    orders = set()
    for seed in range(100):
        with shuffled(seed):
            orders.add(tuple(order_of("abcdefgh", turns=10)))
    assert len(orders) == 100


def test_some_seed_leads_to_every_order_of_three() -> None:
    orders = set()
    for seed in range(60):
        with shuffled(seed):
            orders.add(tuple(order_of("abc")))
    assert orders == set(permutations("abc"))


def test_each_order_of_three_is_about_as_likely() -> None:
    orders = []
    for seed in range(600):
        with shuffled(seed):
            orders.append(tuple(order_of("abc")))
    assert all(50 <= orders.count(order) <= 150 for order in permutations("abc"))


def test_without_a_seed_the_order_is_that_in_which_they_began() -> None:
    with shuffled(1):
        pass
    assert order_of("abcdefgh") == list("abcdefgh")


@in_run
def test_within_a_run_only_the_block_is_shuffled() -> None:
    def order() -> list[int]:
        seen: list[int] = []
        for each in [go(seen.append, i) for i in range(30)]:
            each.join()
        return seen

    with shuffled(3):
        first = order()
    assert order() == list(range(30))
    with shuffled(3):
        assert order() == first != list(range(30))


def test_the_inner_of_two_counts() -> None:
    with shuffled(1):
        outer = order_of("abcdefgh")
        with shuffled(2):
            inner = order_of("abcdefgh")
        assert order_of("abcdefgh") == outer
    with shuffled(2):
        assert order_of("abcdefgh") == inner != outer


@pytest.mark.parametrize("seed", [0, -1, 1 << 64, 1 << 200])
def test_every_whole_number_is_a_seed(seed: int) -> None:
    with shuffled(seed):
        first = order_of("abcdefgh", turns=5)
    with shuffled(seed):
        assert order_of("abcdefgh", turns=5) == first


@shuffled(5)
def test_it_is_a_decorator() -> None:
    order = order_of("abcdefgh")
    assert order == order_of("abcdefgh") != list("abcdefgh")


def test_those_who_wake_one_another_are_shuffled_too() -> None:
    def main() -> list[int]:
        seen: list[int] = []

        def wait(i: int) -> None:
            lowlevel.park()
            seen.append(i)

        waiting = [go(wait, i) for i in range(8)]
        gosched()
        for each in waiting:
            lowlevel.ready(each)
        for each in waiting:
            each.join()
        return seen

    orders = set()
    for seed in range(50):
        with shuffled(seed):
            orders.add(tuple(run(main)))
    assert len(orders) > 40


def test_it_goes_with_the_virtual_clock() -> None:
    def main() -> list[int]:
        seen: list[int] = []

        def nap(i: int) -> None:
            sleep(60)
            seen.append(i)

        for each in [go(nap, i) for i in range(8)]:
            each.join()
        return seen

    def under(seed: int) -> list[int]:
        with virtual_clock(), shuffled(seed):
            return run(main)

    assert [under(seed) for seed in range(10)] == [under(seed) for seed in range(10)]
    assert len({tuple(under(seed)) for seed in range(30)}) > 20


def test_the_choice_of_select_depends_on_the_seed_too() -> None:
    def main() -> tuple[int, ...]:
        channels = [Chan[int](20) for _ in range(4)]
        for i, chan in enumerate(channels):
            for _ in range(20):
                chan.send(i)
        return tuple(select(*(chan.recv for chan in channels))[0] for _ in range(20))

    def under(seed: int) -> tuple[int, ...]:
        with shuffled(seed):
            return run(main)

    assert [under(seed) for seed in range(5)] == [under(seed) for seed in range(5)]
    assert len({under(seed) for seed in range(30)}) == 30
    assert len({run(main) for _ in range(10)}) == 10
    with shuffled(1):
        assert run(main) == run(main)


# ---- each_seed


class Account:
    """A classic: the balance is read, somebody else runs, and what was read is written back."""

    def __init__(self) -> None:
        self.balance = 0

    def deposit(self) -> None:
        balance = self.balance
        if balance == 0:  # so that only an order that is not the usual one loses something
            gosched()
        self.balance = balance + 1


def lost_update() -> None:
    account = Account()

    def later() -> None:
        gosched()
        gosched()
        account.deposit()

    go(account.deposit)
    go(later).join()
    assert account.balance == 2


def test_a_lost_update_is_found_and_its_seed_is_named() -> None:
    run(lost_update)  # the usual order hides it
    with pytest.raises(AssertionError) as caught:
        each_seed(lost_update)
    (note,) = caught.value.__notes__
    seed = int(note.split()[5].rstrip(","))
    assert note == f"in the order of seed {seed}, which shuffled({seed}) repeats"
    for _ in range(3):
        with shuffled(seed), pytest.raises(AssertionError):
            run(lost_update)


def test_each_run_is_one_of_its_own() -> None:
    mains = []
    each_seed(lambda: mains.append(current().id), n=5)
    assert len(set(mains)) == 5


def test_the_seeds_begin_where_it_is_said() -> None:
    def fail() -> None:
        raise LookupError("always")

    with pytest.raises(LookupError) as caught:
        each_seed(fail, first=17)
    assert "seed 17," in caught.value.__notes__[0]


def test_an_exception_that_nobody_joins_is_a_failure(
    monkeypatch: pytest.MonkeyPatch, default_hook: None
) -> None:
    def fail() -> None:
        raise LookupError("nobody looks")

    def main() -> None:
        go(fail)
        sleep(0.001)

    with pytest.raises(LookupError, match="nobody looks") as caught:
        each_seed(main, n=1)
    assert "in goroutine" in caught.value.__notes__[0]
    assert "test_seeds.py" in caught.value.__notes__[0]
    assert "seed 0" in caught.value.__notes__[1]


def test_several_of_them_are_a_group(default_hook: None) -> None:
    def fail(error: Exception) -> None:
        raise error

    def main() -> None:
        go(fail, LookupError())
        go(fail, OSError())
        sleep(0.001)

    with pytest.raises(ExceptionGroup) as caught:
        each_seed(main, n=1)
    assert {type(each) for each in caught.value.exceptions} == {LookupError, OSError}


def test_beside_a_failure_of_main_they_are_told_of(default_hook: None) -> None:
    def fail() -> None:
        raise LookupError("nobody looks")

    def main() -> None:
        go(fail)
        sleep(0.001)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError) as caught:
        each_seed(main, n=1)
    assert any("nobody looks" in note for note in caught.value.__notes__)


def test_a_hook_of_the_programs_own_hears_of_them(unhandled: Unhandled) -> None:
    def fail() -> None:
        raise LookupError

    def main() -> None:
        go(fail)
        sleep(0.001)

    each_seed(main, n=1)
    assert isinstance(unhandled.pop()[1], LookupError)


@in_run
def test_it_is_not_for_within_a_run() -> None:
    with pytest.raises(RuntimeError, match="already running"):
        each_seed(gosched)


def test_a_thousand_seeds_take_a_moment() -> None:
    seen: list[int] = []
    each_seed(lambda: seen.append(1))
    assert len(seen) == 1000

"""Event: a flag that goroutines wait for."""

from netpoll import go, gosched
from netpoll.sync import Event
from tests.running import in_run, on_thread, parked


@in_run
def test_who_waits_goes_on_when_it_is_set() -> None:
    event = Event()
    assert not event.is_set()
    waiters = [parked(go(event.wait)) for _ in range(3)]
    assert repr(event) == "<Event clear, 3 waiting>"
    event.set()
    assert [w.join(10) for w in waiters] == [True] * 3
    assert event.is_set()
    assert repr(event) == "<Event set>"


@in_run
def test_those_who_waited_run_in_the_order_in_which_they_came() -> None:
    event, order = Event(), []

    def work(i: int) -> None:
        event.wait()
        order.append(i)

    workers = [parked(go(work, i)) for i in range(5)]
    event.set()
    for worker in workers:
        worker.join(10)
    assert order == [0, 1, 2, 3, 4]


@in_run
def test_who_waited_goes_on_even_if_it_is_cleared_at_once() -> None:
    event = Event()
    waiter = parked(go(event.wait))
    event.set()
    event.clear()
    later = parked(go(event.wait))
    assert waiter.join(10) is True
    assert not later.done
    event.set()
    later.join(10)


@in_run
def test_a_set_flag_makes_nobody_wait() -> None:
    event = Event()
    event.set()
    event.set()
    assert event.wait() is True
    assert event.wait(0) is True
    event.clear()
    assert event.wait(0) is False


@in_run
def test_a_loop_over_a_set_flag_lets_the_others_run() -> None:
    event = Event()
    event.set()
    clearing = go(event.clear)
    while event.wait(0):
        """The other clears it, if it ever runs."""
    clearing.join()


def test_a_thread_waits_for_what_another_sets() -> None:
    event = Event()

    def main() -> None:
        waiting = go(event.wait)
        gosched()
        on_thread(event.set)
        assert waiting.join(10) is True

    on_thread(main)

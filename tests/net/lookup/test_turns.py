"""Places for questions: so many at once, and who waits for one."""

from contextlib import suppress

import pytest

from netpoll import GoroutineCancelled, go, gosched
from netpoll._runtime.permits import await_call
from netpoll.net.lookup import turns
from netpoll.net.lookup.turns import Line, turn
from tests.running import begin, in_run, on_thread, parked, says


class Gate:
    """Holds places, each until it is let go."""

    def __init__(self, line: Line) -> None:
        self.line = line
        self.inside: list[int] = []
        self.came: list[int] = []
        self.gone: set[int] = set()

    def hold(self, number: int) -> None:
        with self.line.place():
            self.came.append(number)
            self.inside.append(number)
            try:
                while number not in self.gone:
                    gosched()
            finally:
                self.inside.remove(number)


def settle() -> None:
    for _ in range(5):
        gosched()


@in_run
def test_no_more_than_there_are_places_and_the_others_in_their_order() -> None:
    gate = Gate(Line(3))
    holding = [go(gate.hold, number) for number in range(10)]
    settle()
    for number in range(10):
        assert gate.inside == list(range(number, min(number + 3, 10)))
        gate.gone.add(number)
        settle()
    assert gate.came == list(range(10))
    for one in holding:
        one.join(5)


@in_run
def test_who_comes_later_does_not_get_ahead() -> None:
    line = Line(1)
    came: list[int] = []

    def come(number: int) -> None:
        with line.place():
            came.append(number)

    with line.place():
        waiting = parked(go(come, 1))
    come(2)  # the other one has been called, and has not run yet
    waiting.join(5)
    assert came == [1, 2]


@pytest.mark.parametrize("turn_of", range(6))
@pytest.mark.parametrize("victim", [0, 1, 2, 3])
@in_run
def test_cancelled_ones_leave_no_place_taken_and_no_gap(victim: int, turn_of: int) -> None:
    gate = Gate(Line(1))
    holding = [go(gate.hold, number) for number in range(4)]
    settle()
    gate.gone |= set(range(4))
    for _ in range(turn_of):
        gosched()
    holding[victim].cancel()
    for one in holding:
        with suppress(GoroutineCancelled):
            one.join(5)
    assert [one for one in gate.came if one != victim] == [n for n in range(4) if n != victim]
    gate.gone.add(9)
    go(gate.hold, 9).join(5)


@pytest.mark.parametrize("before", [False, True])
@in_run
def test_a_place_that_comes_with_the_cancellation_goes_on_to_the_next(before: bool) -> None:
    gate = Gate(Line(1))
    with gate.line.place():
        second, third = parked(go(gate.hold, 1)), parked(go(gate.hold, 2))
        if before:
            second.cancel()
    second.cancel()
    gate.gone.add(2)
    third.join(5)
    with pytest.raises(GoroutineCancelled):
        second.join(5)


@in_run
def test_a_place_that_comes_to_one_who_is_interrupted_goes_on_to_the_next(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    line = Line(1)

    def come() -> bool:
        with line.place():
            return True

    def interrupted() -> None:
        await_call()
        raise ZeroDivisionError  # as a signal handler may

    with line.place():
        with monkeypatch.context() as patch:
            patch.setattr(turns, "await_call", interrupted)
            second = parked(go(come))
        third = parked(go(come))
    with pytest.raises(ZeroDivisionError):
        second.join(5)
    assert third.join(5)


@in_run
def test_thousands_that_give_up_are_forgotten() -> None:
    gate = Gate(Line(1))
    first = begin(gate.hold, 0)
    waiting = [go(gate.hold, number) for number in range(1, 10_001)]
    settle()
    for one in waiting:
        one.cancel()
    settle()
    gate.gone |= {0, 10_001}
    go(gate.hold, 10_001).join(5)
    first.join(5)
    assert gate.came == [0, 10_001]


def all_taken() -> None:
    """Take each place of this thread by a goroutine that stays."""

    def hold() -> None:
        with turn():
            while True:
                gosched()

    for _ in range(turns.MOST):
        go(hold)
    gosched()


def takes_one() -> bool:
    with turn():
        return True


@in_run
def test_each_thread_has_places_of_its_own() -> None:
    all_taken()
    waiting = parked(go(takes_one))
    assert on_thread(takes_one)
    assert not waiting.done
    waiting.cancel()


@in_run
def test_who_has_a_place_needs_no_other() -> None:
    def nested() -> bool:
        with turn():
            return go(takes_one).join(5)

    assert all(one.join(10) for one in [go(nested) for _ in range(2 * turns.MOST)])
    assert takes_one()


def test_a_child_has_all_places() -> None:
    program = """
        import os, warnings
        from netpoll import go, gosched, run
        from netpoll.net.lookup import turns

        warnings.simplefilter("ignore", DeprecationWarning)  # of fork, where there are threads

        def hold():
            with turns.turn():
                while True:
                    gosched()

        def ask():
            with turns.turn():
                return "mine"

        def main():
            holding = [go(hold) for _ in range(turns.MOST)]
            gosched()
            waiting = go(ask)
            gosched()
            child = os.fork()
            if child == 0:
                print(ask(), flush=True)
                os._exit(0)
            assert os.waitpid(child, 0)[1] == 0
            assert not waiting.done
            holding[7].cancel()
            print(waiting.join(5))
            for one in holding:
                one.cancel()

        run(main)
    """
    assert says(program) == "mine\nmine\n"

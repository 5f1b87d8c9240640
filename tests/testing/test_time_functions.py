"""The module `time` within a virtual clock: it agrees with the clock, and is as before
afterwards."""

import sys
import threading
import time
import types
from collections.abc import Iterator

import pytest

from netpoll import blocking, run, sleep
from netpoll.net import dial
from netpoll.testing import virtual_clock
from netpoll.testing.time_functions import FUNCTIONS
from tests.running import in_run, on_thread

NAMES = [function.__name__ for function in FUNCTIONS]


@pytest.fixture
def user() -> Iterator[types.ModuleType]:
    """A module that has the functions under names of its own."""
    module = types.ModuleType("user")
    vars(module).update(now=time.monotonic, time=time.time, perf_counter_ns=time.perf_counter_ns)
    sys.modules["user"] = module
    yield module
    del sys.modules["user"]


def test_the_six_clocks_are_there() -> None:
    assert sorted(NAMES) == sorted(
        ["monotonic", "monotonic_ns", "perf_counter", "perf_counter_ns", "time", "time_ns"]
    )


@pytest.mark.parametrize("name", NAMES)
@in_run
def test_each_goes_on_by_what_was_slept(name: str) -> None:
    real = getattr(time, name)
    unit = 1_000_000_000 if name.endswith("_ns") else 1
    with virtual_clock():
        before = getattr(time, name)()
        assert type(before) is type(real())
        assert abs(before - real()) < 2 * unit
        sleep(3600)
        assert getattr(time, name)() - before == 3600 * unit
    assert getattr(time, name) is real


@in_run
def test_they_agree_with_the_clock() -> None:
    with virtual_clock() as clock:
        for _ in range(10):
            sleep(0.1)
            assert time.monotonic() == clock.time() == time.monotonic_ns() / 1e9


@in_run
def test_a_module_that_has_imported_one_follows_and_is_put_back(user: types.ModuleType) -> None:
    before = dict(vars(user))
    with virtual_clock() as clock:
        sleep(3600)
        assert user.now() == clock.time()
        assert user.time() == time.time()
        assert user.perf_counter_ns() == time.perf_counter_ns()
    assert vars(user) == before
    assert user.now is before["now"]


def test_netpolls_own_modules_follow() -> None:
    module = sys.modules[dial.__module__]
    assert vars(module)["monotonic"] is time.monotonic
    with virtual_clock() as clock:
        run(sleep, 60)
        assert vars(module)["monotonic"]() == clock.time()
    assert vars(module)["monotonic"] is time.monotonic


def test_pythons_own_modules_do_not() -> None:
    with virtual_clock():
        assert vars(threading)["_time"] is not time.monotonic
        assert vars(threading)["_time"].__name__ == "monotonic"


@pytest.mark.parametrize("name", NAMES)
@in_run
def test_what_was_imported_meanwhile_is_right_afterwards(name: str) -> None:
    real = getattr(time, name)
    with virtual_clock():
        taken = getattr(time, name)  # as `from time import ...` does
        sleep(3600)
        assert taken() == getattr(time, name)()
    assert taken is not real
    before = real()
    assert before <= taken() <= real()


@in_run
def test_in_a_class_it_is_no_method() -> None:
    with virtual_clock() as clock:

        class Timed:
            now = time.monotonic

        assert vars(Timed)["now"]() == Timed().now() == clock.time()  # type: ignore[misc]


def test_what_the_program_has_put_in_its_place_meanwhile_stays(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    real = time.time
    with virtual_clock():
        time.time = own = lambda: 0.0
    assert time.time is own
    time.time = real


@in_run
def test_what_is_no_module_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    class Odd:
        """What a program may put among the modules."""

        now = time.monotonic

    real = Odd.now
    monkeypatch.setitem(sys.modules, "odd", Odd)
    with virtual_clock():
        sleep(1)
        assert Odd.now is real


@in_run
def test_another_thread_has_the_real_time() -> None:
    real = time.monotonic
    with virtual_clock() as clock:
        sleep(3600)
        there = blocking(lambda: (time.monotonic(), real(), time.time_ns(), time.perf_counter()))
        assert there[1] - there[0] < 60
        assert clock.time() - there[0] > 3000


def test_of_two_threads_clocks_the_last_to_end_puts_all_back() -> None:
    real = time.monotonic
    inside, leave = threading.Event(), threading.Event()

    def other() -> None:
        with virtual_clock() as clock:
            run(sleep, 60)
            inside.set()
            assert leave.wait(20)
            assert time.monotonic() == clock.time()

    thread = threading.Thread(target=other)
    with virtual_clock():
        thread.start()
        assert inside.wait(20)
    assert time.monotonic is not real  # the other's block goes on
    before = real()
    assert before <= time.monotonic() <= real()
    leave.set()
    thread.join(20)
    assert time.monotonic is real


def test_a_thread_without_a_scheduler_may_have_one() -> None:
    def other() -> float:
        with virtual_clock() as clock:
            before = time.monotonic()
            sleep(60)
            return (time.monotonic() - before) / clock.elapsed

    assert on_thread(other) == 1

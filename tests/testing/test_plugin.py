"""The plugin for pytest, in a pytest of its own."""

import re

import pytest

from tests.testing.plugin import PLUGIN, plugin_options

pytest_plugins = ["pytester"]


@pytest.fixture(autouse=True)
def alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have no plugin loaded but those asked for: to import the others takes seconds."""
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")


def outcome(pytester: pytest.Pytester, source: str, **counts: int) -> str:
    """Run a file of tests, which must come out with these counts; return what pytest has
    printed."""
    pytester.makepyfile(source)
    result = pytester.runpytest_subprocess(
        "-p",
        PLUGIN,
        "-rN",  # a summary would say once more, in CI at full length, what has been said
        "-W",
        "error",
        "--strict-markers",
        "-p",
        "no:cacheprovider",
    )
    result.assert_outcomes(**counts)
    return result.stdout.str() + result.stderr.str()


def test_a_test_that_is_marked_is_main_of_a_run(pytester: pytest.Pytester) -> None:
    outcome(
        pytester,
        """
        import unittest
        import pytest
        from netpoll import current, go, run, sleep

        @pytest.fixture
        def number():
            return 17

        @pytest.mark.netpoll
        def test_in_a_run(number, tmp_path):
            with pytest.raises(RuntimeError, match="already running"):
                run(int)
            assert current().name == "main"
            assert go(lambda: number).join() == 17

        @pytest.mark.netpoll
        @pytest.mark.parametrize("seconds", [0.001, 0.002])
        def test_with_parameters(seconds):
            sleep(seconds)

        @pytest.mark.netpoll
        class TestClass:
            def test_method(self, number):
                assert (self.__class__.__name__, number) == ("TestClass", 17)
                with pytest.raises(RuntimeError, match="already running"):
                    run(int)

        class TestUnit(unittest.TestCase):
            @pytest.mark.netpoll
            def test_method(self):
                with self.assertRaises(RuntimeError):
                    run(int)

        def test_without_the_mark():
            assert run(int) == 0
        """,
        passed=6,
    )


def test_what_a_goroutine_raises_fails_the_test(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest
        from netpoll import go, gosched

        def fail():
            raise LookupError("nobody looks")

        @pytest.mark.netpoll
        def test_it():
            go(fail)
            gosched()

        @pytest.mark.netpoll
        def test_main_fails():
            assert 1 == 2
        """,
        failed=2,
    )
    assert "LookupError: nobody looks" in printed
    assert "which nobody joined" in printed
    assert "assert 1 == 2" in printed


def test_a_test_has_to_end_in_its_time(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest
        from netpoll import go, lowlevel, sleep

        def helper():
            lowlevel.park()

        @pytest.mark.netpoll(timeout=0.05)
        def test_real():
            go(helper)
            sleep(3600)

        @pytest.mark.netpoll(timeout=7200)
        def test_virtual(virtual_clock):
            sleep(7199)
            assert virtual_clock.elapsed == 7199

        @pytest.mark.netpoll(timeout=7200)
        def test_virtual_too_long(virtual_clock):
            while True:
                sleep(1)
        """,
        passed=1,
        failed=2,
    )
    assert printed.count("ScopeTimeout") >= 2
    took = re.search(r" in ([\d.]+)s", printed)
    assert took is not None
    assert float(took[1]) < 3600  # pytest's own clock is the real one
    assert "when the test's time, 0.05 s, was over:" in printed
    assert "main: waiting: sleep" in printed  # and not running, as it is when it is told
    assert "helper-" in printed


def test_so_has_one_that_blocks_its_thread_and_never_parks(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import time
        import pytest

        @pytest.mark.netpoll(timeout=0.01)
        def test_blocks():
            time.sleep(0.05)

        @pytest.mark.netpoll(timeout=0.01)
        def test_fails_by_itself():
            time.sleep(0.05)
            raise LookupError("its own")

        @pytest.mark.netpoll(timeout=3600)
        def test_is_quick():
            pass
        """,
        passed=1,
        failed=2,
    )
    assert "ScopeTimeout: the test was to take 0.01 s at most: 0." in printed
    assert printed.count("LookupError: its own") >= 1


def test_orders_are_those_of_seeds(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest
        from netpoll import go

        def order():
            seen = []
            for each in [go(seen.append, i) for i in range(8)]:
                each.join()
            return seen

        orders = []

        @pytest.mark.netpoll(shuffle=17)
        def test_one():
            orders.append(order())

        @pytest.mark.netpoll(shuffle=17)
        def test_the_same():
            assert orders == [order()]
            assert orders[0] != list(range(8))

        runs = []

        @pytest.mark.netpoll(seeds=50)
        def test_many():
            runs.append(tuple(order()))

        def test_that_they_were():
            assert len(runs) == 50
            assert len(set(runs)) > 40

        @pytest.mark.netpoll(seeds=1000)
        def test_that_fails():
            assert order()[0] != 3
        """,
        passed=4,
        failed=1,
    )
    assert "in the order of seed " in printed


def test_fixtures_find_what_is_left_behind(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import os
        import pytest
        from netpoll import go, gosched, lowlevel, net

        @pytest.mark.netpoll
        def test_nothing(no_leaks):
            go(gosched).join()
            net.listen("tcp", "127.0.0.1:0").close()

        @pytest.mark.netpoll
        def test_a_goroutine(no_leaks):
            go(lowlevel.park)

        @pytest.mark.netpoll
        def test_unasked():
            go(lowlevel.park)

        def test_a_descriptor(no_leaks):
            os.open("/dev/null", os.O_RDONLY)
        """,
        passed=3,
        failed=1,
        errors=1,
    )
    assert "waiting: park" in printed
    assert "/dev/null" in printed


def test_a_fixtures_goroutines_go_on_in_the_run(pytester: pytest.Pytester) -> None:
    outcome(
        pytester,
        """
        import pytest
        from netpoll import go, net

        @pytest.fixture
        def server():
            with net.listen("tcp", "127.0.0.1:0") as listener:
                def serve():
                    for conn in listener:
                        with conn:
                            conn.write(b"hello")
                go(serve)
                yield listener.local_addr

        @pytest.mark.netpoll(timeout=20)
        def test_it(server):
            with net.dial("tcp", server) as conn:
                assert conn.read(10) == b"hello"
        """,
        passed=1,
    )


def test_a_fixture_may_wait_for_its_goroutines_at_its_end(pytester: pytest.Pytester) -> None:
    outcome(
        pytester,
        """
        import pytest
        from netpoll import current, go, net, run, sleep

        @pytest.fixture
        def server():
            listener = net.listen("tcp", "127.0.0.1:0")
            served = []
            def handle(conn):
                with conn:
                    served.append(conn.write(b"hello"))
            def serve():
                for conn in listener:
                    go(handle, conn)
            g = go(serve)
            yield listener.local_addr
            listener.close()
            g.join()
            assert served == [5]
            assert other_tests[0].cancelled is False

        other_tests = []

        @pytest.mark.netpoll(timeout=20)
        def test_it(server, no_leaks):
            with net.dial("tcp", server) as conn:
                assert conn.read(10) == b"hello"
            with pytest.raises(RuntimeError, match="already running"):
                run(int)
            other_tests.append(current())

        def test_the_run_has_ended():
            assert other_tests[0].done
            assert run(int) == 0

        @pytest.mark.netpoll(timeout=0.02)
        def test_that_fails(server):
            sleep(60)
        """,
        passed=2,
        failed=1,
        errors=1,  # nobody was served by the last one
    )


def test_what_a_fixtures_goroutine_raises_at_its_end_is_an_error(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest
        from netpoll import go, lowlevel, sleep

        def fail():
            lowlevel.park()
            raise LookupError("too late")

        @pytest.fixture
        def server():
            goroutine = go(fail)
            yield
            lowlevel.ready(goroutine)
            del goroutine
            sleep(0.001)

        @pytest.mark.netpoll
        def test_it(server):
            sleep(0.001)
        """,
        passed=1,
        errors=1,
    )
    assert "LookupError: too late" in printed


def test_a_leak_is_told_of_once(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest
        from netpoll import net

        kept = []

        @pytest.mark.netpoll
        def test_listens(no_leaks):
            kept.append(net.listen("tcp", "127.0.0.1:0"))

        @pytest.mark.netpoll
        def test_fails_itself(no_leaks):
            kept.append(net.listen("tcp", "127.0.0.1:0"))
            assert not kept

        def test_end():
            for each in kept:
                each.close()
        """,
        passed=1,
        failed=2,
        errors=1,  # the second one: its own failure is told first, and what it left behind here
    )
    named = re.findall(r"descriptor \d+: socket:\S+: <TCPListener tcp 127\.0", printed)
    assert len(named) == 2


def test_a_deadlock_shows_what_is_of_the_test(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import threading
        import pytest
        from netpoll import DeadlockError, current, go, run

        def waits():
            go(current().join).join()  # this very line

        def checks():
            with pytest.raises(DeadlockError) as caught:
                waits()
            lines = str(caught.value).splitlines()
            places = [line.rpartition(" in ")[2] for line in lines if line.startswith("  File")]
            print(f"places: {places}")

        def test_of_a_thread():
            thread = threading.Thread(target=run, args=(checks,))
            thread.start()
            thread.join()
            assert 0

        @pytest.mark.netpoll
        def test_of_main(monkeypatch):
            import netpoll._runtime.report
            monkeypatch.setattr(netpoll._runtime.report, "handlers_installed", lambda: False)
            checks()
            assert 0
        """,
        failed=2,
    )
    assert "places: ['checks', 'waits']" in printed
    assert "places: ['test_of_main', 'checks', 'waits']" in printed


def test_a_mark_that_makes_no_sense_fails_the_test(pytester: pytest.Pytester) -> None:
    printed = outcome(
        pytester,
        """
        import pytest

        @pytest.mark.netpoll(5)
        def test_a_number(): pass

        @pytest.mark.netpoll(seconds=5)
        def test_another_name(): pass

        @pytest.mark.netpoll(shuffle=1, seeds=2)
        def test_one_and_many(): pass

        @pytest.mark.netpoll
        async def test_async(): pass
        """,
        failed=4,
    )
    takes = "pytest.mark.netpoll: takes timeout, shuffle, seeds, each by its name; not "
    for complaint in (
        f"{takes}5",
        f"{takes}'seconds'",
        "either shuffle",
        "run() needs a plain function",
    ):
        assert printed.count(complaint) == 1
    assert "another exception occurred" not in printed


def test_pytest_finds_it_by_itself_and_explains_the_mark(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD")
    result = pytester.runpytest_subprocess(*plugin_options(), "--markers")
    assert "@pytest.mark.netpoll(*, timeout=None, shuffle=None, seeds=None)" in result.stdout.str()


def test_the_kit_itself_does_without_pytest(pytester: pytest.Pytester) -> None:
    result = pytester.runpython_c(
        "import sys, netpoll.testing; assert not {'pytest', '_pytest'} & set(sys.modules)"
    )
    assert result.ret == 0

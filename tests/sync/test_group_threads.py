"""Groups between threads, in forked children, at a Ctrl-C, and what is left of them."""

import gc
import threading
import time
import weakref

import pytest

from netpoll import (
    Goroutine,
    go,
    gosched,
    run,
    shield,
    sleep,
)
from netpoll._runtime import lifecycle, report
from netpoll.sync.event import Event
from netpoll.sync.group import Group
from tests.running import Outcome, in_run, on_thread, parked, says
from tests.sync.failing import LONG, Boom, fail, fail_when_cancelled

# ---- threads, forks and the end


def sleep_and_note(notes: list[int], n: int) -> None:
    sleep(0)
    notes.append(n)


def test_members_of_another_thread() -> None:
    seen: list[tuple[str, int]] = []

    def main() -> None:
        with Group() as group:
            added = Event()

            def member() -> None:
                sleep(0.002)
                seen.append(("member", threading.get_ident()))

            def elsewhere() -> None:
                group.go(member)
                added.set()
                sleep(0.01)

            thread = threading.Thread(target=run, args=(elsewhere,))
            thread.start()
            added.wait()
        seen.append(("host", threading.get_ident()))
        thread.join()

    on_thread(run, main)
    assert [name for name, _ in seen] == ["member", "host"]
    assert seen[0][1] != seen[1][1]


def test_eight_threads_start_fail_and_cancel() -> None:
    def main(number: int) -> int:
        counted = 0
        for turn in range(60):
            ended: list[int] = []
            try:
                with Group(5 if turn % 3 == 0 else None) as group:
                    for n in range(20):
                        group.go(sleep_and_note, ended, n)
                    if turn % 4 == number % 4:
                        group.go(fail)
                    if turn % 5 == 0:
                        group.cancel()
            except Boom:
                counted += 1
            assert group.count == 0
        return counted

    outcomes: list[int] = []
    threads = [threading.Thread(target=lambda n=n: outcomes.append(run(main, n))) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(outcomes) == 8
    assert all(outcomes)


def test_one_group_shared_by_eight_threads() -> None:
    counts: list[int] = []

    def main() -> None:
        with Group() as group:
            done = [Event() for _ in range(8)]

            def elsewhere(event: Event) -> None:
                for n in range(200):
                    group.go(sleep_and_note, counts, n)
                event.set()
                while len(counts) < 1600:
                    sleep(0.001)

            threads = [threading.Thread(target=run, args=(elsewhere, event)) for event in done]
            for thread in threads:
                thread.start()
            for event in done:
                event.wait()
        assert len(counts) == 1600
        for thread in threads:
            thread.join()

    on_thread(run, main)


def test_ctrl_c_while_a_group_waits() -> None:
    assert (
        says(
            """
        import os, signal
        from netpoll import run, sleep, go
        from netpoll.sync.group import Group

        def work():
            try:
                sleep(3600)
            finally:
                print("ended")

        def interrupt():
            sleep(0.01)
            os.kill(os.getpid(), signal.SIGINT)

        def main():
            go(interrupt)
            try:
                with Group() as group:
                    group.go(work)
            except KeyboardInterrupt:
                print("interrupted", group.count)

        run(main)
        """
        )
        == "ended\ninterrupted 0\n"
    )


def test_a_second_ctrl_c_does_not_wait() -> None:
    assert (
        says(
            """
        import os, signal
        from netpoll import run, sleep, go, shield
        from netpoll.sync.group import Group

        def stubborn():
            with shield():
                sleep(0.5)

        def interrupt():
            for _ in range(2):
                sleep(0.01)
                os.kill(os.getpid(), signal.SIGINT)

        def main():
            go(interrupt)
            try:
                with Group() as group:
                    group.go(stubborn)
            except KeyboardInterrupt:
                print("interrupted", group)

        run(main)
        """
        )
        == "interrupted <Group over cancelled, members: 0>\n"
    )


ABANDONED = """
        import os, signal, sys
        import netpoll
        from netpoll import run, sleep, go, shield
        from netpoll.sync.event import Event
        from netpoll.sync.group import Group

        def interrupt(times=2):
            for _ in range(times):
                os.kill(os.getpid(), signal.SIGINT)
                sleep(0.01)

        netpoll.excepthook = lambda g, error: print("told of", repr(error))

        def shown(error):
            return [] if error is None else [repr(error), *shown(error.__context__)]
"""


def test_what_has_failed_before_a_second_ctrl_c_is_its_context() -> None:
    assert (
        says(
            ABANDONED
            + """
        class Slow:
            def __del__(self):
                with shield():  # the goroutine has failed and said so, and has not ended yet
                    interrupt()

        def fail(slow):
            del slow
            raise ValueError("lost?")

        def main():
            try:
                with Group() as group:
                    group.go(fail, Slow())
            except KeyboardInterrupt as error:
                print(*shown(error), sep="\\n")

        run(main)
        """
        )
        == """KeyboardInterrupt()
BaseExceptionGroup('2 failures in a group', [ValueError('lost?'), KeyboardInterrupt()])
"""
    )


def test_of_a_failure_after_a_second_ctrl_c_the_excepthook_is_told() -> None:
    assert (
        says(
            ABANDONED
            + """
        def fail(asked):
            with shield():
                asked.wait()
            raise ValueError("lost?")

        def main():
            asked = Event()
            go(interrupt)
            try:
                with Group() as group:
                    group.go(fail, asked)
            except KeyboardInterrupt as error:
                print(*shown(error), sep="\\n")
            asked.set()
            sleep(0.01)

        run(main)
        """
        )
        == """KeyboardInterrupt()
KeyboardInterrupt()
told of ValueError('lost?')
"""
    )


def test_a_deadlock_of_members_ends_them_and_is_reported() -> None:
    assert (
        says(
            """
        from netpoll import run, DeadlockError
        from netpoll.sync.event import Event
        from netpoll.sync.group import Group

        def work():
            try:
                Event().wait()
            finally:
                print("ended")

        def main():
            try:
                with Group() as group:
                    group.go(work)
            except DeadlockError as error:
                print("waiting: for <Group waiting, members: 1>" in str(error), group.count)

        run(main)
        """
        )
        == "ended\nTrue 0\n"
    )


def test_in_a_forked_child_the_members_are_those_of_the_parent() -> None:
    assert (
        says(
            """
        import os
        from netpoll import run, sleep
        from netpoll.sync.group import Group

        def main():
            with Group() as group:
                group.go(sleep, 3600)
                sleep(0)
                child = os.fork()
                if not child:
                    group.cancel()
            if not child:
                os._exit(7)

        def parent():
            try:
                from netpoll import timeout
                with timeout(0.2):
                    main()
            except TimeoutError:
                print(os.waitstatus_to_exitcode(os.wait()[1]))

        run(parent)
        """
        )
        == "7\n"
    )


# ---- leaks


@in_run
def test_nothing_is_left_of_a_group() -> None:
    class Argument:
        pass

    refs: list[weakref.ref[object]] = []

    def once() -> None:
        argument = Argument()
        with pytest.raises(ExceptionGroup), Group() as group:
            group.go(fail_when_cancelled, "x")
            group.go(lambda _: None, argument)
            gosched()
            group.go(fail)
        refs.extend([weakref.ref(argument), weakref.ref(group)])

    for _ in range(10):
        once()
    gosched()
    gc.collect()
    assert [ref() for ref in refs] == [None] * 20


@in_run
def test_members_that_have_ended_are_not_kept() -> None:
    with Group() as group:
        refs: list[weakref.ref[Goroutine[None]]] = []
        for _ in range(100):
            refs.append(weakref.ref(group.go(sleep, 0)))
            gosched()
            gosched()
        assert group.count == 0
        assert [ref() for ref in refs] == [None] * 100


@in_run
def test_collection_at_every_allocation() -> None:
    threshold = gc.get_threshold()
    gc.set_threshold(1)
    try:
        for limit in (None, 1, 2):
            with pytest.raises((Boom, ExceptionGroup)), Group(limit) as group:
                group.go(sleep, 0)
                group.go(sleep, 0)
                group.go(fail)
                sleep(LONG)
            assert group.count == 0
    finally:
        gc.set_threshold(*threshold)


def test_a_place_given_to_one_who_is_left_behind_goes_back(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lifecycle, "GRACE", 0.01)
    shared: list[Group] = []
    members: list[Goroutine[None]] = []
    left = threading.Event()

    def host() -> int:
        with Group(1) as group:
            members.append(group.go(sleep, LONG))
            shared.append(group)
            while not left.is_set():
                sleep(0.001)
            group.go(sleep, 0).join(20)
        return group.count

    def for_ever() -> None:
        with shield():
            shared[0].go(sleep, 0)

    def give(*_: object) -> None:
        members[0].cancel()
        while not members[0].done:
            time.sleep(0.001)

    thread = Outcome(run, host)
    thread.start()
    while not shared:
        time.sleep(0.001)
    monkeypatch.setattr(report, "left_behind", give)
    run(lambda: parked(go(for_ever)))
    left.set()
    assert thread.result() == 0

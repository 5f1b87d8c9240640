"""Where the Python frames of goroutines lie (_runtime/datastack.h)."""

import sys
import threading

from netpoll import go, gosched, run


def deep(levels: int) -> int:
    return 0 if levels == 0 else 1 + deep(levels - 1)


def test_frames_that_do_not_fit_on_the_small_stack_are_as_good_as_others() -> None:
    def climb(levels: int) -> int:
        gosched()
        below = climb(levels - 1) if levels else 0
        gosched()
        return below + 1

    def main() -> list[int]:
        return [each.join() for each in [go(climb, levels) for levels in range(0, 200, 7)]]

    assert run(main) == [levels + 1 for levels in range(0, 200, 7)]


def test_threads_that_end_while_others_climb_corrupt_no_stack() -> None:
    """A thread frees its frames after it has given up the GIL."""

    def thread() -> None:
        assert go(deep, 60).join() == 60

    def main() -> int:
        climbs = 0
        for _ in range(60):
            threads = [threading.Thread(target=thread) for _ in range(4)]
            for each in threads:
                each.start()
            alive = True
            while alive:
                climbs += sum(each.join() == 40 for each in [go(deep, 40) for _ in range(8)])
                alive = any(each.is_alive() for each in threads)
            for each in threads:
                each.join()
        return climbs

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    try:
        assert run(main) > 0
    finally:
        sys.setswitchinterval(interval)

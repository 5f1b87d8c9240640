"""Calling a dial off at each of its moments."""

from collections.abc import Callable

from netpoll import GoroutineCancelled, go, net, sleep
from tests.net.ends import EVERY_MOMENT
from tests.running import open_descriptors


def swept(dial: Callable[[], net.TCPConn], wait: Callable[[int], None]) -> set[str]:
    """Cancel a dial after each number of turns; return how the dials ended.

    None may leave a descriptor behind.
    """
    sleep(1e-3)  # the poller has its descriptors from now on
    before = open_descriptors().keys()
    outcomes = set()
    for number in EVERY_MOMENT:
        dialling = go(dial)
        wait(number)
        dialling.cancel()
        try:
            dialling.join(5).close()
            outcomes.add("connected")
        except GoroutineCancelled:
            outcomes.add("cancelled")
        assert open_descriptors().keys() == before, f"cancelled after {number} turns"
    return outcomes

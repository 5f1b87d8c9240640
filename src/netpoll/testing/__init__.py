"""What makes tests of goroutines quick, repeatable and strict.

    from netpoll import run, sleep
    from netpoll.testing import virtual_clock

    def test_an_hour_passes():
        with virtual_clock() as clock:
            run(sleep, 3600)
            assert clock.elapsed == 3600

Time: virtual_clock, in which it passes only when everybody is parked, and then at once. Order:
wait_all_parked; shuffled and each_seed, by which goroutines run in an order that a number
determines. Leaks: no_leaks. For pytest: the mark `netpoll` and the fixtures `virtual_clock` and
`no_leaks`, in netpoll.testing.pytest_plugin.

Nothing here needs pytest but that last module.
"""

from netpoll.testing.clock import VirtualClock, virtual_clock
from netpoll.testing.leaks import no_leaks
from netpoll.testing.parked import wait_all_parked
from netpoll.testing.seeds import each_seed, shuffled

__all__ = [
    "VirtualClock",
    "each_seed",
    "no_leaks",
    "shuffled",
    "virtual_clock",
    "wait_all_parked",
]

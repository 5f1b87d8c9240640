"""netpoll: channels, select, locks and timers."""

from functools import partial

from benchmarks.tasks.measured import Work, chosen, measure
from benchmarks.together import PRODUCERS, RIVALS, SOONEST, STEP
from netpoll import Chan, after, blocking, go, gosched, run, select
from netpoll.sync import Mutex, WaitGroup


def nothing() -> None:
    """Be a goroutine that ends at once, or a function that blocks for no time."""


def send(channel: Chan[int], values: int) -> None:
    """Send so many values."""
    for value in range(values):
        channel.send(value)


def send_all(channel: Chan[int], values: int) -> None:
    """Send so many values, and say that they were all."""
    send(channel, values)
    channel.close()


def hand_over(operations: int) -> None:
    """Receive what another goroutine sends."""
    channel: Chan[int] = Chan()
    go(send_all, channel, operations)
    for _ in channel:
        pass


def buffered(operations: int) -> None:
    """Send and receive in turn."""
    channel: Chan[int] = Chan(1)
    for value in range(operations):
        channel.send(value)
        channel.recv()


def send_in_turn(channels: list[Chan[int]], values: int) -> None:
    """Send into one channel after another."""
    for value in range(values):
        channels[value % len(channels)].send(value)


def select_of(number: int, operations: int) -> None:
    """Receive from whichever channel has something."""
    channels: list[Chan[int]] = [Chan() for _ in range(number)]
    go(send_in_turn, channels, operations)
    cases = [channel.recv for channel in channels]
    for _ in range(operations):
        select(*cases)


def lock(operations: int) -> None:
    """Take a lock that is free, and give it back."""
    mutex = Mutex()
    for _ in range(operations):
        mutex.lock()
        mutex.unlock()


def with_lock(operations: int) -> None:
    """Do the same by a statement."""
    mutex = Mutex()
    for _ in range(operations):
        with mutex:
            pass


def want(mutex: Mutex, times: int) -> None:
    """Take a lock, and let the others run while it is taken."""
    for _ in range(times):
        with mutex:
            gosched()


def contended_lock(operations: int) -> None:
    """Have many want the same lock."""
    mutex, group = Mutex(), WaitGroup()
    for _ in range(RIVALS):
        group.go(want, mutex, operations // RIVALS)
    group.wait()


def wait_group(operations: int) -> None:
    """Start them all, and wait for all."""
    group = WaitGroup()
    for _ in range(operations):
        group.go(nothing)
    group.wait()


def timers(operations: int) -> None:
    """Set them all, and wait for each."""
    channels = [after(SOONEST + i * STEP) for i in range(operations)]
    for channel in channels:
        channel.recv()


def fan_in(operations: int) -> None:
    """Receive what many send."""
    channel: Chan[int] = Chan()
    for _ in range(PRODUCERS):
        go(send, channel, operations // PRODUCERS)
    for _ in range(operations // PRODUCERS * PRODUCERS):
        channel.recv()


def block(operations: int) -> None:
    """Call a function on another thread, again and again."""
    for _ in range(operations):
        blocking(nothing)


KINDS: dict[str, Work] = {
    "hand-over": hand_over,
    "buffered": buffered,
    "select of 2": partial(select_of, 2),
    "select of 10": partial(select_of, 10),
    "lock": lock,
    "with lock": with_lock,
    "contended lock": contended_lock,
    "wait group": wait_group,
    "timers": timers,
    "fan-in": fan_in,
    "blocking": block,
}

if __name__ == "__main__":
    kind, number = chosen()
    run(measure, KINDS[kind], number)

"""Breaking a call off at each step where a signal handler may raise."""

import dis
import sys
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any


class Alarm(BaseException):
    """What the handler raises."""


def raises_at(step: int, fn: Callable[[], object], package: str) -> bool:
    """Call fn, and have Alarm come up at that step of a package; False if it has fewer.

    Python looks for signals where a function begins, after each call, and where it jumps back.
    """
    steps = 0
    earlier: dict[FrameType, str] = {}

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal steps
        if not frame.f_code.co_filename.startswith(package):
            return None
        frame.f_trace_opcodes = True
        if event == "opcode":
            looked = earlier.get(frame, "RESUME").startswith(("RESUME", "CALL", "JUMP_BACKWARD"))
            earlier[frame] = dis.opname[frame.f_code.co_code[frame.f_lasti]]
            steps += looked
            if looked and steps == step:
                raise Alarm
        return trace

    before = sys.gettrace()
    try:
        sys.settrace(trace)
        fn()
    except Alarm:
        pass
    finally:
        sys.settrace(before)
        earlier.clear()  # a cycle: each frame has the function that traces it
    return steps >= step


def steps_of(fn: Callable[[], object], package: str) -> Iterator[int]:
    """Call fn again and again, broken off at each step; yield after each time."""
    raises_at(0, fn, package)  # 3.12 shows the instructions of a function from its second call on
    step = 1
    while raises_at(step, fn, package):
        yield step
        step += 1

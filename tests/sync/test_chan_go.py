"""The same histories with Go's channels: Go decides."""

import json
import random
import subprocess
from pathlib import Path
from typing import Any

import pytest

from benchmarks.building import build_go
from netpoll import Goroutine, go, gosched
from netpoll.errors import ChannelClosed
from netpoll.sync.chan import Chan
from netpoll.sync.select import select
from tests.running import in_run
from tests.sync.chan_model import Case, Model, Op

HISTORIES = 300
STEPS = 30

History = dict[str, Any]
State = dict[str, Any]


@pytest.fixture(scope="module")
def go_channels() -> Path:
    """Return the program in Go."""
    program, reason = build_go("go-channels", Path(__file__).parent / "go_channels" / "main.go")
    if program is None:
        pytest.skip(reason)
    return program


def history(seed: int) -> History:
    """Return a history in which no step can go on in two ways, so that chance decides nothing."""
    chance = random.Random(seed)
    capacities = [chance.randrange(4) for _ in range(3)]
    model = Model(capacities)
    steps: list[dict[str, Any]] = []
    while len(steps) < STEPS:
        if chance.random() < 0.04:
            number = chance.randrange(len(capacities))
            model.close(number)
            steps.append({"Close": number})
            continue
        cases = [
            Case(
                chance.choice(["send", "recv"]),
                chance.choice([None, *range(len(capacities))]),
                100 * len(steps) + i,
            )
            for i in range(chance.choice([1, 1, 1, 2, 3, 4]))
        ]
        op = Op(cases)
        ready = model.ready(op)
        alike = len({(case.kind, case.channel) for case in cases}) < len(cases)
        if len(ready) > 1 or alike:
            continue
        default = chance.random() < 0.2
        if ready:
            model.carry_out(op, ready[0])
        elif not default:
            model.wait(op)
        shown = [{"Kind": c.kind, "Channel": c.channel, "Value": c.value} for c in cases]
        steps.append({"Cases": shown, "Default": default})
    return {"Capacities": capacities, "Steps": steps}


def perform(channels: list[Chan[int]], step: dict[str, Any], number: int) -> State:
    out = {"Op": number, "Index": 0, "Value": 0, "Ok": False, "Closed": False}
    try:
        if "Close" in step:
            channels[step["Close"]].close()
            return out
        cases: list[Any] = []
        for case in step["Cases"]:
            channel = None if case["Channel"] is None else channels[case["Channel"]]
            if channel is None:
                cases.append(None)
            elif case["Kind"] == "send":
                cases.append((channel.send, case["Value"]))
            else:
                cases.append(channel.recv)
        index, value, ok = select(*cases, default=step["Default"])
        out |= {"Index": index, "Value": value or 0, "Ok": ok}
    except ChannelClosed:
        out["Closed"] = True
    return out


def states(past: History) -> list[State]:
    """Return what each step of a history brings here."""
    channels = [Chan[int](capacity) for capacity in past["Capacities"]]
    running: list[Goroutine[State]] = []
    seen = []
    for number, step in enumerate(past["Steps"]):
        running.append(go(perform, channels, step, number))
        for _ in range(4):
            gosched()
        ended = [goroutine.join() for goroutine in running if goroutine.done]
        running = [goroutine for goroutine in running if not goroutine.done]
        seen.append({"Ended": ended, "Lengths": [len(channel) for channel in channels]})
    for goroutine in running:
        goroutine.cancel()
    return seen


@pytest.mark.timeout(300)  # the first build with Go compiles its library as well
@in_run
def test_histories_go_as_in_go(go_channels: Path) -> None:
    past = [history(seed) for seed in range(HISTORIES)]
    done = subprocess.run(
        [go_channels],
        input="".join(json.dumps(each) + "\n" for each in past),
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    assert len(answers) == HISTORIES
    ended = 0
    for each, answer in zip(past, answers, strict=True):
        for state in answer:
            state["Ended"].sort(key=lambda outcome: outcome["Op"])
            ended += len(state["Ended"])
        assert states(each) == answer
    assert ended > HISTORIES * STEPS / 3

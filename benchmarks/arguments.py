"""What may be written on the command line."""

import argparse
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from resource import RLIM_INFINITY, RLIMIT_NOFILE, getrlimit

from benchmarks.building import HERE
from benchmarks.scenario import Axes, Scenario
from benchmarks.scenarios import SCENARIOS

RESULTS = HERE / "results"
WHOLE = RESULTS / "whole.json"
"""The run that docs/performance.md and the plots speak of."""
LAST = RESULTS / "last"
"""Where a quick run and a run of a part go."""
_OTHER_FILES = 100
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class Options:
    """What is asked for. rounds and seconds: None for those of the pace."""

    scenarios: tuple[Scenario, ...]
    quick: bool
    chosen: Axes
    contenders: tuple[str, ...]
    rounds: int | None
    seconds: float | None
    seed: int | None
    near: bool
    show: Path | None

    @property
    def is_whole(self) -> bool:
        """Tell whether everything is measured as it should be."""
        return (
            self.scenarios == SCENARIOS
            and not (self.quick or self.chosen or self.contenders or self.near)
            and self.rounds is None
            and self.seconds is None
        )


def parse(argv: Sequence[str] | None) -> Options:
    """Return the options; SystemExit if they make no sense."""
    args = _parser().parse_args(argv)
    chosen = {"conns": tuple(args.conns or ()), "size": tuple(args.size or ())}
    return Options(
        scenarios=tuple(each for each in SCENARIOS if each in (args.scenario or SCENARIOS)),
        quick=args.quick,
        chosen={name: values for name, values in chosen.items() if values},
        contenders=tuple(name for names in args.peers or () for name in names),
        rounds=args.rounds,
        seconds=args.seconds,
        seed=args.seed,
        near=args.near,
        show=args.show,
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="make bench ARGS=...",
        description="Measure netpoll and its peers side by side.",
        epilog=_epilog(),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = parser.add_argument
    add("scenario", nargs="*", type=_scenario, metavar="SCENARIO", help="default: all of them")
    add("--quick", action="store_true", help="few and short rounds, fewer connections")
    add("--conns", type=_connections, nargs="+", metavar="N", help="numbers of connections")
    add("--size", type=_count, nargs="+", metavar="BYTES", help="sizes of a message")
    add("--peers", type=_names, nargs="+", metavar="NAME", help="whom to measure beside netpoll")
    add("--rounds", type=_count, metavar="N", help="how often each is measured")
    add("--seconds", type=_seconds, metavar="S", help="how long each sample takes")
    add("--seed", type=int, metavar="N", help="makes the order the same again")
    add("--near", action="store_true", help="measure while the cores are near, if they move")
    add("--show", type=Path, metavar="FILE", help="measure nothing, show these results")
    return parser


def _scenario(name: str) -> Scenario:
    for scenario in SCENARIOS:
        if scenario.name == name:
            return scenario
    known = ", ".join(scenario.name for scenario in SCENARIOS)
    raise argparse.ArgumentTypeError(f"{name} is no scenario; there are {known}")


def _names(text: str) -> list[str]:
    """Return the names of contenders, which stand between commas."""
    names = text.split(",")
    known = sorted({each.name for scenario in SCENARIOS for each in scenario.contenders})
    for name in names:
        if name not in known:
            message = f"{name} is none of those that are measured: {', '.join(known)}"
            raise argparse.ArgumentTypeError(message)
    return names


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is no whole number above 0")
    return int(text)


def _connections(text: str) -> int:
    number, files = _count(text), getrlimit(RLIMIT_NOFILE)[1]
    if files != RLIM_INFINITY and number > files - _OTHER_FILES:
        most = f"{files - _OTHER_FILES:,} open at most (ulimit -Hn)"
        raise argparse.ArgumentTypeError(f"{text}: a process here may have {most}")
    return number


def _seconds(text: str) -> float:
    with suppress(ValueError):
        if 0 < float(text) <= _MINUTE:
            return float(text)
    raise argparse.ArgumentTypeError(f"{text} is no number of seconds up to {_MINUTE}")


def _epilog() -> str:
    lines = "\n".join(f"  {scenario.name:14} {scenario.title}" for scenario in SCENARIOS)
    return f"scenarios:\n{lines}\n\nexample: make bench ARGS='echo --conns 50 --peers go gevent'"

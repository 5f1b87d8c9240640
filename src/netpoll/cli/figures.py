"""What the demo has found out, and how it is written."""

from dataclasses import dataclass

from netpoll.cli.histogram import Histogram
from netpoll.cli.load import Failure

_PERCENTILES = (50, 99, 99.9)
_NOT_AVAILABLE = "n/a"
_UNITS = (("us", 1e6), ("ms", 1e3), ("s", 1))
_THREE_DIGITS = 999.5  # from here on a number has four


@dataclass(frozen=True, slots=True)
class Figures:
    """One measurement, in seconds and bytes; None for what could not be seen."""

    address: str
    connections: int
    size: int
    elapsed: float
    latencies: Histogram
    server_cpu: float | None
    server_memory: float | None
    failure: Failure | None
    interrupted: bool


def title(figures: Figures) -> str:
    """Return one line that says what was measured."""
    how_long = f"{figures.elapsed:.1f} s{', interrupted' if figures.interrupted else ''}"
    return f"echo server at {figures.address}, {figures.size}-byte messages, {how_long}"


def rows(figures: Figures) -> list[tuple[str, str]]:
    """Return names and values in the order in which they are shown."""
    messages = figures.latencies.total
    outcome = "none wrong" if figures.failure is None else "then a failure"
    cpu = _share(figures.server_cpu, messages)
    memory = _share(figures.server_memory, figures.connections)
    return [
        ("connections", f"{figures.connections:,}"),
        ("messages", f"{messages:,}"),
        ("bytes compared", f"{messages * figures.size:,}, {outcome}"),
        ("messages per second", _rate(messages, figures.elapsed)),
        *((f"latency p{n:g}", duration(figures.latencies.percentile(n))) for n in _PERCENTILES),
        ("server CPU per message", duration(cpu)),
        ("server memory per connection", _kibibytes(memory)),
    ]


def duration(seconds: float | None) -> str:
    """Write a duration with three digits and the unit that suits it."""
    if seconds is None:
        return _NOT_AVAILABLE
    unit, factor = next((row for row in _UNITS if seconds * row[1] < _THREE_DIGITS), _UNITS[-1])
    return f"{seconds * factor:#.3g}".rstrip(".") + f" {unit}"


def _rate(messages: int, elapsed: float) -> str:
    return f"{messages / elapsed:,.0f}" if elapsed else _NOT_AVAILABLE


def _kibibytes(size: float | None) -> str:
    return _NOT_AVAILABLE if size is None else f"{size / 1024:.1f} KiB"


def _share(whole: float | None, parts: int) -> float | None:
    return None if whole is None or not parts else whole / parts

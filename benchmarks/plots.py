"""The plots, from results alone. Without matplotlib there are none."""

from pathlib import Path
from typing import Any

from benchmarks import terminal
from benchmarks.results import Results
from benchmarks.scenario import Cell, Scenario
from benchmarks.scenarios import ECHO, PLOTTED_AS_BARS, WAKEUP

_OURS, _REFERENCE, _OTHERS = "#1f6feb", "#57606a", "#afb8c1"
_HIGHLIGHTED = {"netpoll": _OURS, "limit": _REFERENCE, "greenlet": _REFERENCE}
_PANELS_A_ROW = 3
_PERCENTILES = (50, 75, 90, 95, 99, 99.5, 99.9)
_CHIEF_ECHO = ((64, 50), (64, 1000), (16384, 50))


def draw(results: Results, place: Path) -> list[Path]:
    """Draw what there are results of and return the files."""
    try:
        import matplotlib as mpl  # noqa: PLC0415 - without it there are figures all the same
    except ImportError:
        terminal.say("no plots: matplotlib is not installed")
        return []
    mpl.use("Agg")
    mpl.rcParams.update({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False})
    place.mkdir(parents=True, exist_ok=True)
    for former in place.glob("*.png"):
        former.unlink()  # of another run, which may have had other scenarios
    files = [_bars(results, ECHO, _chief_echo(results), place / "echo.png")]
    files += [
        _bars(results, scenario, results.cells(scenario.name), place / f"{scenario.name}.png")
        for scenario in PLOTTED_AS_BARS
    ]
    files += [_connections(results, place), _wakeup(results, place)]
    return [file for file in files if file]


def _chief_echo(results: Results) -> list[Cell]:
    cells = results.cells(ECHO.name)
    chief = [c for c in cells if (c.number("size"), c.number("conns")) in _CHIEF_ECHO]
    return chief or cells[:_PANELS_A_ROW]


def _figure(panels: int, height: float) -> tuple[Any, list[Any]]:
    from matplotlib.figure import Figure  # noqa: PLC0415

    columns = min(panels, _PANELS_A_ROW)
    rows = -(-panels // columns)
    figure = Figure(figsize=(4.4 * columns, height * rows), layout="constrained")
    axes = figure.subplots(rows, columns, squeeze=False).flatten().tolist()
    for unused in axes[panels:]:
        unused.axis("off")
    return figure, axes


def _bars(results: Results, scenario: Scenario, cells: list[Cell], file: Path) -> Path | None:
    """Draw the chief figure of each cell: a bar for each contender, the shortest at the top."""
    if not cells:
        return None
    figure, axes = _figure(len(cells), 0.9 + 0.26 * max(len(results.contenders(c)) for c in cells))
    for axis, cell in zip(axes, cells, strict=False):
        _panel(axis, results, scenario, cell)
    shares = " (dark: user, light: system)" if "user" in {f.name for f in scenario.figures} else ""
    figure.suptitle(
        f"{scenario.title}: {scenario.chief.label}{shares}, less is better; in brackets:"
        f" x {scenario.reference}",
        x=0.01,
        ha="left",
    )
    figure.savefig(file, dpi=130)
    return file


def _panel(axis: Any, results: Results, scenario: Scenario, cell: Cell) -> None:
    chief = scenario.chief
    found = [
        (spread, contender)
        for contender in scenario.contenders
        if (spread := results.figure(cell, contender.name, chief.name))
    ]
    found.sort(key=lambda pair: -pair[0].median)
    for place, (spread, contender) in enumerate(found):
        colour = _HIGHLIGHTED.get(contender.name.partition("-")[0], _OTHERS)
        user = results.figure(cell, contender.name, "user") if chief.name == "cpu" else None
        axis.barh(place, spread.median, color=colour, alpha=0.55 if user else 1)
        if user:
            axis.barh(place, user.median, color=colour)
        text = f" {spread.median:,.{chief.digits}f}"
        ratio = results.ratio(cell, contender.name, scenario.reference, chief.name)
        if ratio and contender.name != scenario.reference:
            text += f"  ({ratio.median:.2f}x)"
        axis.text(spread.median, place, text, va="center", fontsize=8)
    axis.set_yticks(range(len(found)), [contender.label for _, contender in found])
    axis.locator_params(axis="x", nbins=5)
    axis.xaxis.set_major_formatter("{x:,g}")
    axis.set_xlim(0, 1.35 * max((spread.median for spread, _ in found), default=1))
    axis.set_title(cell.label, loc="left", fontsize=9)


def _connections(results: Results, place: Path) -> Path | None:
    """Draw the processor time of a small echo over the number of connections."""
    cells = [cell for cell in results.cells(ECHO.name) if cell.number("size") == 64]  # noqa: PLR2004
    if len(cells) < 2:  # noqa: PLR2004 - a line has two ends
        return None
    figure, (axis,) = _figure(1, 4.2)
    figure.set_size_inches(7.5, 4.2)
    for contender in ECHO.contenders:
        points = [
            (cell.number("conns"), spread.median)
            for cell in cells
            if (spread := results.figure(cell, contender.name, "cpu"))
        ]
        if points:
            _line(axis, points, contender.name, contender.label)
    axis.set_xscale("log")
    counts = [cell.number("conns") for cell in cells]
    axis.set_xticks(counts, [f"{count:,}" for count in counts])
    axis.minorticks_off()
    axis.set_ylim(bottom=0)
    axis.set_xlabel("connections")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axis.set_title("Echo of 64 B: CPU µs/req, less is better", loc="left")
    file = place / "connections.png"
    figure.savefig(file, dpi=130)
    return file


def _wakeup(results: Results, place: Path) -> Path | None:
    """Draw the latencies of the slow connections, by percentile."""
    cells = results.cells(WAKEUP.name)
    if not cells:
        return None
    figure, (axis,) = _figure(1, 4.2)
    figure.set_size_inches(7.5, 4.2)
    for contender in WAKEUP.contenders:
        latency = results.latency(cells[0], contender.name)
        values = [latency.percentile(share) for share in _PERCENTILES]
        points = [(i, value / 1e3) for i, value in enumerate(values) if value is not None]
        if points:
            _line(axis, points, contender.name, contender.label)
    axis.set_xticks(range(len(_PERCENTILES)), [f"p{share:g}" for share in _PERCENTILES])
    axis.set_yscale("log")
    axis.legend(loc="upper left", bbox_to_anchor=(1, 1), frameon=False)
    axis.set_title(f"{WAKEUP.title}, {cells[0].label}: µs, less is better", loc="left")
    file = place / "wakeup.png"
    figure.savefig(file, dpi=130)
    return file


def _line(axis: Any, points: list[tuple[int, float]], name: str, label: str) -> None:
    highlighted = _HIGHLIGHTED.get(name)
    axis.plot(
        *zip(*points, strict=True),
        marker="o",
        markersize=3,
        label=label,
        color=highlighted,
        linewidth=2.4 if highlighted else 1,
        zorder=3 if highlighted else 2,
    )

"""A history in the terminal: a line a figure, with a spark of the last nights."""

from __future__ import annotations

from collections.abc import Iterator

from rich import box
from rich.console import Console, RenderableType
from rich.table import Table
from rich.text import Text

from loadlab.report.history.model import HistoryResult, LineResult, SeriesResult
from loadlab.report.history.wording import day, drift_text, nights_text, sparkline, step_text
from loadlab.report.rows import folded
from loadlab.report.terminal import console_for
from loadlab.report.wording import printable
from loadlab.validate.nights.wording import amount, metric_label

_NIGHTS_SHOWN = 30
# What the sparks and the widest figures leave of 80 columns.
_NAME_WIDTH = 18
_USUAL_METRIC = "p95"
_NOT_WHOLE_SHOWN = 5


def print_history(result: HistoryResult, *, is_filtered: bool = False, console: Console | None = None) -> None:
    """Every series. Unless figures were asked for, of each operation p95, and whatever changed."""
    out = console or console_for()
    if result.damage:
        out.print(Text(printable(f"{result.damage}."), style="bold yellow"))
    if not result.series:
        out.print(Text(printable(f"{result.path} holds no night of that name."), style="dim"))
    for series in result.series:
        for part in _parts(series, is_filtered):
            out.print(part)


def _parts(series: SeriesResult, is_filtered: bool) -> Iterator[RenderableType]:
    head = Text(printable(f"{series.scenario} ({series.label})"), style="bold")
    yield head.append(printable(f" on {series.server}, scale {series.scale:g}, {series.load}"), style="not bold")
    yield Text(printable(f"{series.machine}; {series.fingerprint}"), style="dim")
    yield Text(nights_text(series))
    broken = [night for night in series.nights if night.problem]
    for night in broken[-_NOT_WHOLE_SHOWN:]:
        yield Text(printable(f"  {day(night.started_at)} is none to compare with: {night.problem}"), style="yellow")
    shown = [line for line in series.lines if is_filtered or _is_shown(line)]
    if shown:
        yield _lines(series, shown)
    for line in series.lines:
        for step in line.steps:
            text = f"{line.subject}, {metric_label(line.metric)}: {step_text(series, line, step)}"
            yield Text(printable(text), style="red" if step.direction == "worse" else "green")
    for change in series.changes:
        what = f"{change.direction} on {day(change.since)}: {change.subject}, {metric_label(change.metric)}"
        text = f"{what}: {change.reason}"
        yield Text(printable(text), style={"worse": "red", "better": "green"}.get(change.direction, "cyan"))
    yield ""


def _is_shown(line: LineResult) -> bool:
    return line.metric == _USUAL_METRIC or bool(line.steps) or line.drift is not None


def _width(line: LineResult) -> int:
    return len(printable(line.subject))


def _last(nights: int) -> str:
    return "Last night" if nights == 1 else f"Last {nights} nights"


def _lines(series: SeriesResult, lines: list[LineResult]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("Where", overflow="fold", min_width=min(_NAME_WIDTH, max(map(_width, lines), default=0)))
    table.add_column("Figure", overflow="fold")
    for heading in ("Latest", "Usual"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column(_last(min(_NIGHTS_SHOWN, len(series.nights))), no_wrap=True)
    table.add_column("")
    first = max(0, len(series.nights) - _NIGHTS_SHOWN)
    for line in lines:
        by_night = {point.night: point.value for point in line.points}
        table.add_row(
            folded(printable(line.subject), _NAME_WIDTH),
            metric_label(line.metric),
            amount(line.metric, line.points[-1].value),
            amount(line.metric, line.usual),
            sparkline([by_night.get(number) for number in range(first, len(series.nights))]),
            drift_text(line),
        )
    return table

"""A figure over the nights as SVG: its line, its intervals, steps and missing nights."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence

from markupsafe import Markup

from loadlab.report.history.model import LineResult, SeriesResult
from loadlab.report.history.wording import day, step_text
from loadlab.report.svg import PANEL, Frame, Scale, circle, drawing, element, horizontal_grid, nice_step, path, rect
from loadlab.report.svg import text as words_at
from loadlab.validate.nights.wording import amount, metric_label

_TICKS = 4


def line_chart(series: SeriesResult, line: LineResult) -> Markup:
    """Value by date; the band is the interval of each night."""
    frame = Frame(72, 12, PANEL - 14, 132)
    times = [_seconds(series.nights[point.night].started_at) for point in line.points]
    x = Scale(times[0], max(times[-1], times[0] + 1), frame.left, frame.right)
    y, ticks = _heights(line, frame)
    parts = [*horizontal_grid(y, frame, ticks, lambda value: amount(line.metric, value)), *_dates(series, line, frame)]
    parts += _gaps(series, x, frame)
    banded = [(at, p.low, p.high) for at, p in zip(times, line.points, strict=True) if p.low is not None and p.high]
    if len(banded) > 1:
        upper = [(x(at), y(high or 0.0)) for at, _, high in banded]
        lower = [(x(at), y(low or 0.0)) for at, low, _ in reversed(banded)]
        parts.append(element("path", d=f"{path([*upper, *lower])}Z", class_="band c0"))
    places = [(x(at), y(point.value)) for at, point in zip(times, line.points, strict=True)]
    parts.append(element("path", d=path(_broken(series, line, places)), class_="line c0"))
    for step in line.steps:
        at = x(_seconds(series.nights[step.first].started_at))
        tone = "fail" if step.direction == "worse" else "pass"
        hint = element("title", step_text(series, line, step))
        parts.append(element("line", hint, x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_=f"step {tone}"))
    for place, point in zip(places, line.points, strict=True):
        said = f"{day(series.nights[point.night].started_at)}: {amount(line.metric, point.value)}"
        parts.append(circle(*place, 2.2, "point c0", title=said))
    title = f"{line.subject}: {metric_label(line.metric)} by night"
    return drawing(PANEL, 158, *parts, title=title, class_="chart")


def _broken(
    series: SeriesResult, line: LineResult, places: Sequence[tuple[float, float]]
) -> list[tuple[float, float] | None]:
    """The line's points, with a break where nights are missing."""
    begin = {_seconds(gap.before) for gap in series.gaps}
    found: list[tuple[float, float] | None] = []
    for point, place in zip(line.points, places, strict=True):
        if _seconds(series.nights[point.night].started_at) in begin:
            found.append(None)
        found.append(place)
    return found


def _heights(line: LineResult, frame: Frame) -> tuple[Scale, list[float]]:
    """From near the lowest to near the highest value; what an interval's end lies beyond is cut off."""
    values = [point.value for point in line.points]
    low, high = min(values), max(values)
    room = max(high - low, 0.2 * high, 1e-9)
    low, high = max(0.0, (low + high - room) / 2 - 0.15 * room), (low + high + room) / 2 + 0.15 * room
    step = nice_step((high - low) / _TICKS)
    first = int(low / step) + 1
    return Scale(low, high, frame.bottom, frame.top), [
        step * number for number in range(first, first + 2 * _TICKS) if step * number <= high
    ]


def _dates(series: SeriesResult, line: LineResult, frame: Frame) -> Sequence[Markup]:
    first, last = (day(series.nights[line.points[end].night].started_at) for end in (0, -1))
    at = frame.bottom + 18
    return [words_at(frame.left, at, first, "tick"), words_at(frame.right, at, last, "tick end")]


def _gaps(series: SeriesResult, x: Scale, frame: Frame) -> list[Markup]:
    return [
        rect(
            x(_seconds(gap.after)), frame.top, x(_seconds(gap.before)) - x(_seconds(gap.after)),
            frame.bottom - frame.top, "gap", title=f"{gap.missing} nights are missing",
        )
        for gap in series.gaps
    ]  # fmt: skip


def _seconds(moment: str) -> float:
    return dt.datetime.fromisoformat(moment).timestamp()

"""Charts of the window over time, bounded in size whatever its length."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Sequence

from markupsafe import Markup

from loadlab.report.model import SeriesPoint, TargetResult
from loadlab.report.svg import (
    Frame,
    Scale,
    drawing,
    element,
    horizontal_grid,
    linear_ticks,
    log_scale,
    log_ticks,
    nice_step,
    path,
    rect,
    text,
    vertical,
)
from loadlab.report.wording import duration_us
from loadlab.units import format_rate

_POINTS_DRAWN = 240
_PANEL_WIDTH = 520.0
_WIDE = 1080.0


def thin(series: Sequence[SeriesPoint], most: int = _POINTS_DRAWN) -> tuple[list[SeriesPoint], int]:
    """At most about `most` points for the eye, and how many intervals each one stands for.

    A point has the mean rates, the median p50 and the highest p95 and p99 of its intervals: no peak is lost.
    """
    size = max(1, math.ceil(len(series) / most))
    if size == 1:
        return list(series), 1
    return [_together(series[at : at + size]) for at in range(0, len(series), size)], size


def _together(points: Sequence[SeriesPoint]) -> SeriesPoint:
    kinds = dict.fromkeys(kind for point in points for kind in point.p95_us)
    return SeriesPoint(
        t_s=points[0].t_s,
        rate_per_s=statistics.fmean(point.rate_per_s for point in points),
        errors_per_s=statistics.fmean(point.errors_per_s for point in points),
        p50_us=_aggregate(statistics.median, [point.p50_us for point in points]),
        p99_us=_aggregate(max, [point.p99_us for point in points]),
        p95_us={kind: _aggregate(max, [point.p95_us.get(kind) for point in points]) for kind in kinds},
    )


def _aggregate(how: Callable[[list[float]], float], values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return how(known) if known else None


def rate_chart(series: Sequence[SeriesPoint], asked_per_s: float | None) -> Markup:
    """Operations a second over the window as an area, errors as red bars, the asked rate as a line."""
    points, _ = thin(series)
    frame = Frame(64, 12, _WIDE - 14, 172)
    highest = max([*(point.rate_per_s for point in points), *(p.errors_per_s for p in points), 0.0])
    # An asked rate far above would flatten what was reached; it is said in words then.
    asked = asked_per_s if asked_per_s is not None and asked_per_s <= 2 * highest else None
    ticks = linear_ticks(max(highest, asked or 0.0))
    x, y = _time_scale(series, frame), Scale(0.0, ticks[-1], frame.bottom, frame.top)
    line = [(x(point.t_s), y(point.rate_per_s)) for point in points]
    parts = [*horizontal_grid(y, frame, ticks, format_rate), *_time_axis(x, frame)]
    if line:
        area = f"{path(line)}L{line[-1][0]:.1f} {frame.bottom:g}L{line[0][0]:.1f} {frame.bottom:g}Z"
        parts += [element("path", d=area, class_="area c0"), element("path", d=path(line), class_="line c0")]
    for point in points:
        if point.errors_per_s > 0:
            top = min(y(point.errors_per_s), frame.bottom - 7)
            words = f"{format_rate(point.errors_per_s)} errors at {_clock(point.t_s)}"
            parts.append(rect(x(point.t_s) - 2, top, 4, frame.bottom - top, "error", title=words))
    if asked is not None:
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=y(asked), y2=y(asked), class_="asked"))
        parts.append(text(frame.right - 4, y(asked) + 15, f"asked {format_rate(asked)}", "note end"))
    parts += _time_hovers(points, x, frame, lambda p: f"{format_rate(p.rate_per_s)}")
    return drawing(_WIDE, 196, *parts, title="Operations per second over the window", class_="chart")


def latency_chart(series: Sequence[SeriesPoint]) -> Markup:
    """p50 and p99 of the response time over the window, logarithmic."""
    points, _ = thin(series)
    frame = Frame(64, 12, _WIDE - 14, 202)
    y = log_scale([v for p in points for v in (p.p50_us, p.p99_us) if v is not None], frame.bottom, frame.top)
    x = _time_scale(series, frame)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *_time_axis(x, frame)]
    for colour, values in (("c1", [p.p99_us for p in points]), ("c0", [p.p50_us for p in points])):
        line = [
            (x(point.t_s), y(value)) if value is not None else None for point, value in zip(points, values, strict=True)
        ]
        parts.append(element("path", d=path(line), class_=f"line {colour}"))
    parts += _time_hovers(points, x, frame, lambda p: f"p50 {duration_us(p.p50_us)}, p99 {duration_us(p.p99_us)}")
    return drawing(_WIDE, 226, *parts, title="p50 and p99 of the response time over the window", class_="chart")


def kind_over_time(series: Sequence[SeriesPoint], kind: str, limits: Sequence[TargetResult]) -> Markup:
    """p95 of one kind over the window with its limit, small, below the kind's percentiles."""
    points, _ = thin(series)
    frame = Frame(58, 10, _PANEL_WIDTH - 14, 76)
    values = [point.p95_us.get(kind) for point in points]
    y = log_scale([*(v for v in values if v is not None), *(t.limit for t in limits)], frame.bottom, frame.top)
    x = _time_scale(series, frame)
    line = [
        (x(point.t_s), y(value)) if value is not None else None for point, value in zip(points, values, strict=True)
    ]
    parts = [*horizontal_grid(y, frame, log_ticks(y, 3), duration_us), *_time_axis(x, frame)]
    for target in limits:
        level = y(target.limit)
        parts.append(rect(frame.left, frame.top, frame.right - frame.left, level - frame.top, "beyond"))
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=level, y2=level, class_="limit"))
    parts.append(element("path", d=path(line), class_="line ink"))
    parts += _time_hovers(points, x, frame, lambda p: f"p95 {duration_us(p.p95_us.get(kind))}")
    return drawing(_PANEL_WIDTH, 100, *parts, title="p95 over the window", class_="chart")


def _time_scale(series: Sequence[SeriesPoint], frame: Frame) -> Scale:
    first = min((point.t_s for point in series), default=0.0)
    last = max([*(point.t_s for point in series), first + 1.0])
    return Scale(first, last, frame.left, frame.right)


_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def _time_axis(x: Scale, frame: Frame) -> list[Markup]:
    most = max(2, int((frame.right - frame.left) / 80))
    span = x.high - x.low
    step = next((float(s) for s in _TIME_STEPS if span / s <= most), nice_step(span / most))
    first = math.ceil(x.low / step)
    return [vertical(x(k * step), frame, _clock(k * step)) for k in range(first, math.floor(x.high / step) + 1)]


def _clock(t_s: float) -> str:
    """Time into the window: `15 s`, `2 min`, `1:30 h`."""
    seconds = round(t_s)
    if seconds < 120 and (seconds < 60 or seconds % 60):
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds // 60}:{seconds % 60:02d} min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"


def _time_hovers(
    points: Sequence[SeriesPoint], x: Scale, frame: Frame, words: Callable[[SeriesPoint], str]
) -> list[Markup]:
    """Invisible columns that say their values under the pointer."""
    if not points:
        return []
    width = (x.end - x.start) / max(1, len(points) - 1)
    return [
        rect(
            x(point.t_s) - width / 2,
            frame.top,
            width,
            frame.bottom - frame.top,
            "hover",
            title=f"{_clock(point.t_s)}: {words(point)}",
        )
        for point in points
    ]

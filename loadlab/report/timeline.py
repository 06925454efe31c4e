"""Charts of the window over time, bounded in size whatever its length."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from markupsafe import Markup

from loadlab.report.events import event_marks
from loadlab.report.model import SeriesPoint, TargetResult
from loadlab.report.model_evidence import EventResult
from loadlab.report.svg import (
    PANEL,
    WIDE,
    Frame,
    Scale,
    drawing,
    element,
    horizontal_grid,
    limit_marks,
    linear_ticks,
    log_scale,
    log_ticks,
    path,
    rect,
    text,
)
from loadlab.report.thinning import Slot, thin
from loadlab.report.time_axis import WIDE_LEFT, clock, time_axis, time_scale
from loadlab.report.wording import duration_us
from loadlab.units import format_rate


def rate_chart(
    series: Sequence[SeriesPoint],
    asked_per_s: float | None,
    events: Sequence[EventResult] = (),
    extended_from_s: float | None = None,
) -> Markup:
    """Operations a second over the window as an area, errors as bars, the asked rate as a line.

    Where a point stands for several intervals, a band goes from the lowest of their rates to the highest. A line marks
    the moment from which the window went on.
    """
    points, per_point = thin(series)
    frame = Frame(WIDE_LEFT, 20, WIDE - 14, 172)
    highest = max([*(point.rate_high_per_s for point in points), *(p.errors_per_s for p in points), 0.0])
    # An asked rate far above would flatten what was reached; it is said in words then.
    asked = asked_per_s if asked_per_s is not None and asked_per_s <= 2 * highest else None
    ticks = linear_ticks(max(highest, asked or 0.0))
    x, y = time_scale(series, frame), Scale(0.0, ticks[-1], frame.bottom, frame.top)
    line = [(x(point.t_s), y(point.rate_per_s)) for point in points]
    parts = [*horizontal_grid(y, frame, ticks, format_rate), *time_axis(x, frame), *event_marks(events, x, frame)]
    parts += _extension_mark(extended_from_s, x, frame)
    if per_point > 1:
        upper = [(x(point.t_s), y(point.rate_high_per_s)) for point in points]
        lower = [(x(point.t_s), y(point.rate_low_per_s)) for point in reversed(points)]
        parts.append(element("path", d=f"{path([*upper, *lower])}Z", class_="band c0"))
    if line:
        area = f"{path(line)}L{line[-1][0]:.1f} {frame.bottom:g}L{line[0][0]:.1f} {frame.bottom:g}Z"
        parts += [element("path", d=area, class_="area c0"), element("path", d=path(line), class_="line c0")]
    for point in points:
        if point.errors_per_s > 0:
            top = min(y(point.errors_per_s), frame.bottom - 7)
            words = f"{format_rate(point.errors_per_s)} errors at {clock(point.t_s)}"
            parts.append(rect(x(point.t_s) - 2, top, 4, frame.bottom - top, "error", title=words))
    if asked is not None:
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=y(asked), y2=y(asked), class_="asked"))
        parts.append(text(frame.right - 4, y(asked) - 6, f"asked {format_rate(asked)}", "note end"))
    parts += _time_hovers(series, x, frame, lambda p: f"{format_rate(p.rate_per_s)}")
    rates = [point.rate_per_s for point in series]
    words = (
        f"from {format_rate(min(rates))} to {format_rate(max(rates))} in one interval"
        if rates
        else "nothing was measured"
    )
    return drawing(WIDE, 196, *parts, title="Operations per second over the window", class_="chart", desc=words)


def latency_chart(
    series: Sequence[SeriesPoint], events: Sequence[EventResult] = (), extended_from_s: float | None = None
) -> Markup:
    """p50 and p99 of the response time over the window, logarithmic; a line marks from where the window went on."""
    points, _ = thin(series)
    frame = Frame(WIDE_LEFT, 12, WIDE - 14, 202)
    y = log_scale([v for p in points for v in (p.p50_us, p.p99_us) if v is not None], frame.bottom, frame.top)
    x = time_scale(series, frame)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *time_axis(x, frame)]
    parts += [*event_marks(events, x, frame), *_extension_mark(extended_from_s, x, frame)]
    for colour, values in (("c1", [p.p99_us for p in points]), ("c0", [p.p50_us for p in points])):
        line = [
            (x(point.t_s), y(value)) if value is not None else None for point, value in zip(points, values, strict=True)
        ]
        parts.append(element("path", d=path(line), class_=f"line {colour}"))
    parts += _time_hovers(series, x, frame, lambda p: f"p50 {duration_us(p.p50_us)}, p99 {duration_us(p.p99_us)}")
    known = [point.p99_us for point in series if point.p99_us is not None]
    words = (
        f"p99 from {duration_us(min(known))} to {duration_us(max(known))} in one interval"
        if known
        else "nothing was measured"
    )
    return drawing(
        WIDE, 226, *parts, title="p50 and p99 of the response time over the window", class_="chart", desc=words
    )


def kind_over_time(series: Sequence[SeriesPoint], kind: str, limits: Sequence[TargetResult]) -> Markup:
    """p95 of one kind over the window with its limit, small, below the kind's percentiles."""
    points, _ = thin(series)
    frame = Frame(58, 10, PANEL - 14, 76)
    values = [point.p95_us.get(kind) for point in points]
    y = log_scale([*(v for v in values if v is not None), *(t.limit for t in limits)], frame.bottom, frame.top)
    x = time_scale(series, frame)
    line = [
        (x(point.t_s), y(value)) if value is not None else None for point, value in zip(points, values, strict=True)
    ]
    parts = [*horizontal_grid(y, frame, log_ticks(y, 3), duration_us), *time_axis(x, frame)]
    for target in limits:
        parts += limit_marks(y(target.limit), frame)
    parts.append(element("path", d=path(line), class_="line ink"))
    parts += _time_hovers(series, x, frame, lambda p: f"p95 {duration_us(p.p95_us.get(kind))}")
    return drawing(PANEL, 100, *parts, title="p95 over the window", class_="chart")


def _extension_mark(extended_from_s: float | None, x: Scale, frame: Frame) -> list[Markup]:
    """Where a window that was too short to decide went on."""
    if extended_from_s is None:
        return []
    at = x(extended_from_s)
    return [
        element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_="asked extended"),
        text(at + 4, frame.top + 10, "went on", "note"),
    ]


# More would be narrower than a pointer can tell apart.
_HOVERS = 120


def _time_hovers(series: Sequence[SeriesPoint], x: Scale, frame: Frame, words: Callable[[Slot], str]) -> list[Markup]:
    """Invisible columns that say their values under the pointer."""
    slots, _ = thin(series, _HOVERS)
    width = (x.end - x.start) / max(1, len(slots) - 1)
    height = frame.bottom - frame.top
    return [
        rect(x(slot.t_s) - width / 2, frame.top, width, height, "hover", title=f"{clock(slot.t_s)}: {words(slot)}")
        for slot in slots
    ]

"""Charts of a replay: what was executed, how late and how long, over its time. Pure functions to SVG."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from loadlab.report.model import SeriesPoint
from loadlab.report.replay.model import ReplayResult, ReplaySecond, ShapeResult
from loadlab.report.svg import (
    WIDE,
    Frame,
    Scale,
    drawing,
    element,
    horizontal_grid,
    limit_line,
    log_scale,
    log_ticks,
    path,
    rect,
)
from loadlab.report.thinning import POINTS_DRAWN
from loadlab.report.time_axis import WIDE_LEFT, clock, time_axis, time_scale
from loadlab.report.timeline import rate_chart as load_rate_chart
from loadlab.report.wording import duration_us


def rate_chart(result: ReplayResult) -> Markup:
    """Statements a second, errors as bars, what was due as a line."""
    return load_rate_chart(_series(result.timeline), result.asked_per_s)


def lag_chart(result: ReplayResult) -> Markup:
    """p95 of the durations and p99 of the lateness over the replay, logarithmic, with the limit of the latter."""
    seconds = _thin(result.timeline)
    frame = Frame(WIDE_LEFT, 12, WIDE - 14, 202)
    lines = {
        "c0": [(second.start_s, second.service_p95_us) for second in seconds],
        "c1": [(second.start_s, second.lag_p99_us) for second in seconds],
    }
    known = [value for line in lines.values() for _, value in line if value is not None]
    limits = [result.lag.limit_us] if result.speed is not None else []
    x, y = time_scale(_series(result.timeline), frame), log_scale([*known, *limits], frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *time_axis(x, frame)]
    parts += [limit_line(y(limit), frame) for limit in limits]
    for colour, line in lines.items():
        points = [(x(at_s), y(value)) if value is not None else None for at_s, value in line]
        parts.append(element("path", d=path(points), class_=f"line {colour}"))
    parts += _hovers(seconds, x, frame)
    return drawing(WIDE, 226, *parts, title="Duration and lateness over the replay", class_="chart")


def range_scale(shapes: Sequence[ShapeResult]) -> Scale:
    """One scale for the bars of a whole table, the log's and the replay's."""
    values = [
        value
        for shape in shapes
        for figures in (shape.logged_us, shape.service_us)
        for value in (figures.p50, figures.p99)
        if value is not None
    ]
    return log_scale(values, 6, 174)


def _series(timeline: Sequence[ReplaySecond]) -> list[SeriesPoint]:
    return [
        SeriesPoint(
            t_s=second.start_s,
            rate_per_s=second.count / second.duration_s if second.duration_s else 0.0,
            errors_per_s=second.errors / second.duration_s if second.duration_s else 0.0,
            p50_us=None,
            p99_us=None,
        )
        for second in timeline
    ]


def _thin(timeline: Sequence[ReplaySecond]) -> list[ReplaySecond]:
    """At most so many that the eye can tell them apart; of several the slowest and the latest."""
    size = max(1, math.ceil(len(timeline) / POINTS_DRAWN))
    groups = (timeline[at : at + size] for at in range(0, len(timeline), size))
    return [
        group[0].model_copy(
            update={
                "service_p95_us": _largest([second.service_p95_us for second in group]),
                "lag_p99_us": _largest([second.lag_p99_us for second in group]),
            }
        )
        for group in groups
    ]


def _largest(values: Sequence[float | None]) -> float | None:
    return max((value for value in values if value is not None), default=None)


def _hovers(seconds: Sequence[ReplaySecond], x: Scale, frame: Frame) -> list[Markup]:
    """Invisible columns that say their values under the pointer."""
    width = (x.end - x.start) / max(1, len(seconds) - 1)
    return [
        rect(
            x(second.start_s) - width / 2,
            frame.top,
            width,
            frame.bottom - frame.top,
            "hover",
            title=f"{clock(second.start_s)}: p95 {duration_us(second.service_p95_us)},"
            f" p99 lag {duration_us(second.lag_p99_us)}",
        )
        for second in seconds
    ]

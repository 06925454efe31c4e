"""Latency by percentile, on the axis of HdrHistogram's plots: each further nine takes the same room."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from markupsafe import Markup

from loadlab.report.charts import line_class
from loadlab.report.model import OperationResult, TargetResult
from loadlab.report.svg import (
    PANEL,
    Frame,
    Scale,
    circle,
    drawing,
    element,
    horizontal_grid,
    limit_marks,
    log_scale,
    log_ticks,
    path,
    text,
    vertical,
)
from loadlab.report.wording import duration_us, limit_text, percentile_label

Curve = Sequence[tuple[float, float]]
_MARKED = (50.0, 90.0, 95.0, 99.0, 99.9, 99.99)
# From this ratio of response to service time on, at p95, waiting is a matter of its own; more lines hide each other.
_WAITED = 1.5
_SERVICE_LINES_MAX = 3
# 99.9 is 3 decades, but for the last bit of a float.
_ROUNDING = 1e-9


def _decades(percentile: float) -> float:
    """Where a percentile stands: 1, 2, 3 … at 90, 99, 99.9 …, the logarithm of 1 / (1 - p)."""
    return -math.log10(1 - percentile / 100)


def percentile_chart(operations: Sequence[OperationResult], limits: Sequence[TargetResult], *, title: str) -> Markup:
    """Response time by percentile, one line an operation, both axes logarithmic, the kind's limit drawn.

    A line is drawn as far as one sample or more lies beyond the percentile; a thin one leads to the maximum. Where
    operations waited long, the line of their service time is drawn beside it, in dashes.
    """
    drawn = [operation for operation in operations if operation.curve]
    waiting = waited(drawn)
    frame = Frame(58, 14, PANEL - 14, 262)
    curves = [operation.curve for operation in drawn] + [operation.service_curve for operation in waiting]
    values = [value for curve in curves for _, value in curve] + [target.limit for target in limits]
    y = log_scale(values, frame.bottom, frame.top)
    judged = {target.percentile for target in limits if target.percentile is not None}
    last = max([1.0, *(_resolution(operation) for operation in drawn), *(_decades(item) for item in judged)])
    x = Scale(0.0, last + 0.5, frame.left, frame.right)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *_axis(x, frame, last, judged)]
    for target in limits:
        parts += limit_marks(y(target.limit), frame)
    for position, operation in enumerate(drawn):
        line = _line(operation, line_class(position), x, y, last)
        if operation in waiting:
            line.append(_service_line(operation, line_class(position), x, y, last))
        parts.append(element("g", *line, class_=f"op o{position}"))
    parts += [_limit_words(target, y, frame) for target in limits]
    return drawing(PANEL, 292, *parts, title=title, class_="chart", desc="; ".join(_in_words(item) for item in drawn))


def waited(operations: Sequence[OperationResult]) -> list[OperationResult]:
    """The few whose response time is most above their service time at p95, and clearly so; most first."""
    shares = [
        (response / service, operation)
        for operation in operations
        if (response := operation.response_us.p95) and (service := operation.service_us.p95) and operation.service_curve
    ]
    found = sorted((item for item in shares if item[0] >= _WAITED), key=lambda item: -item[0])
    return [operation for _, operation in found[:_SERVICE_LINES_MAX]]


def _in_words(operation: OperationResult) -> str:
    """What the line shows: no percentile that the samples do not carry."""
    end = math.log10(max(operation.count, 1)) + _ROUNDING
    carried = [at for at, _ in operation.curve if at == 100 or (at in _MARKED and _decades(at) <= end)]
    return f"{operation.name}: {', '.join(_value_in_words(operation, at) for at in carried)}"


def _resolution(operation: OperationResult) -> float:
    """The last decade of the axis that the number of samples supports, 1 (p90) to 4 (p99.99)."""
    return float(min(4, max(1, math.floor(math.log10(max(operation.count, 1)) + _ROUNDING))))


def _axis(x: Scale, frame: Frame, last: float, judged: Collection[float]) -> list[Markup]:
    """Ticks at min, p50, p90, p99 … and max; the percentiles that limits are judged at stand out."""
    plain = [p for p in (50.0, 90.0, 99.0, 99.9, 99.99) if p not in judged and _decades(p) <= last + _ROUNDING]
    parts = [vertical(x(_decades(percentile)), frame, percentile_label(percentile)) for percentile in plain]
    for percentile in judged:
        at = x(_decades(percentile))
        parts.append(element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_="judged"))
        parts.append(text(at, frame.bottom + 18, percentile_label(percentile), "tick middle strong"))
    return [
        *parts,
        text(frame.left, frame.bottom + 18, "min", "tick middle"),
        vertical(x.end, frame, "max", "end"),
    ]


def _limit_words(target: TargetResult, y: Scale, frame: Frame) -> Markup:
    level = y(target.limit)
    above = level > frame.top + 16
    return text(frame.left + 6, level - 5 if above else level + 14, f"limit {limit_text(target)}", "limit")


def _places(operation: OperationResult, curve: Curve, x: Scale, y: Scale, last: float) -> list[tuple[float, ...]]:
    """(percentile, across, down) of what the samples carry.

    Beyond that less than one sample is left: the value there is the maximum, not a percentile.
    """
    end = min(math.log10(max(operation.count, 1)), last) + _ROUNDING
    return [
        (percentile, x(_decades(percentile)), y(value))
        for percentile, value in curve
        if percentile < 100 and _decades(percentile) <= end
    ]


def _line(operation: OperationResult, colour: str, x: Scale, y: Scale, last: float) -> list[Markup]:
    inside = _places(operation, operation.curve, x, y, last)
    maximum = (x.end, y(operation.curve[-1][1]))
    line = [(across, down) for _, across, down in inside]
    parts = [
        element("path", d=path([line[-1], maximum] if line else [maximum]), class_=f"line thin {colour}"),
        element("path", element("title", operation.name), d=path(line), class_=f"line {colour}"),
        circle(*maximum, 2.5, f"point {colour}", title=_hover(operation, 100)),
    ]
    parts += [
        circle(across, down, 2.5, f"point {colour}", title=_hover(operation, percentile))
        for percentile, across, down in inside
        if percentile in _MARKED
    ]
    return parts


def _service_line(operation: OperationResult, colour: str, x: Scale, y: Scale, last: float) -> Markup:
    line = [(across, down) for _, across, down in _places(operation, operation.service_curve, x, y, last)]
    return element(
        "path", element("title", f"{operation.name}, service time"), d=path(line), class_=f"line service {colour}"
    )


def _hover(operation: OperationResult, percentile: float) -> str:
    return f"{operation.name} {_value_in_words(operation, percentile, ': ')}"


def _value_in_words(operation: OperationResult, percentile: float, between: str = " ") -> str:
    value = next(value for at, value in operation.curve if at == percentile)
    return f"{'max' if percentile == 100 else percentile_label(percentile)}{between}{duration_us(value)}"

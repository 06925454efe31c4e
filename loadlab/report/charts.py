"""Charts of verdicts, percentiles and storage: pure functions from values to SVG.

They need no script, follow the page's colours and print. Colours are classes of the report's style sheet:
`c0` to `c7` for lines, `pass`, `fail`, `inconclusive` and `skipped` for verdicts.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping, Sequence

from markupsafe import Markup

from loadlab.report.model import DetailResult, OperationResult, Percentiles, TargetResult
from loadlab.report.svg import (
    Frame,
    Scale,
    drawing,
    element,
    horizontal_grid,
    log_scale,
    log_ticks,
    path,
    rect,
    text,
    vertical,
)
from loadlab.report.wording import duration_us, interval_text, limit_text, percentile_label, quantity

LINE_COLOURS = 8
_PANEL_WIDTH = 520.0


def line_class(position: int) -> str:
    """The class of the n-th line; from the ninth on the colours come again, dashed."""
    return f"c{position % LINE_COLOURS}" + (" again" if position >= LINE_COLOURS else "")


# --- limit against measured value


def verdict_bar(target: TargetResult, part: TargetResult | DetailResult | None = None) -> Markup:
    """The measured value and its interval on one line with the limit; what lies beyond the limit is shaded.

    `part` is an examined object of the target, all of which share a scale; the target itself unless given.
    """
    shown = part or target
    width, height, middle = 220.0, 26.0, 13.0
    low, high = shown.interval or (None, None)
    scale = _bar_scale(target, _known_values(target.details if part else [target]), width)
    limit = scale(target.limit)
    beyond = (limit, scale.end) if target.sign in ("<", "<=") else (scale.start, limit)
    parts = [
        rect(scale.start, middle - 3, scale.end - scale.start, 6, "track", rx=3),
        rect(beyond[0], middle - 3, beyond[1] - beyond[0], 6, "beyond"),
        element("line", x1=limit, x2=limit, y1=3, y2=height - 3, class_="limit"),
    ]
    verdict = shown.verdict.value.lower()
    if shown.interval is not None:
        left = scale(low) if low is not None else scale.start
        right = scale(high) if high is not None else scale.end
        parts.append(rect(left, middle - 4, max(right - left, 1), 8, f"spread {verdict}", rx=2))
    if shown.measured is not None:
        parts.append(element("circle", cx=scale(shown.measured), cy=middle, r=4.5, class_=f"dot {verdict}"))
    words = f"measured {quantity(shown.measured, target.unit)}, limit {limit_text(target)}"
    if shown.interval is not None:
        words += f", interval {interval_text(shown.interval, target.unit)}"
    return drawing(width, height, element("title", words), *parts, title=words, class_="bar")


def _known_values(parts: Sequence[TargetResult | DetailResult]) -> list[float]:
    values = [value for part in parts for value in (part.measured, *(part.interval or ()))]
    return [value for value in values if value is not None]


def _bar_scale(target: TargetResult, values: Sequence[float], width: float) -> Scale:
    """From 0, but a share that must be high is looked at where it can differ: near 100 %."""
    if target.unit == "ratio" and target.limit >= 0.5 and target.sign in (">", ">="):
        low = min([2 * target.limit - 1, *values])
        return Scale(max(0.0, low - 0.02), 1.0, 6, width - 6)
    high = max([target.limit, *values])
    return Scale(0.0, high * 1.15 or 0.01, 6, width - 6)


def latency_range(latency: Percentiles, scale: Scale, verdict_class: str) -> Markup:
    """p50 to p99 as a bar, p95 as a dot, on a logarithmic scale that a whole table shares."""
    height = 16.0
    if latency.p50 is None or latency.p95 is None or latency.p99 is None:
        return Markup("")
    left, right = scale(latency.p50), scale(latency.p99)
    words = f"p50 {duration_us(latency.p50)}, p95 {duration_us(latency.p95)}, p99 {duration_us(latency.p99)}"
    return drawing(
        scale.end + scale.start,
        height,
        element("title", words),
        rect(left, 5, max(right - left, 2), 6, f"spread {verdict_class}", rx=3),
        element("circle", cx=scale(latency.p95), cy=8, r=3.5, class_=f"dot {verdict_class}"),
        title=words,
        class_="range",
    )


# --- latency by percentile


# Where a percentile stands on the axis: 1, 2, 3 … at 90, 99, 99.9 …, as HdrHistogram's plots have it.
def _decades(percentile: float) -> float:
    return -math.log10(1 - percentile / 100)


# 99.9 is 3 decades, but for the last bit of a float.
_ROUNDING = 1e-9


def percentile_chart(operations: Sequence[OperationResult], limits: Sequence[TargetResult], *, title: str) -> Markup:
    """Response time by percentile, one line an operation, both axes logarithmic, the kind's limit drawn.

    A line is drawn as far as one sample or more lies beyond the percentile; a thin one leads to the maximum.
    """
    drawn = [operation for operation in operations if operation.curve]
    frame = Frame(58, 14, _PANEL_WIDTH - 14, 262)
    values = [value for operation in drawn for _, value in operation.curve] + [t.limit for t in limits]
    y = log_scale(values, frame.bottom, frame.top)
    judged = {target.percentile for target in limits if target.percentile is not None}
    last = max(
        [1.0, *(_resolution(operation) for operation in drawn), *(_decades(percentile) for percentile in judged)]
    )
    x = Scale(0.0, last + 0.5, frame.left, frame.right)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *_percentile_axis(x, frame, last, judged)]
    for target in limits:
        parts += _limit_marks(target, y, frame)
    for position, operation in enumerate(drawn):
        line = _percentile_line(operation, line_class(position), x, y, last)
        parts.append(element("g", *line, class_=f"op o{position}"))
    parts += [_limit_words(target, y, frame) for target in limits]
    return drawing(_PANEL_WIDTH, 292, *parts, title=title, class_="chart")


def _resolution(operation: OperationResult) -> float:
    """The last decade of the axis that the number of samples supports, 1 (p90) to 4 (p99.99)."""
    return float(min(4, max(1, math.floor(math.log10(max(operation.count, 1)) + _ROUNDING))))


def _percentile_axis(x: Scale, frame: Frame, last: float, judged: Collection[float]) -> list[Markup]:
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


def _limit_marks(target: TargetResult, y: Scale, frame: Frame) -> list[Markup]:
    level = y(target.limit)
    return [
        rect(frame.left, frame.top, frame.right - frame.left, level - frame.top, "beyond"),
        element("line", x1=frame.left, x2=frame.right, y1=level, y2=level, class_="limit"),
    ]


def _limit_words(target: TargetResult, y: Scale, frame: Frame) -> Markup:
    level = y(target.limit)
    above = level > frame.top + 16
    return text(frame.left + 6, level - 5 if above else level + 14, f"limit {limit_text(target)}", "limit")


def _percentile_line(operation: OperationResult, colour: str, x: Scale, y: Scale, last: float) -> list[Markup]:
    # Beyond this percentile less than one sample is left: the value there is the maximum, not a percentile.
    end = min(math.log10(max(operation.count, 1)), last) + _ROUNDING
    places = [(percentile, _decades(percentile), value) for percentile, value in operation.curve if percentile < 100]
    inside = [(percentile, x(place), y(value)) for percentile, place, value in places if place <= end]
    maximum = (x.end, y(operation.curve[-1][1]))
    line = [(across, down) for _, across, down in inside]
    parts = [
        element("path", d=path([line[-1], maximum] if line else [maximum]), class_=f"line thin {colour}"),
        element("path", element("title", operation.name), d=path(line), class_=f"line {colour}"),
        element("circle", _hover(operation, 100), cx=maximum[0], cy=maximum[1], r=2.5, class_=f"point {colour}"),
    ]
    parts += [
        element("circle", _hover(operation, percentile), cx=across, cy=down, r=2.5, class_=f"point {colour}")
        for percentile, across, down in inside
        if percentile in (50, 90, 95, 99, 99.9, 99.99)
    ]
    return parts


def _hover(operation: OperationResult, percentile: float) -> Markup:
    value = next(value for at, value in operation.curve if at == percentile)
    words = "max" if percentile == 100 else percentile_label(percentile)
    return element("title", f"{operation.name} {words}: {duration_us(value)}")


# --- storage


def share_bar(parts: Mapping[str, float], whole: float) -> Markup:
    """Lengths side by side, each with its class; `whole` is the full width."""
    at = 0.0
    drawn = []
    for class_, value in parts.items():
        width = 100 * value / whole if whole > 0 else 0.0
        drawn.append(rect(at, 0, width, 10, class_))
        at += width
    return element("svg", *drawn, viewBox="0 0 100 10", preserveAspectRatio="none", class_="share", aria_hidden="true")

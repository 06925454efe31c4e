"""The chart of a comparison: every ratio with its interval on one logarithmic axis. Pure function to SVG."""

from __future__ import annotations

import math
from collections.abc import Iterator

from markupsafe import Markup

from loadlab.report.compare.model import CompareResult, MetricResult
from loadlab.report.compare.wording import TONES, change_text, interval_text, metric_label
from loadlab.report.svg import WIDE, Frame, Scale, circle, drawing, element, rect, text, vertical

_LINE = 24.0
_MOST, _LEAST = 100.0, 1.25
_TICKS = (0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 0.8, 0.9, 1.1, 1.25, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0)
_APART = 60.0


def ratio_chart(result: CompareResult) -> Markup | None:
    """B to A, 1 in the middle; None where nothing could be compared."""
    rows = [row for row in _rows(result) if row[1].ratio is not None and row[1].interval is not None]
    if not rows:
        return None
    frame = Frame(300, 14, WIDE - 14, 14 + _LINE * len(rows))
    reach = min(_MOST, max(_LEAST, *(_reach(item) for _, item in rows)))
    x = Scale(1 / reach, reach, frame.left, frame.right, logarithmic=True)
    parts = list(_axis(x, frame))
    for number, (name, item) in enumerate(rows):
        parts += _row(name, item, x, frame, frame.top + _LINE * (number + 0.5))
    return drawing(WIDE, frame.bottom + 34, *parts, title="B compared with A, every metric", class_="chart")


def _rows(result: CompareResult) -> Iterator[tuple[str, MetricResult]]:
    controls = [result.control] if result.control is not None else []
    for operation in (*result.operations, *controls):
        for item in operation.metrics:
            yield f"{operation.name} {metric_label(item.metric)}", item
    if result.throughput is not None:
        yield "all throughput", result.throughput


def _reach(item: MetricResult) -> float:
    low, high = item.interval or (1.0, 1.0)
    return 1.15 * max(high, 1 / low)


def _axis(x: Scale, frame: Frame) -> Iterator[Markup]:
    yield vertical(x(1.0), frame, "same")
    last = -math.inf
    for tick in _TICKS:
        at = x(tick)
        if x.low <= tick <= x.high and min(at - last, abs(at - x(1.0))) >= _APART:
            yield vertical(at, frame, change_text(tick))
            last = at


def _row(name: str, item: MetricResult, x: Scale, frame: Frame, at: float) -> list[Markup]:
    assert item.interval is not None
    assert item.ratio is not None
    low, high = (x(end) for end in item.interval)
    words = f"{name}: {change_text(item.ratio)} ({interval_text(item)}), {item.verdict.value.lower()}"
    effect = 1 + item.effect
    band = rect(x(1 / effect), at - 9, x(effect) - x(1 / effect), 18, "spread plain")
    line = element("line", x1=low, x2=high, y1=at, y2=at, class_="judged")
    dot = circle(x(item.ratio), at, 4, f"dot {TONES[item.verdict]}", title=words)
    return [band, line, dot, text(frame.left - 8, at + 4, name[:40], "tick end")]

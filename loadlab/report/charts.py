"""Charts of verdicts and storage: pure functions from values to SVG.

They need no script, follow the page's colours and print. Colours are classes of the report's style sheet:
`c0` to `c7` for lines, `pass`, `fail`, `inconclusive` and `skipped` for verdicts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from markupsafe import Markup

from loadlab.report.model import DetailResult, TargetResult
from loadlab.report.model_base import Percentiles
from loadlab.report.svg import (
    Scale,
    drawing,
    element,
    rect,
)
from loadlab.report.wording import duration_us, interval_text, limit_text, quantity

LINE_COLOURS = 8


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

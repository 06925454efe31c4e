"""Charts of a capacity: asked against achieved, latency by rate, and the fitted law. Pure functions to SVG."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from markupsafe import Markup

from loadlab.report.capacity.model import CapacityResult, LimitResult, StepResult
from loadlab.report.capacity.wording import step_remark, target_text
from loadlab.report.charts import line_class
from loadlab.report.svg import (
    WIDE,
    Frame,
    Scale,
    circle,
    drawing,
    element,
    horizontal_grid,
    limit_line,
    linear_ticks,
    log_scale,
    log_ticks,
    path,
    rect,
    text,
    vertical,
)
from loadlab.report.wording import duration_us
from loadlab.units import format_rate
from loadlab.validate.usl import ScalabilityLaw

_CURVE_POINTS = 80
# The fitted curve goes on beyond the last point by so much, so that a peak near it is seen.
_BEYOND = 1.3


def rate_chart(result: CapacityResult) -> Markup:
    """Achieved by asked rate: on the dashed line everything that was due is done; the capacity as a vertical line."""
    frame = Frame(72, 14, WIDE - 14, 252)
    highest = max(step.rate_per_s for step in result.steps)
    x = _axis(highest, frame.left, frame.right)
    y = _axis(highest, frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, linear_ticks(highest), format_rate), *_rate_axis(x, frame)]
    parts += _interval_marks(result, x, frame)
    parts.append(element("path", d=path([(x(0.0), y(0.0)), (x(highest), y(highest))]), class_="asked"))
    line = [(x(rate), y(value)) for rate, value in _means(result.steps, lambda step: step.achieved_per_s)]
    parts.append(element("path", d=path(line), class_="line c0"))
    parts += [_dot(step, x(step.rate_per_s), y(step.achieved_per_s)) for step in result.steps]
    parts.append(text(frame.right - 6, frame.top + 14, "all that is due", "note end"))
    return drawing(WIDE, 282, *parts, title="Achieved rate by asked rate", class_="chart")


def latency_by_rate(result: CapacityResult) -> Markup:
    """Each latency target's percentile by asked rate with its limit; p99 of all operations where there is no target."""
    frame = Frame(72, 14, WIDE - 14, 252)
    lines = _latency_lines(result)
    limits = [target.limit for target in latency_targets(result)]
    values = [value for _, points in lines for _, value in points]
    x = _axis(max(step.rate_per_s for step in result.steps), frame.left, frame.right)
    y = log_scale([*values, *limits], frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *_rate_axis(x, frame)]
    parts += _interval_marks(result, x, frame)
    for position, target in enumerate(latency_targets(result)):
        level = y(target.limit)
        parts.append(limit_line(level, frame))
        parts.append(text(frame.left + 6 + 260 * (position % 3), level - 5, f"limit {target_text(target)}", "limit"))
    for position, (name, points) in enumerate(lines):
        places = [(x(rate), y(value)) for rate, value in points]
        parts.append(element("path", element("title", name), d=path(places), class_=f"line {line_class(position)}"))
        parts += [
            circle(
                *place, 3, f"point {line_class(position)}", title=f"{name} at {format_rate(rate)}: {duration_us(value)}"
            )
            for (rate, value), place in zip(points, places, strict=True)
        ]
    return drawing(WIDE, 282, *parts, title="Latency by asked rate", class_="chart")


def latency_targets(result: CapacityResult) -> list[LimitResult]:
    """The targets that have a line in the chart of latency, in its order."""
    return [target for target in result.targets if target.unit == "us"]


def _latency_lines(result: CapacityResult) -> list[tuple[str, list[tuple[float, float]]]]:
    targets = latency_targets(result)
    if not targets:
        return [("p99 of all operations", _means(result.steps, lambda step: step.response_us.p99))]
    return [(target_text(target), _means(result.steps, _measured(target.name))) for target in targets]


def _measured(name: str) -> Callable[[StepResult], float | None]:
    return lambda step: step.measured.get(name)


def law_chart(result: CapacityResult) -> Markup | None:
    """Throughput by concurrency with the fitted curve and its peak; None without a fit."""
    law = result.law
    points = [step for step in result.steps if step.concurrency is not None and step.generator_limit is None]
    if law is None or not points:
        return None
    curve = ScalabilityLaw(law.lambda_per_s, law.sigma, law.kappa, law.points, law.r_squared)
    frame = Frame(72, 14, WIDE - 14, 252)
    last = _BEYOND * max(step.concurrency or 0.0 for step in points)
    places = [last * (number + 1) / _CURVE_POINTS for number in range(_CURVE_POINTS)]
    highest = max(*(curve.throughput_at(place) for place in places), *(step.achieved_per_s for step in points))
    x, y = _axis(last, frame.left, frame.right), _axis(highest, frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, linear_ticks(highest), format_rate)]
    parts += [vertical(x(tick), frame, f"{tick:g}") for tick in linear_ticks(last) if tick <= x.high]
    fitted = [(x(place), y(curve.throughput_at(place))) for place in places]
    parts.append(element("path", d=path(fitted), class_="line c2"))
    if law.peak_concurrency is not None and law.peak_concurrency <= last:
        at = x(law.peak_concurrency)
        parts.append(element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_="asked"))
        parts.append(text(at - 6, frame.top + 14, f"N* = {law.peak_concurrency:,.3g}", "note end"))
    parts += [_dot(step, x(step.concurrency or 0.0), y(step.achieved_per_s)) for step in points]
    parts.append(text(frame.right - 6, frame.bottom - 8, "operations in the system", "note end"))
    return drawing(WIDE, 282, *parts, title="Throughput by concurrency, with the scalability law", class_="chart")


def _axis(highest: float, start: float, end: float) -> Scale:
    return Scale(0.0, linear_ticks(highest)[-1], start, end)


def _rate_axis(x: Scale, frame: Frame) -> list[Markup]:
    return [vertical(x(tick), frame, format_rate(tick)) for tick in linear_ticks(x.high, 8) if tick <= x.high]


def _means(steps: Sequence[StepResult], value: Callable[[StepResult], float | None]) -> list[tuple[float, float]]:
    """By rate, ascending, the median over its windows of what is known."""
    by_rate: dict[float, list[float]] = {}
    for step in sorted(steps, key=lambda step: step.rate_per_s):
        known = value(step)
        if known is not None:
            by_rate.setdefault(step.rate_per_s, []).append(known)
    return [(rate, statistics.median(values)) for rate, values in by_rate.items()]


def _interval_marks(result: CapacityResult, x: Scale, frame: Frame) -> list[Markup]:
    """The capacity as a line within its interval; nothing where no rate held."""
    if result.rate_per_s is None:
        return []
    low, high = result.interval
    left = x(low if low is not None else result.rate_per_s)
    right = x(high if high is not None else result.rate_per_s)
    at = x(result.rate_per_s)
    return [
        rect(left, frame.top, right - left, frame.bottom - frame.top, "spread plain"),
        element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_="judged"),
        text(at - 6, frame.top + 14, f"capacity {format_rate(result.rate_per_s)}", "note end strong"),
    ]


def _dot(step: StepResult, across: float, down: float) -> Markup:
    remark = step_remark(step)
    words = f"{format_rate(step.rate_per_s)} asked, {format_rate(step.achieved_per_s)} achieved" + (
        f": {remark}" if remark else ""
    )
    return circle(across, down, 4, f"dot {step.verdict.lower()}", title=words)

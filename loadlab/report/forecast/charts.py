"""Charts of a forecast: what was measured as points, what is projected as a dashed line with its interval."""

from __future__ import annotations

import math

from markupsafe import Markup

from loadlab.report.charts import line_class
from loadlab.report.forecast.model import ForecastResult, PercentileForecast, ProjectedValue
from loadlab.report.forecast.wording import after_text, value_text
from loadlab.report.svg import (
    WIDE,
    Frame,
    Scale,
    circle,
    drawing,
    element,
    horizontal_grid,
    linear_ticks,
    log_scale,
    log_ticks,
    path,
    text,
    vertical,
)
from loadlab.report.wording import duration_us
from loadlab.units import format_size

_HIGH = 282.0


def storage_chart(result: ForecastResult) -> Markup | None:
    """Total bytes by scale, both logarithmic; None where nothing is projected."""
    sizes = [(scale.scale, scale.bytes) for scale in result.scales if scale.bytes]
    if result.storage is None or not sizes:
        return None
    projected = result.storage.total_bytes
    frame = Frame(84, 14, WIDE - 14, 252)
    x = _scales(result, frame)
    y = log_scale([*(size for _, size in sizes), projected.value, *_ends(projected)], frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, _size_ticks(y), format_size), *_scale_axis(result, x, frame)]
    measured = [(x(scale), y(float(size))) for scale, size in sizes]
    end = (x(result.to_scale), y(projected.value))
    parts.append(element("path", d=path([measured[-1], end]), class_="asked"))
    parts.append(element("path", d=path([*measured]), class_="line c0"))
    parts += [
        circle(*place, 4, "point c0", title=f"scale {scale:g}: {format_size(size)} measured")
        for (scale, size), place in zip(sizes, measured, strict=True)
    ]
    parts += _bar(projected, end, y, f"projected {value_text(projected)}", "c1")
    return drawing(WIDE, _HIGH, *parts, title="Bytes by scale, measured and projected", class_="chart")


def growth_chart(result: ForecastResult) -> Markup | None:
    """The total along the growth, with its interval; None without a growth."""
    if result.growth is None:
        return None
    horizons = result.growth.horizons
    frame = Frame(84, 14, WIDE - 14, 252)
    x = Scale(0.0, horizons[-1].after_s, frame.left + 40, frame.right - 40)
    highest = max(max([item.total_bytes.value, *_ends(item.total_bytes)]) for item in horizons)
    unit = 1024.0 ** int(math.log(highest, 1024))
    ticks = [tick * unit for tick in linear_ticks(highest / unit)]
    y = Scale(0.0, ticks[-1], frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, ticks, format_size)]
    parts += [vertical(x(item.after_s), frame, after_text(item)) for item in horizons]
    places = [(x(item.after_s), y(item.total_bytes.value)) for item in horizons]
    parts.append(element("path", d=path([*places]), class_="line thin c1"))
    for item, place in zip(horizons, places, strict=True):
        parts += _bar(item.total_bytes, place, y, f"{after_text(item)}: {value_text(item.total_bytes)}", "c1")
    return drawing(WIDE, _HIGH, *parts, title="Projected bytes along the growth", class_="chart")


def latency_chart(result: ForecastResult) -> Markup | None:
    """The higher percentile of each operation by scale, both logarithmic; None without a load."""
    lines = [(operation.name, operation.percentiles[-1]) for operation in result.operations if operation.percentiles]
    values = [value for _, item in lines for value in _values(item)]
    if not values:
        return None
    frame = Frame(84, 14, WIDE - 14, 252)
    x, y = _scales(result, frame), log_scale(values, frame.bottom, frame.top)
    parts = [*horizontal_grid(y, frame, log_ticks(y), duration_us), *_scale_axis(result, x, frame)]
    for position, (name, item) in enumerate(lines):
        colour = line_class(position)
        measured = [(x(point.scale), y(point.value_us)) for point in item.measured if point.value_us is not None]
        if not measured:
            continue
        parts.append(element("path", element("title", name), d=path([*measured]), class_=f"line {colour}"))
        if item.projected_us is not None:
            end = (x(result.to_scale), y(item.projected_us.value))
            parts.append(element("path", d=path([measured[-1], end]), class_=f"line thin {colour}"))
            words = f"{name}: {value_text(item.projected_us, 'us')} projected"
            parts += _bar(item.projected_us, end, y, words, colour)
    return drawing(WIDE, _HIGH, *parts, title="Latency by scale, measured and projected", class_="chart")


def _size_ticks(y: Scale, most: int = 6) -> list[float]:
    """Powers of two within a logarithmic scale, so that binary units are round."""
    exponents = range(math.ceil(math.log2(y.low)), math.floor(math.log2(y.high)) + 1)
    step = math.ceil(len(exponents) / most) or 1
    return [2.0**exponent for exponent in exponents[::step]]


def _values(item: PercentileForecast) -> list[float]:
    measured = [point.value_us for point in item.measured if point.value_us is not None]
    projected = [item.projected_us.value, *_ends(item.projected_us)] if item.projected_us is not None else []
    return [*measured, *projected]


def _ends(found: ProjectedValue) -> list[float]:
    return [end for end in found.interval if end is not None]


def _scales(result: ForecastResult, frame: Frame) -> Scale:
    found = log_scale([result.scales[0].scale, result.to_scale], frame.left, frame.right)
    return Scale(found.low / 1.2, found.high * 1.2, frame.left, frame.right, logarithmic=True)


def _scale_axis(result: ForecastResult, x: Scale, frame: Frame) -> list[Markup]:
    measured = [vertical(x(scale.scale), frame, f"{scale.scale:g}") for scale in result.scales]
    words = "full volume" if result.to_scale == 1 else f"{result.to_scale:g}"
    note = text(frame.right - 6, frame.bottom - 8, "scale", "note end")
    return [*measured, vertical(x(result.to_scale), frame, words), note]


def _bar(found: ProjectedValue, place: tuple[float, float], y: Scale, words: str, colour: str) -> list[Markup]:
    """The value as a ring, its interval as a line; an end that nothing bounds goes to the edge."""
    across, down = place
    low, high = found.interval
    top = y(high) if high is not None else y.end
    bottom = y(low) if low is not None else y.start
    return [
        element("line", x1=across, x2=across, y1=top, y2=bottom, class_="judged"),
        circle(across, down, 4, f"line {colour}", title=words),
    ]

"""SVG as text: elements, scales and ticks. Attribute and text values are escaped here, once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape


def element(tag: str, *children: Markup | str, **attributes: str | float | None) -> Markup:
    """One element; `aria_label` and `class_` become `aria-label` and `class`, None leaves one out."""
    written = Markup("").join(
        Markup(' {}="{}"').format(name.rstrip("_").replace("_", "-"), _attribute(value))
        for name, value in attributes.items()
        if value is not None
    )
    inside = Markup("").join(escape(child) for child in children)
    return Markup("<{}{}>{}</{}>").format(tag, written, inside, tag)


def _attribute(value: str | float) -> str:
    return value if isinstance(value, str) else f"{value:.1f}".removesuffix(".0")


WIDE, PANEL = 1080.0, 520.0
"""Pixels across a chart that takes a page's width, and one of two beside each other."""


def drawing(width: float, height: float, *children: Markup, title: str, class_: str, desc: str = "") -> Markup:
    """A drawing that scales with its place; a screen reader says `title`, then `desc`."""
    description = (element("desc", desc),) if desc else ()
    return element(
        "svg",
        *description,
        *children,
        viewBox=f"0 0 {width:g} {height:g}",
        role="img",
        aria_label=title,
        class_=class_,
    )


@dataclass(frozen=True, slots=True)
class Scale:
    """A linear or logarithmic way from values [low, high] to pixels [start, end]."""

    low: float
    high: float
    start: float
    end: float
    logarithmic: bool = False

    def __call__(self, value: float) -> float:
        """The pixel of a value; what lies outside stays at the edge."""
        low, high = self._inner(self.low), self._inner(self.high)
        share = (self._inner(value) - low) / (high - low) if high > low else 0.5
        return self.start + min(1.0, max(0.0, share)) * (self.end - self.start)

    def _inner(self, value: float) -> float:
        return math.log10(max(value, 1e-9)) if self.logarithmic else value


def log_scale(values: Iterable[float], start: float, end: float) -> Scale:
    """A logarithmic scale with some air around the positive values."""
    positive = [value for value in values if value > 0]
    low, high = (min(positive), max(positive)) if positive else (1.0, 10.0)
    if high / low < 4:  # less than that and noise would look like a mountain range
        middle = math.sqrt(low * high)
        low, high = middle / 2, middle * 2
    return Scale(low / 1.15, high * 1.2, start, end, logarithmic=True)


def log_ticks(scale: Scale, most: int = 7) -> list[float]:
    """1, 2, 5 of each decade within the scale, or whole decades where those would be too many."""
    decades = range(math.floor(math.log10(scale.low)), math.ceil(math.log10(scale.high)) + 1)
    inside: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [step * 10.0**decade for decade in decades for step in steps]
        inside = [tick for tick in ticks if scale.low <= tick <= scale.high]
        if len(inside) <= most:
            return inside
    return inside[:: math.ceil(len(inside) / most)]


def linear_ticks(high: float, most: int = 5) -> list[float]:
    """Round values from 0 up to the first one at or above `high`."""
    step = nice_step(high / most) if high > 0 else 1.0
    return [step * k for k in range(math.ceil(high / step - 1e-9) + 1)] if high > 0 else [0.0, 1.0]


def nice_step(raw: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is not below `raw`."""
    power = 10.0 ** math.floor(math.log10(raw))
    return float(next(factor * power for factor in (1, 2, 5, 10) if factor * power >= raw * (1 - 1e-9)))


def path(points: Sequence[tuple[float, float] | None]) -> str:
    """The `d` of a line through the points; None breaks it, and a point alone is drawn as a dot."""
    parts = []
    for position, point in enumerate(points):
        if point is None:
            continue
        starts = position == 0 or points[position - 1] is None
        parts.append(f"{'M' if starts else 'L'}{point[0]:.1f} {point[1]:.1f}")
        if starts and (position + 1 == len(points) or points[position + 1] is None):
            parts.append("h0.01")
    return "".join(parts)


@dataclass(frozen=True, slots=True)
class Frame:
    """The plotting area within a drawing, in pixels."""

    left: float
    top: float
    right: float
    bottom: float


def horizontal_grid(y: Scale, frame: Frame, ticks: Sequence[float], words: Callable[[float], str]) -> list[Markup]:
    """A line across the frame with its value at the left for each tick."""
    parts = []
    for tick in ticks:
        parts.append(element("line", x1=frame.left, x2=frame.right, y1=y(tick), y2=y(tick), class_="grid"))
        parts.append(text(frame.left - 8, y(tick) + 4, words(tick), "tick end"))
    return parts


def vertical(at: float, frame: Frame, words: str, anchor: str = "middle") -> Markup:
    """A line down the frame with its words below."""
    return element("line", x1=at, x2=at, y1=frame.top, y2=frame.bottom, class_="grid") + text(
        at, frame.bottom + 18, words, f"tick {anchor}"
    )


def rect(
    x: float,
    y: float,
    width: float,
    height: float,
    class_: str,
    *,
    rx: float | None = None,
    title: str | None = None,
) -> Markup:
    """A rectangle; a negative size is none. `title` is what the pointer shows."""
    inside = (element("title", title),) if title else ()
    return element("rect", *inside, x=x, y=y, width=max(0.0, width), height=max(0.0, height), rx=rx, class_=class_)


def limit_marks(level: float, frame: Frame) -> list[Markup]:
    """An upper limit: a line across, and what lies beyond it shaded."""
    return [
        rect(frame.left, frame.top, frame.right - frame.left, level - frame.top, "beyond"),
        limit_line(level, frame),
    ]


def limit_line(level: float, frame: Frame) -> Markup:
    """A limit without a side."""
    return element("line", x1=frame.left, x2=frame.right, y1=level, y2=level, class_="limit")


def circle(cx: float, cy: float, r: float, class_: str, *, title: str | None = None) -> Markup:
    """A point; `title` is what the pointer shows."""
    inside = (element("title", title),) if title else ()
    return element("circle", *inside, cx=cx, cy=cy, r=r, class_=class_)


def text(x: float, y: float, words: str, class_: str) -> Markup:
    """Words at a place; the class says where they are anchored."""
    return element("text", words, x=x, y=y, class_=class_)

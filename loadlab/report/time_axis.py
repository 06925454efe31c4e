"""Time into the window, along a chart."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from loadlab.report.model import SeriesPoint
from loadlab.report.svg import Frame, Scale, nice_step, vertical

WIDE_LEFT = 84.0
"""Where the charts of a page's width begin, so that the same moment is below itself in all of them."""
_TIME_STEPS = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400, 21600, 43200, 86400)


def time_scale(series: Sequence[SeriesPoint], frame: Frame) -> Scale:
    """From the first interval's start to the last one's, across the frame."""
    first = min((point.t_s for point in series), default=0.0)
    last = max([*(point.t_s for point in series), first + 1.0])
    return Scale(first, last, frame.left, frame.right)


def time_axis(x: Scale, frame: Frame) -> list[Markup]:
    """Ticks at round times, as many as their words have room for."""
    most = max(2, int((frame.right - frame.left) / 80))
    span = x.high - x.low
    step = next((float(s) for s in _TIME_STEPS if span / s <= most), nice_step(span / most))
    first = math.ceil(x.low / step)
    return [vertical(x(k * step), frame, clock(k * step)) for k in range(first, math.floor(x.high / step) + 1)]


def clock(t_s: float) -> str:
    """Time into the window: `15 s`, `2 min`, `1:30 h`."""
    seconds = round(t_s)
    if seconds < 120 and (seconds < 60 or seconds % 60):
        return f"{seconds} s"
    if seconds < 7200:
        return f"{seconds // 60} min" if seconds % 60 == 0 else f"{seconds // 60}:{seconds % 60:02d} min"
    return f"{seconds // 3600}:{seconds % 3600 // 60:02d} h"

"""A history in words and in a line of blocks."""

from __future__ import annotations

from collections.abc import Sequence

from loadlab.report.history.model import LineResult, SeriesResult, StepResult
from loadlab.units import format_share
from loadlab.validate.nights.wording import amount, effect_text
from loadlab.validate.wording import counted

_BARS = "▁▂▃▄▅▆▇█"
# Less than this between the lowest and the highest is drawn flat: noise is no mountain range.
_RANGE_MIN = 0.2


def day(started_at: str) -> str:
    """`2026-03-14` of a moment."""
    return started_at[:10]


def nights_text(series: SeriesResult) -> str:
    """`60 nights from 2026-01-01 to 2026-03-01, 1 of them not whole; 7 missing after 2026-02-01`."""
    nights = series.nights
    text = f"{counted(len(nights), 'night')} from {day(nights[0].started_at)} to {day(nights[-1].started_at)}"
    broken = sum(bool(night.problem) for night in nights)
    if broken:
        text += f", {broken} of them not whole"
    missing = [f"{gap.missing} missing after {day(gap.after)}" for gap in series.gaps]
    return "; ".join([text, *missing])


def step_text(series: SeriesResult, line: LineResult, step: StepResult) -> str:
    """`worse since 2026-02-03: +15.2%, 2.10 ms to 2.42 ms, reported 2026-02-04`."""
    return (
        f"{step.direction} since {day(series.nights[step.first].started_at)}: "
        f"{effect_text(step.before, step.after)}, {amount(line.metric, step.before)} to "
        f"{amount(line.metric, step.after)}, reported {day(series.nights[step.reported].started_at)}"
    )


def drift_text(line: LineResult) -> str:
    """`drifts: +8.1%`; "" where it does not."""
    if line.drift is None:
        return ""
    return f"drifts: {'+' if line.drift > 0 else '−'}{format_share(round(abs(line.drift), 3))}"


def sparkline(values: Sequence[float | None]) -> str:
    """A block a night, a blank where there is none."""
    known = [value for value in values if value is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    room = max(high - low, _RANGE_MIN * high, 1e-9)
    low = (low + high - room) / 2

    def bar(value: float) -> str:
        return _BARS[min(len(_BARS) - 1, int((value - low) / room * len(_BARS)))]

    return "".join(" " if value is None else bar(value) for value in values)

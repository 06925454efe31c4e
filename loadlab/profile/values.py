"""The catalogue's values in a scenario's form, and bounds that are rounded until they tell nobody anything."""

from __future__ import annotations

import datetime as dt
import math
import re
from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, ROUND_HALF_EVEN, Decimal, InvalidOperation
from itertools import pairwise

from loadlab.schema.model import LogicalType

Plain = str | int | float | bool
NUMBERS = ("integer", "numeric", "float", "interval")
MOMENTS = ("date", "timestamp")
# Steps to which moments are rounded, in days; the largest that is below a fiftieth of the span is taken.
_DAY_STEPS = (365, 90, 30, 7, 1)
_INTERVAL = re.compile(
    r"(?:(-?\d+) years?)?\s*(?:(-?\d+) mons?)?\s*(?:(-?\d+) days?)?\s*(?:(-?)(\d+):(\d\d):(\d\d(?:\.\d+)?))?"
)


def plain_value(text: str, type: LogicalType) -> Plain | None:
    """A value of the catalogue as YAML and the scenario know it; None for one that they do not (infinity)."""
    try:
        if type.kind == "boolean":
            return text in ("t", "true", "1")
        if type.kind == "integer":
            return int(text)
        if type.kind in ("numeric", "float"):
            number = float(text)
            return (int(number) if number == int(number) else number) if math.isfinite(number) else None
        if type.kind == "interval":
            return interval_s(text)
        if type.kind in MOMENTS:
            moment = dt.datetime.fromisoformat(text)
            return moment.date().isoformat() if type.kind == "date" else moment.replace(tzinfo=None).isoformat(" ")
    except (ValueError, OverflowError, InvalidOperation):
        return None
    return text


def interval_s(text: str) -> float:
    """Seconds of an interval as the server prints it; a month has 30 days. Raises ValueError."""
    match = _INTERVAL.fullmatch(text.strip())
    if match is None or not text.strip():
        raise ValueError(text)
    years, months, days, sign, hours, minutes, seconds = match.groups()
    whole_days = int(years or 0) * 360 + int(months or 0) * 30 + int(days or 0)
    clock = int(hours or 0) * 3600 + int(minutes or 0) * 60 + float(seconds or 0)
    return whole_days * 86400 + (-clock if sign else clock)


def rounded_bounds(bounds: Sequence[Plain], kind: str) -> list[Plain]:
    """Bounds without what is particular in them: two significant digits of the numbers, whole days or more of time.

    The first is rounded up and the last one down, so that nothing leaves the range that a CHECK or a partition gives.
    """
    if kind in MOMENTS:
        return _rounded_moments([dt.datetime.fromisoformat(str(bound)) for bound in bounds])
    rules = [ROUND_CEILING, *[ROUND_HALF_EVEN] * (len(bounds) - 2), ROUND_FLOOR]
    numbers = [_two_digits(float(bound), rule) for bound, rule in zip(bounds, rules, strict=True)]
    return [_plain(number, kind) for number in _within(numbers)]


def _two_digits(value: float, rule: str) -> float:
    if value == 0:
        return 0.0
    step = Decimal(1).scaleb(math.floor(math.log10(abs(value))) - 1)
    return float(Decimal(value).quantize(step, rounding=rule))


def _plain(number: float, kind: str) -> Plain:
    return round(number) if kind == "integer" or number == int(number) else number


def _rounded_moments(moments: Sequence[dt.datetime]) -> list[Plain]:
    days = [moment.toordinal() for moment in moments]
    step = next((step for step in _DAY_STEPS if step * 50 <= days[-1] - days[0]), 1)
    begins = moments[0] == dt.datetime.combine(moments[0].date(), dt.time(), moments[0].tzinfo)
    first = days[0] if begins else days[0] + 1
    steps = [first, *[first + round((day - first) / step) * step for day in days[1:-1]], days[-1]]
    return [dt.date.fromordinal(int(day)).isoformat() for day in _within(steps)]


def _within(bounds: Sequence[float]) -> list[float]:
    """The inner bounds between the first and the last one; where these crossed, the first alone is kept."""
    first, last = bounds[0], max(bounds[0], bounds[-1])
    return [min(max(bound, first), last) for bound in bounds]


def thinned(bounds: Sequence[Plain], most: int) -> list[Plain]:
    """Every k-th bound, the first and the last always, so that at most about `most` bins are left."""
    each = max(round((len(bounds) - 1) / most), 1)
    if (len(bounds) - 1) % each:
        # Bins that hold different numbers of rows would need their shares: none is thinned instead.
        return thinned(bounds, most + 1) if most < len(bounds) else list(bounds)
    return list(bounds[::each])


def merged_bins(bounds: Sequence[Plain]) -> tuple[list[Plain], list[float] | None]:
    """Bins of equal shares whose bounds may be equal after rounding: different bounds, and the shares between them.

    What lay between two bounds that are one now is shared by the bins on both sides. Shares are None when equal.
    """
    kept = [bound for position, bound in enumerate(bounds) if position == 0 or bound != bounds[position - 1]]
    if len(kept) == len(bounds) or len(kept) < 2:
        return kept, None
    shares = [0.0] * (len(kept) - 1)
    each, place = 1 / (len(bounds) - 1), 0
    for low, high in pairwise(bounds):
        if low != high:
            shares[place] += each
            place += 1
            continue
        neighbours = [side for side in (place - 1, place) if 0 <= side < len(shares)]
        for side in neighbours:
            shares[side] += each / len(neighbours)
    return kept, [round(share, 5) for share in shares]

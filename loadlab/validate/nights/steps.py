"""Steps in a series of nights: reported once, on their second night; single spikes and slow drift are none.

Of the splits behind which every night lies beyond the level before it, E-divisive says which is the most likely
(`energy`), and Student's t whether it is one, as in Hunter (Fleming et al., ICPE 2023): with two nights behind a split,
no permutation of thirty can be rare enough for a gate that looks at sixty series every night. The logarithms are
compared, so that an effect is a factor. A step is reported when

- all nights behind the split lie beyond the level before it, on one side, by `EFFECT_MIN` at least, and the level lies
  outside the interval of each of them: a value that cannot be told from the level is none to report,
- they agree with each other: two spikes of different heights are no level,
- t is beyond its quantile for `ALPHA`, with the spread of the nights before, single spikes left out. Drift is part of
  that spread, so that its own slope never looks like a step.

Everything follows from the series alone: a series is replayed night by night, and a change once reported begins a new
segment, so that it is reported exactly once.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import takewhile

import numpy as np

from loadlab.validate.distributions import t_quantile
from loadlab.validate.nights.energy import divergences
from loadlab.validate.nights.model import Direction, Sample
from loadlab.validate.statistics import Floats

EFFECT_MIN = 0.05
PERSISTENCE = 2
"""Nights that have to show a change before it is reported."""
ALPHA = 1e-4
BEFORE_MIN = 6
"""Nights that are needed to know what is usual."""
REFERENCE = 30
"""Nights of a segment that its level is made of: what lies longer ago has drifted away."""
# Nights behind a split that is looked for still, where noise hid it on its second; and nights that make a level: so
# many that those behind the split, should they be among them, are never half of it.
_LATE_MAX = 5
_LEVEL = 9
# Beyond so many robust standard deviations a single night is a spike.
_SPIKE = 4.0
_MAD_TO_SIGMA = 1.4826
# Nights without any spread at all exist (counts, rounded values): half a percent is what any clock is good for.
_SIGMA_MIN = 0.005
_DRIFT_NIGHTS_MIN = 21
_DRIFT_ALPHA = 1e-3


@dataclass(frozen=True, slots=True)
class Step:
    """A change of level. `first` is the number of the first night behind it, `reported` of the night that told.

    `before` and `after` are the levels in the series' unit, `effect` the relative change.
    """

    first: int
    reported: int
    before: float
    after: float

    @property
    def effect(self) -> float:
        return self.after / self.before - 1

    @property
    def direction(self) -> Direction:
        """Less is better, of everything that a night measures."""
        return Direction.WORSE if self.effect > 0 else Direction.BETTER


def find_steps(series: Sequence[Sample]) -> list[Step]:
    """All steps that a series of nights, oldest first, has reported night by night."""
    logs = np.log(np.maximum([item.value for item in series], 1e-9))
    edges, found = [0], []
    for night in range(BEFORE_MIN + PERSISTENCE - 1, len(series)):
        step = _step_at(series, logs, edges, night)
        if step is not None:
            found.append(step)
            edges.append(step.first)
    return found


def _step_at(series: Sequence[Sample], logs: Floats, edges: Sequence[int], night: int) -> Step | None:
    """The step that a night reports, knowing the nights up to itself."""
    start = max(edges[-1], night + 1 - REFERENCE - PERSISTENCE)
    known = logs[start : night + 1]
    # Each segment but the first may be short: how nights are spread is known from those before.
    before_min = BEFORE_MIN if len(edges) == 1 else PERSISTENCE
    most = min(_LATE_MAX, len(known) - before_min)
    sizes = list(takewhile(lambda size: _is_away(known[:-size], known[-size:]), range(PERSISTENCE, most + 1)))
    if not sizes:
        return None
    size = sizes[int(np.argmax(divergences(known, np.array(sizes))))]
    first = night + 1 - size
    before, after = _without_spikes(known[:-size]), known[-size:]
    level = _level(before)
    residuals = np.concatenate([_residuals(logs[a:b]) for a, b in _segments(edges, start, first)])
    if not _is_step(level, len(before), after, residuals):
        return None
    if not all(_is_beyond(item, math.exp(level)) for item in series[first : night + 1]):
        return None
    return Step(first, night, math.exp(level), math.exp(float(np.median(after))))


def _segments(edges: Sequence[int], start: int, first: int) -> list[tuple[int, int]]:
    """The current segment up to the split, and the one before it."""
    earlier = [(max(edges[-2], edges[-1] - REFERENCE), edges[-1])] if len(edges) > 1 else []
    return [*earlier, (start, first)]


def _level(before: Floats) -> float:
    """Of the latest nights: what drifts is not where it was a month ago."""
    return float(np.median(before[-_LEVEL:]))


def _is_away(before: Floats, after: Floats) -> bool:
    """Whether every night behind a split lies beyond the level before it, on one side, by the least effect."""
    level = _level(_without_spikes(before))
    rise, fall = math.log1p(EFFECT_MIN), math.log1p(-EFFECT_MIN)
    return float(after.min()) - level >= rise or float(after.max()) - level <= fall


def _is_step(level: float, before: int, after: Floats, residuals: Floats) -> bool:
    spread = _without_spikes(residuals)
    freedom = len(spread) - 2
    if freedom < BEFORE_MIN - 2:
        return False
    sigma = max(math.sqrt(float(spread @ spread) / freedom), _SIGMA_MIN)
    shift = abs(float(np.mean(after)) - level)
    if float(np.ptp(after)) > max(shift / 4, 3 * math.sqrt(2) * sigma):
        return False
    # The variance of a median is π/2 of that of a mean.
    error = sigma * math.sqrt(1 / len(after) + math.pi / 2 / min(before, _LEVEL))
    return shift / error > _quantile(1 - ALPHA / 2, freedom)


@cache
def _quantile(share: float, freedom: int) -> float:
    return t_quantile(share, freedom)


def _is_beyond(sample: Sample, usual: float) -> bool:
    """Whether the level lies outside the night's own interval; where there is none nothing can be told."""
    end = sample.low if sample.value > usual else sample.high
    return end is not None and (end > usual if sample.value > usual else end < usual)


def _residuals(values: Floats) -> Floats:
    return values - np.median(values)


def _without_spikes(values: Floats) -> Floats:
    """Without single nights far from all others."""
    centre = np.median(values)
    sigma = max(_MAD_TO_SIGMA * float(np.median(np.abs(values - centre))), _SIGMA_MIN)
    kept = values[np.abs(values - centre) <= _SPIKE * sigma]
    return np.asarray(kept if len(kept) >= 2 else values, dtype=np.float64)


def drift_of(series: Sequence[Sample]) -> float | None:
    """The relative change over a segment without a step that moves slowly; None where it does not, for certain.

    Least squares on the logarithms, spikes left out; Student's t of the slope.
    """
    logs = np.log(np.maximum([item.value for item in series], 1e-9))
    if len(logs) < _DRIFT_NIGHTS_MIN:
        return None
    nights = np.arange(len(logs), dtype=np.float64)
    slope, offset = np.polyfit(nights, logs, 1)
    away = logs - slope * nights - offset
    kept = np.abs(away - np.median(away)) <= _SPIKE * max(
        _MAD_TO_SIGMA * float(np.median(np.abs(away - np.median(away)))), _SIGMA_MIN
    )
    nights, logs = nights[kept], logs[kept]
    slope, offset = np.polyfit(nights, logs, 1)
    away = logs - slope * nights - offset
    freedom = len(logs) - 2
    centred = nights - nights.mean()
    error = math.sqrt(float(away @ away) / freedom / float(centred @ centred))
    change = math.expm1(float(slope) * (len(series) - 1))
    if abs(change) < EFFECT_MIN or abs(float(slope)) <= error * _quantile(1 - _DRIFT_ALPHA / 2, freedom):
        return None
    return change

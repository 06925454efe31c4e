"""How the load changes over the measured window: stages, steps, a spike, a day; each is a level over time.

A level is in the unit of the workload: users of a closed loop, operations per second of an open one.
"""

from __future__ import annotations

import math
from itertools import pairwise
from typing import Annotated

from pydantic import BeforeValidator, Field, model_validator

from loadlab.spec.base import SpecModel
from loadlab.spec.parameters import DurationS, OrText
from loadlab.units import parse_rate_per_s

# A day's lowest hour and highest one, as shares of the day: four in the morning, four in the afternoon.
_TROUGH = 4 / 24
_POINTS = 240
_STEPS_MAX = 10_000


def _rate_per_s(value: object) -> object:
    return parse_rate_per_s(value) if isinstance(value, str) else value


RatePerS = Annotated[
    float, BeforeValidator(_rate_per_s), Field(gt=0, le=1e6), OrText("a rate such as 2000/s or 90000/min")
]
"""Operations per second; a bare number, or text with a unit (`2000/s`, `90 000/min`)."""
_Level = Annotated[float, BeforeValidator(_rate_per_s), Field(ge=0, le=1e6), OrText("a number of users, or a rate")]


class Stage(SpecModel):
    """The level moves to `target` in a straight line over `duration`; a duration of 0 is a step."""

    duration: DurationS
    target: _Level


class Steps(SpecModel):
    """A staircase: the level begins at `first` and grows by `by` after every `every`, up to `last`."""

    first: _Level
    last: _Level
    by: Annotated[float, Field(gt=0)]
    every: Annotated[DurationS, Field(gt=0)]

    @model_validator(mode="after")
    def _goes_up(self) -> Steps:
        if self.last < self.first:
            raise ValueError(f"must not go down: first={self.first:g}, last={self.last:g}")
        if (self.last - self.first) / self.by > _STEPS_MAX:
            raise ValueError(f"has more than {_STEPS_MAX:,} steps; give a greater by")
        return self


class Spike(SpecModel):
    """A sudden crowd: `base`, then `peak` from `at` on for `length`, then `base` again."""

    base: _Level
    peak: _Level
    at: DurationS
    length: Annotated[DurationS, Field(gt=0)]


class Day(SpecModel):
    """The curve of a day, over the whole window: lowest at four in the morning, highest at four in the afternoon."""

    low: _Level
    high: _Level

    @model_validator(mode="after")
    def _is_ordered(self) -> Day:
        if self.low > self.high:
            raise ValueError(f"has bounds in the wrong order: low={self.low:g} > high={self.high:g}")
        return self


class Shape(SpecModel):
    """How the level changes over the measured window: exactly one of these."""

    stages: list[Stage] | None = Field(default=None, min_length=1)
    steps: Steps | None = None
    spike: Spike | None = None
    day: Day | None = None

    @model_validator(mode="after")
    def _is_one(self) -> Shape:
        said = [name for name in ("stages", "steps", "spike", "day") if getattr(self, name) is not None]
        if len(said) != 1:
            raise ValueError(
                f"must have exactly one of stages, steps, spike and day; it has {' and '.join(said) or 'none'}"
            )
        if self.peak(1.0) <= 0:
            raise ValueError("never rises above 0; one level at least must")
        return self

    def points(self, duration_s: float, base: float) -> list[tuple[float, float]]:
        """Corners (seconds from the window's start, level), ascending; the level is linear between neighbours.

        Two corners of the same second are a step. `base` is where stages begin.
        """
        if self.stages is not None:
            found = [(0.0, base)]
            for stage in self.stages:
                found.append((found[-1][0] + stage.duration, stage.target))
            return found
        if self.steps is not None:
            return _stairs(self.steps)
        if self.spike is not None:
            base, peak, start_s = self.spike.base, self.spike.peak, self.spike.at
            end_s = start_s + self.spike.length
            return [(0.0, base), (start_s, base), (start_s, peak), (end_s, peak), (end_s, base)]
        assert self.day is not None
        middle, half = (self.day.high + self.day.low) / 2, (self.day.high - self.day.low) / 2
        shares = [number / _POINTS for number in range(_POINTS + 1)]
        return [(share * duration_s, middle - half * math.cos(2 * math.pi * (share - _TROUGH))) for share in shares]

    def peak(self, base: float) -> float:
        """The highest level. `base` is where stages begin."""
        return max(level for _, level in self.points(1.0, base))

    def length_s(self) -> float | None:
        """How long it takes by itself; None: as long as the window."""
        if self.stages is not None:
            return sum(stage.duration for stage in self.stages)
        if self.steps is not None:
            return self.steps.every * (math.floor((self.steps.last - self.steps.first) / self.steps.by + 1e-9) + 1)
        return None


def _stairs(steps: Steps) -> list[tuple[float, float]]:
    found = [(0.0, steps.first)]
    level, at_s = steps.first, 0.0
    while level + steps.by <= steps.last + 1e-9:
        at_s += steps.every
        found += [(at_s, level), (at_s, level + steps.by)]
        level += steps.by
    return found


def level_at(points: list[tuple[float, float]], at_s: float) -> float:
    """The level of a shape at a moment; before the first corner the first level, behind the last one the last."""
    if at_s < points[0][0]:
        return points[0][1]
    for (start_s, start), (end_s, end) in pairwise(points):
        if start_s <= at_s < end_s:
            return start + (end - start) * (at_s - start_s) / (end_s - start_s)
    return points[-1][1]


def mean_level(points: list[tuple[float, float]], duration_s: float) -> float:
    """The mean of a shape over [0, duration_s)."""
    if duration_s <= 0:
        return points[0][1]
    corners = sorted({0.0, duration_s, *(at_s for at_s, _ in points if 0 < at_s < duration_s)})
    area = 0.0
    for start_s, end_s in pairwise(corners):
        # Just inside of both ends: at a corner a step has two levels.
        inside = (end_s - start_s) * 1e-9
        area += (level_at(points, start_s + inside) + level_at(points, end_s - inside)) / 2 * (end_s - start_s)
    return area / duration_s

"""Histories that nobody measured: series with drift, spikes, gaps and steps, from a seed."""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from loadlab.validate.nights.model import Key, Night, OperationNight, Sample, StatementNight

KEY = Key("machine-a", "shop", "schema-a", 0.01, "data-a", "PostgreSQL 18.6", "load-a")
FIRST = dt.datetime(2026, 1, 1, 2, 30, tzinfo=dt.UTC)
HALF_WIDTH = 0.03
"""Of each night's interval, relative to its value."""


@dataclass(frozen=True)
class Story:
    """What happens to a series: `noise` is the nights' standard deviation, `drift` the change over all of them.

    `spikes` nights stand out by 20 to 80 %, alone; the `step` comes with night `at`, which like its neighbours is none
    of them.
    """

    nights: int = 60
    noise: float = 0.02
    drift: float = 0.05
    spikes: int = 4
    step: float = 0.0
    at: int = 40


def values(story: Story, seed: int, level: float = 2_000.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    logs = random.normal(0, story.noise, story.nights) + np.log1p(story.drift) * np.arange(story.nights) / story.nights
    # Every other night at most: two neighbours that stand out alike are a step to anybody.
    odd = random.choice(story.nights // 2, story.spikes, replace=False) * 2 + int(random.integers(2))
    if story.step:
        odd = np.array([night for night in odd if abs(night - story.at - 0.5) > 2], dtype=int)
        logs[story.at :] += np.log1p(story.step)
    logs[odd] += np.log1p(random.uniform(0.2, 0.8, len(odd)))
    return level * np.exp(logs)


def samples(numbers: Sequence[float], half_width: float = HALF_WIDTH) -> list[Sample]:
    return [Sample(float(v), float(v) * (1 - half_width), float(v) * (1 + half_width)) for v in numbers]


def operation(p95: float = 2_000.0, **more: object) -> OperationNight:
    kept = {"blocks_per_call": 4.0, "statements": {"": statement()}} | more
    return OperationNight("simple", 10_000, {"p95": samples([p95])[0]}, **kept)


def statement(**more: object) -> StatementNight:
    kept = {
        "text": "a",
        "steps": ("Index Scan on orders by orders_user_id_idx",),
        "rows": {"orders": 10.0},
        "examined_per_row": 1.0,
    } | more
    return StatementNight(**kept)


def night(number: int = 0, operations: Mapping[str, OperationNight] | None = None, **more: object) -> Night:
    """The night so many days after the first."""
    kept = {"label": "main", "key": KEY, "tables": {"orders": 120.0}, "rows": {"orders": 1_000_000}} | more
    at = FIRST + dt.timedelta(days=number)
    return Night(started_at=at.isoformat(), operations=operations or {"orders_of_user": operation()}, **kept)


def nights_of(numbers: Sequence[float], *, missing: range = range(0)) -> list[Night]:
    """A night for each value, none on the days that are `missing`."""
    days = [day for day in range(len(numbers) + len(missing)) if day not in missing]
    return [night(day, {"orders_of_user": operation(value)}) for day, value in zip(days, numbers, strict=True)]


def other(one: Night, **parts: object) -> Night:
    """The same night with another key."""
    return replace(one, key=replace(one.key, **parts))

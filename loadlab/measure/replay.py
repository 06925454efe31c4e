"""What a replay of a log yields, as plain values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval

STAGES = ("session", "connection", "generator")
"""What a late statement waited for: the one before it in its session, a free connection, the replaying process."""


@dataclass(frozen=True, slots=True)
class ShapeMeasure:
    """Statements that differ in their constants alone.

    `name` is short and unlike any other's. `logged` are the log's durations of those that were replayed, `count` the
    successes, which alone are in `service` and `response`; `rows` what these returned or changed.
    """

    name: str
    shape: str
    query_id: str
    logged: Histogram
    count: int
    errors: Mapping[str, int]
    first_error: str | None
    service: Histogram
    response: Histogram
    rows: int

    @property
    def error_count(self) -> int:
        return sum(self.errors.values())


@dataclass(frozen=True, slots=True)
class ReplayMeasure:
    """A replay from its first statement to its last.

    `planned` statements were due within `planned_s` (the log's time divided by `speed`; None: as fast as possible);
    the last one that began did so after `begun_s`. `lag` is how late each began against its due time, `late_s` the
    seconds of it by what was waited for (see `STAGES`).
    """

    started_at: str
    speed: float | None
    planned: int
    planned_s: float
    begun_s: float
    duration_s: float
    sessions: int
    connections: int
    workers: int
    shapes: tuple[ShapeMeasure, ...]
    intervals: tuple[Interval, ...]
    lag: Histogram
    late_s: Mapping[str, float]
    cpu_share: float
    interrupted: bool = False
    failure: str | None = None
    lag_by_interval: Mapping[float, Histogram] = field(default_factory=dict)

    @property
    def executions(self) -> int:
        return sum(shape.count + shape.error_count for shape in self.shapes)

    @property
    def errors(self) -> int:
        return sum(shape.error_count for shape in self.shapes)

"""`replay.json`: the one model from which every form of a replay's report is made.

Versioned as `result.json` is: a field is only ever added within a version.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model import EnvironmentResult
from loadlab.report.model_base import Percentiles, ResultModel
from loadlab.validate.replay import ReplayFinding


class ShapeResult(ResultModel):
    """Statements that differ in their constants alone, in the log and in the replay.

    `logged_us` are the log's durations, `service_us` and `response_us` the replay's: from when a statement was sent,
    and from when it was due.
    """

    name: str
    shape: str
    query_id: str | None = Field(description="the server's own, where the log has it")
    logged_count: int = Field(description="those of the log that were to be replayed")
    count: int = Field(description="that succeeded in the replay")
    errors: int
    errors_by_outcome: dict[str, int] = Field(description="by SQLSTATE, or by the error's name where there is none")
    first_error: str | None
    rows: int = Field(description="returned or changed by those that succeeded")
    logged_us: Percentiles
    service_us: Percentiles
    response_us: Percentiles


class LagResult(ResultModel):
    """How late statements began; null figures for a replay as fast as possible.

    `waited_s` adds the lateness up by what was waited for: the statement before in the `session`, a free
    `connection`, the `generator`.
    """

    limit_us: float
    us: Percentiles
    waited_s: dict[str, float]


class ReplaySecond(ResultModel):
    """A stretch of the replay, from `start_s` on: what ended in it."""

    start_s: float
    duration_s: float
    count: int
    errors: int
    service_p95_us: float | None
    lag_p99_us: float | None


class LogResult(ResultModel):
    """What was read. `span_s` is the log's own time.

    `settings` were set for sessions, and are set on the connections that these use, beside the clock; `left_out` counts
    by reason what is not replayed.
    """

    files: list[str]
    statements: int
    sessions: int
    sessions_peak: int
    settings: int
    span_s: float
    left_out: dict[str, int]


class ReplayResult(ResultModel):
    """Everything a replay found out."""

    version: Literal[1] = 1
    created_at: str
    finding: ReplayFinding
    reason: str
    log: LogResult
    speed: float | None = Field(description="factor on the log's speed; null: as fast as possible")
    read_only: bool
    timeout_s: float
    planned_s: float
    duration_s: float
    asked_per_s: float | None
    achieved_per_s: float
    executions: int
    errors: int
    connections: int
    workers: int
    generator_cpu_share: float
    lag: LagResult
    service_us: Percentiles
    logged_us: Percentiles
    shapes: list[ShapeResult]
    timeline: list[ReplaySecond]
    environment: EnvironmentResult
    notes: list[str] = []

"""What `loadlab history --json` prints."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model import ChangeResult
from loadlab.report.model_base import ResultModel
from loadlab.validate.nights.model import Direction


class PointResult(ResultModel):
    """One night of a line; `low` and `high` are its interval, null where there is none."""

    night: int = Field(description="its number in the series' nights")
    value: float
    low: float | None = None
    high: float | None = None


class StepResult(ResultModel):
    """A change of level: on the wall clock, found over nights."""

    first: int = Field(description="the first night behind it")
    reported: int = Field(description="the night that reported it")
    before: float
    after: float
    direction: Direction


class LineResult(ResultModel):
    """One figure over the nights. `subject` is an operation, a statement (`operation/statement`) or a table."""

    subject: str
    metric: str
    points: list[PointResult]
    usual: float = Field(description="median of the nights since the last step")
    steps: list[StepResult] = []
    drift: float | None = Field(default=None, description="relative change that came slowly since the last step")


class RunResult(ResultModel):
    """One night of a series; `problem` is why no other is compared with it."""

    started_at: str
    verdict: str
    problem: str = ""
    accepted: str = ""


class GapResult(ResultModel):
    """Nights that were due and did not come."""

    after: str
    before: str
    missing: int


class SeriesResult(ResultModel):
    """Nights that may be compared with each other: one label, machine, server, schema, data, scale and load."""

    label: str
    scenario: str
    server: str
    machine: str
    fingerprint: str
    scale: float
    load: str
    nights: list[RunResult]
    gaps: list[GapResult] = []
    lines: list[LineResult] = []
    changes: list[ChangeResult] = Field(default=[], description="of the deterministic evidence, each when it came")


class MadeBy(ResultModel):
    """Who wrote it."""

    loadlab: str


class HistoryResult(ResultModel):
    """Everything that a history holds, as far as it was asked for."""

    version: Literal[1] = 1
    path: str
    damage: str = ""
    series: list[SeriesResult]
    environment: MadeBy

    @property
    def scenario(self) -> str:
        """What a page's title names."""
        return ", ".join(dict.fromkeys(series.scenario for series in self.series)) or "no nights"

"""`compare.json`: the one model from which every form of a comparison's report is made.

Versioned as `result.json` is: a field is only ever added within a version. Ratios are of B to A; latencies are service
times in microseconds.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model import EnvironmentResult, SeedingResult
from loadlab.report.model_base import Kind, ResultModel
from loadlab.validate.comparison.figures import Metric
from loadlab.validate.comparison.verdicts import Outcome

Interval = tuple[float, float]


class MetricResult(ResultModel):
    """One metric; null where too little was measured, and `reason` says why.

    `interval` holds the true ratio together with all others of the comparison (`confidence`), `own_interval` by itself.
    """

    metric: Metric
    unit: Literal["us", "per_s", "blocks", "bytes"]
    a: float | None = Field(
        description="median over the rounds, without a ratio for want of executions over all of them; alone where the"
        " other side's database gives none"
    )
    b: float | None
    ratio: float | None
    interval: Interval | None
    own_interval: Interval | None
    noise: float | None = Field(description="by how much a side seems to differ from itself (0.05: 5 %)")
    effect: float = Field(description="the least difference that counts")
    verdict: Outcome
    reason: str = ""


class OperationResult(ResultModel):
    """One operation of both sides. `rows_a` and `rows_b` are rows by execution; null: the server does not count."""

    name: str
    kind: Kind
    executions_a: int
    executions_b: int
    verdict: Outcome
    reason: str = ""
    metrics: list[MetricResult]
    rows_a: float | None = None
    rows_b: float | None = None
    plan_a: list[str] = []
    plan_b: list[str] = []

    @property
    def plans_differ(self) -> bool:
        """Whether the database goes another way on B."""
        return self.plan_a != self.plan_b


class StoredTableResult(ResultModel):
    """A table before the load; `grown_…` are bytes for each row that the load inserted."""

    name: str
    rows: int
    table_bytes: int
    index_bytes: int
    bytes_per_row: float | None
    grown_table_bytes_per_row: float | None
    grown_index_bytes_per_row: float | None


class SideResult(ResultModel):
    """One side. `engine` is the kind of database, `server` its version; `index_bytes` are before the load, by index.

    `settings` are those of the server that bear on the figures, such as what a commit waits for.
    """

    label: str
    scenario: str
    engine: str = ""
    server: str = ""
    database: str
    seeding: SeedingResult
    tables: list[StoredTableResult]
    index_bytes: dict[str, int]
    total_bytes: int
    only_here: list[str] = Field(default=[], description="operations that the other side does not have")
    settings: dict[str, str] = {}
    rows: int | None = Field(
        default=None, description="in the tables before the load, with those of earlier loads; null: sizes are not told"
    )
    inside: dict[str, str] = Field(default={}, description="tables whose rows stand in those of another, and in which")


class StorageResult(ResultModel):
    """All tables and indexes of B by those of A, for the same number of rows."""

    ratio: float
    verdict: Outcome
    reason: str = ""


class RoundsResult(ResultModel):
    """How was measured: `pairs` of `pairs_asked`, a round of each side in so many slices that take turns.

    `extended_for` is the operation because of which there are more pairs than were asked for at first.
    """

    pairs: int
    pairs_asked: int
    round_s: float
    slices: int
    extended_for: str | None = None
    ended_early: str | None = None


class FamilyResult(ResultModel):
    """Against what chance alone makes of many comparisons at once."""

    correction: Literal["Bonferroni"] = "Bonferroni"
    comparisons: int
    looks: int = Field(description="how often the run was, or could have been, judged")
    confidence: float = Field(description="of all intervals together")
    confidence_each: float


class CompareResult(ResultModel):
    """Everything a comparison found out; `control` is an operation that the difference cannot affect."""

    version: Literal[1] = 1
    scenario: str
    question: str = ""
    created_at: str
    verdict: Outcome
    reason: str = ""
    a: SideResult
    b: SideResult
    differences: list[str]
    operations: list[OperationResult]
    control: OperationResult | None
    throughput: MetricResult | None
    storage: StorageResult | None
    min_effect: float
    rounds: RoundsResult
    family: FamilyResult
    load: str
    environment: EnvironmentResult
    notes: list[str] = []

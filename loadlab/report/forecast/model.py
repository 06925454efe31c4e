"""`forecast.json`: the one model from which every form of a forecast's report is made.

Versioned as `result.json` is: a field is only ever added within a version. Everything below `storage`, `operations`,
`horizons` and `targets` that is not called measured is a projection.
"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from loadlab.report.model import EnvironmentResult, TargetResult
from loadlab.report.model_base import Bounds, Kind, ResultModel


class ProjectedValue(ResultModel):
    """A projection and its 95 % interval; an end that nothing bounds is null."""

    value: float
    interval: Bounds


class PartResult(ResultModel):
    """A table's rows, its TOAST or an index: measured bytes at each scale, the law, and the projection.

    The law is `base_bytes + bytes_per_row · rows`, or `bytes_per_row · rows ^ exponent` (`power`).
    """

    kind: Literal["rows", "toast", "index"]
    name: str = ""
    method: str = ""
    measured_bytes: list[int]
    law: Literal["constant", "linear", "power"]
    base_bytes: float
    bytes_per_row: float
    exponent: float
    residual_share: float = Field(description="largest distance of a measured size from the law, by that size")
    projected_bytes: ProjectedValue


class TableForecast(ResultModel):
    """One table. `measured_rows` are those at each scale; `bytes_per_row` is of the projected rows, without indexes."""

    name: str
    measured_rows: list[int]
    rows: float = Field(description="at the volume that is projected to")
    bytes_per_row: float | None
    table_bytes: ProjectedValue
    index_bytes: ProjectedValue
    total_bytes: ProjectedValue
    index_overhead: ProjectedValue | None
    parts: list[PartResult]


class StorageForecast(ResultModel):
    """All tables at the volume that is projected to; `index_overhead` is indexes by tables."""

    table_bytes: ProjectedValue
    toast_bytes: ProjectedValue
    index_bytes: ProjectedValue
    total_bytes: ProjectedValue
    index_overhead: ProjectedValue | None
    tables: list[TableForecast]


class LayoutResult(ResultModel):
    """What alignment costs a table, by a sample of its rows; `saved_bytes` is at the volume that is projected to."""

    table: str
    sampled_rows: int
    row_bytes: float
    padding_bytes: float
    stored_bytes: float = Field(description="a row's share of the pages")
    best_row_bytes: float
    best_padding_bytes: float
    best_stored_bytes: float
    columns: list[str]
    best_columns: list[str]
    saved_bytes: float


class HorizonResult(ResultModel):
    """The storage so many seconds after the projected volume is reached."""

    after_s: float
    factor: float
    total_bytes: ProjectedValue
    index_overhead: ProjectedValue | None


class GrowthResult(ResultModel):
    """Where the growth comes from, and the storage along it."""

    source: Literal["brief", "history"]
    words: str
    horizons: list[HorizonResult]


class MeasuredPercentile(ResultModel):
    """A percentile (µs) as it was measured at one scale; null where nothing was recorded."""

    scale: float
    value_us: float | None
    interval_us: Bounds | None
    samples: int


class PercentileForecast(ResultModel):
    """One percentile of the response time over the scales, and its projection (null: none can be made)."""

    percentile: float
    measured: list[MeasuredPercentile]
    projected_us: ProjectedValue | None
    base_us: float | None
    growth_us: float | None = Field(description="for each row (linear) or each e-fold of the rows (log)")


class OutlineResult(ResultModel):
    """A statement's plan without its figures, at each scale; empty where it is not known."""

    statement: str
    steps: list[list[str]]


class OperationForecast(ResultModel):
    """One operation. `law` null: its plans tell of none, and `reason` says why."""

    name: str
    kind: Kind
    law: Literal["constant", "log", "linear"] | None
    law_tables: list[str]
    law_rows: list[float]
    reason: str
    percentiles: list[PercentileForecast]
    plans: list[OutlineResult] = []


class ScaleResult(ResultModel):
    """One measured scale."""

    scale: float
    rows: int
    bytes: int | None
    seeding_s: float
    achieved_per_s: float | None


class ForecastResult(ResultModel):
    """Everything a forecast found out.

    `targets` have projected verdicts, of which `measured` is the projected value. `complete`: every scale was measured.
    """

    version: Literal[1] = 1
    label: Literal["projection"] = "projection"
    scenario: str
    description: str = ""
    created_at: str
    to_scale: float
    scales: list[ScaleResult]
    storage: StorageForecast | None
    layouts: list[LayoutResult]
    growth: GrowthResult | None
    operations: list[OperationForecast]
    targets: list[TargetResult]
    load: str | None
    cache_bytes: int | None
    ended_early: str | None
    environment: EnvironmentResult
    notes: list[str] = []

    @property
    def is_projected(self) -> bool:
        """Whether there were scales enough."""
        return self.storage is not None

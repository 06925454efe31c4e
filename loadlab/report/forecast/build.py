"""The way from measured scales, their laws and a projection to a `ForecastResult`. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import cast

from loadlab.engines.abilities import RowLayout
from loadlab.engines.protocol import PlanEvidence
from loadlab.report.build import bounds, finite, target_result
from loadlab.report.forecast.model import (
    ForecastResult,
    GrowthResult,
    HorizonResult,
    LayoutResult,
    MeasuredPercentile,
    OperationForecast,
    OutlineResult,
    PartResult,
    PercentileForecast,
    ProjectedValue,
    ScaleResult,
    StorageForecast,
    TableForecast,
)
from loadlab.report.model import EnvironmentResult
from loadlab.report.model_base import Kind
from loadlab.validate.model import TargetVerdict
from loadlab.validate.projection.growth import Growth, Horizon
from loadlab.validate.projection.latency import ProjectedLatency
from loadlab.validate.projection.operations import OperationProjection, unbounded
from loadlab.validate.projection.regression import Projected
from loadlab.validate.projection.storage import FittedPart, StorageAt, StorageLaws, Volume
from loadlab.validate.projection.verdicts import Projection
from loadlab.validate.statistics import Estimate


def build_forecast(
    *,
    scenario: str,
    description: str,
    scales: Sequence[ScaleResult],
    volumes: Sequence[Volume],
    layouts: Mapping[str, RowLayout],
    laws: StorageLaws | None,
    projection: Projection,
    growth: Growth | None,
    horizons: Sequence[Horizon],
    verdicts: Sequence[TargetVerdict],
    load: str | None,
    ended_early: str | None,
    environment: EnvironmentResult,
    notes: Sequence[str] = (),
) -> ForecastResult:
    """Everything a forecast found out; there is one scale at least."""
    storage = projection.storage
    return ForecastResult(
        scenario=scenario,
        description=description,
        created_at=time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime(volumes[0].sizes.taken_at_s)),
        to_scale=projection.scale,
        scales=list(scales),
        storage=_storage(laws, storage, volumes) if laws is not None and storage is not None else None,
        layouts=_layouts(layouts, storage) if storage is not None else [],
        growth=_growth(growth, horizons),
        operations=[_operation(item, projection.scales) for item in projection.operations],
        targets=[target_result(verdict) for verdict in verdicts],
        load=load,
        cache_bytes=projection.cache_bytes,
        ended_early=ended_early,
        environment=environment,
        notes=list(notes),
    )


# -- storage ---------------------------------------------------------------------------------------------------------


def _storage(laws: StorageLaws, at: StorageAt, volumes: Sequence[Volume]) -> StorageForecast:
    tables = [_table(table, laws, at, volumes) for table in at.tables]
    return StorageForecast(
        table_bytes=_value(at.size("rows", "toast")),
        toast_bytes=_value(at.size("toast")),
        index_bytes=_value(at.size("index")),
        total_bytes=_value(at.size()),
        index_overhead=_ratio(at.index_overhead()),
        tables=sorted(tables, key=lambda table: -(table.table_bytes.value + table.index_bytes.value)),
    )


def _table(table: str, laws: StorageLaws, at: StorageAt, volumes: Sequence[Volume]) -> TableForecast:
    size, rows = at.size("rows", "toast", table=table), at.rows[table]
    projected = {item.part: item.size for item in at.parts}
    return TableForecast(
        name=table,
        measured_rows=[volume.rows[table] for volume in volumes],
        rows=rows,
        bytes_per_row=size.value / rows if rows else None,
        table_bytes=_value(size),
        index_bytes=_value(at.size("index", table=table)),
        total_bytes=_value(at.size(table=table)),
        index_overhead=_ratio(at.index_overhead(table)),
        parts=[_part(item, projected[item.part]) for item in laws.parts if item.part.table == table],
    )


def _part(item: FittedPart, size: Projected) -> PartResult:
    law = item.law
    return PartResult(
        kind=item.part.kind,
        name=item.part.name,
        method=item.part.method,
        measured_bytes=list(item.sizes),
        law=law.form,
        base_bytes=law.base_bytes,
        bytes_per_row=law.bytes_per_row,
        exponent=law.exponent,
        residual_share=law.residual_share,
        projected_bytes=_value(size),
    )


def _value(projected: Projected) -> ProjectedValue:
    low, high = projected.interval()
    return ProjectedValue(value=projected.value, interval=(low, finite(high)))


def _ratio(found: tuple[float, float, float] | None) -> ProjectedValue | None:
    return ProjectedValue(value=found[0], interval=(found[1], finite(found[2]))) if found is not None else None


def _layouts(layouts: Mapping[str, RowLayout], at: StorageAt) -> list[LayoutResult]:
    """The largest saving first."""
    found = [_layout(table, layout, at) for table, layout in layouts.items() if table in at.tables]
    return sorted(found, key=lambda item: -item.saved_bytes)


def _layout(table: str, layout: RowLayout, at: StorageAt) -> LayoutResult:
    saved = at.size("rows", table=table).value * (1 - layout.best_stored_bytes / layout.stored_bytes)
    return LayoutResult(
        table=table,
        sampled_rows=layout.sampled_rows,
        row_bytes=layout.row_bytes,
        padding_bytes=layout.padding_bytes,
        stored_bytes=layout.stored_bytes,
        best_row_bytes=layout.best_row_bytes,
        best_stored_bytes=layout.best_stored_bytes,
        best_padding_bytes=layout.best_padding_bytes,
        columns=list(layout.columns),
        best_columns=list(layout.best_columns),
        saved_bytes=saved,
    )


def _growth(growth: Growth | None, horizons: Sequence[Horizon]) -> GrowthResult | None:
    if growth is None:
        return None
    return GrowthResult(
        source=growth.source,
        words=growth.words,
        horizons=[
            HorizonResult(
                after_s=horizon.after_s,
                factor=horizon.factor,
                total_bytes=_value(horizon.storage.size()),
                index_overhead=_ratio(horizon.storage.index_overhead()),
            )
            for horizon in horizons
        ],
    )


# -- latency ---------------------------------------------------------------------------------------------------------


def _operation(item: OperationProjection, scales: Sequence[float]) -> OperationForecast:
    return OperationForecast(
        name=item.name,
        kind=cast(Kind, item.kind),
        law=item.choice.law,
        law_tables=list(item.choice.tables),
        law_rows=list(item.rows),
        reason=" ".join(filter(None, (item.overload, item.reason, unbounded(item)))),
        percentiles=[
            _percentile(percentile, estimates, scales, item.projected.get(percentile))
            for percentile, estimates in item.measured.items()
        ],
        plans=[
            OutlineResult(statement=name, steps=[_outline(plan) for plan in plans])
            for name, plans in item.plans.items()
        ],
    )


def _outline(plan: PlanEvidence | None) -> list[str]:
    return list(plan.shape.outline) if plan is not None and plan.shape is not None else []


def _percentile(
    percentile: float, estimates: Sequence[Estimate | None], scales: Sequence[float], found: ProjectedLatency | None
) -> PercentileForecast:
    return PercentileForecast(
        percentile=percentile,
        measured=[_measured(scale, estimate) for scale, estimate in zip(scales, estimates, strict=False)],
        projected_us=ProjectedValue(value=found.value_us, interval=(found.low_us, finite(found.high_us)))
        if found is not None
        else None,
        base_us=found.base_us if found is not None else None,
        growth_us=found.growth_us if found is not None else None,
    )


def _measured(scale: float, estimate: Estimate | None) -> MeasuredPercentile:
    if estimate is None:
        return MeasuredPercentile(scale=scale, value_us=None, interval_us=None, samples=0)
    interval = bounds(estimate.interval) if estimate.is_bounded else None
    return MeasuredPercentile(scale=scale, value_us=estimate.value, interval_us=interval, samples=estimate.samples)

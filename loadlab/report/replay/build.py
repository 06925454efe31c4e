"""The way from what was measured to a `ReplayResult`. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval
from loadlab.measure.replay import ReplayMeasure, ShapeMeasure
from loadlab.report.build import finite, percentiles
from loadlab.report.model import EnvironmentResult
from loadlab.report.replay.model import LagResult, LogResult, ReplayResult, ReplaySecond, ShapeResult
from loadlab.validate.replay import judge_replay


def build_replay(
    *,
    measure: ReplayMeasure,
    log: LogResult,
    environment: EnvironmentResult,
    read_only: bool,
    timeout_s: float,
    lag_limit_s: float,
    notes: Sequence[str] = (),
) -> ReplayResult:
    """Everything a replay found out."""
    finding, reason = judge_replay(measure, lag_limit_s=lag_limit_s)
    paced = measure.speed is not None and measure.planned_s > 0
    return ReplayResult(
        created_at=measure.started_at,
        finding=finding,
        reason=reason,
        log=log,
        speed=measure.speed,
        read_only=read_only,
        timeout_s=timeout_s,
        planned_s=measure.planned_s,
        duration_s=measure.duration_s,
        asked_per_s=measure.planned / measure.planned_s if paced else None,
        achieved_per_s=measure.executions / measure.duration_s if measure.duration_s else 0.0,
        executions=measure.executions,
        errors=measure.errors,
        connections=measure.connections,
        workers=measure.workers,
        generator_cpu_share=measure.cpu_share,
        lag=LagResult(limit_us=lag_limit_s * 1e6, us=percentiles(measure.lag), waited_s=dict(measure.late_s)),
        service_us=percentiles(Histogram.merged(shape.service for shape in measure.shapes)),
        logged_us=percentiles(Histogram.merged(shape.logged for shape in measure.shapes)),
        shapes=[shape_result(shape) for shape in measure.shapes],
        timeline=[_second(interval, measure.lag_by_interval) for interval in measure.intervals],
        environment=environment,
        notes=list(notes),
    )


def shape_result(shape: ShapeMeasure) -> ShapeResult:
    """One shape, measured or yet to be."""
    return ShapeResult(
        name=shape.name,
        shape=shape.shape,
        query_id=shape.query_id or None,
        logged_count=shape.logged.count,
        count=shape.count,
        errors=shape.error_count,
        errors_by_outcome=dict(shape.errors),
        first_error=shape.first_error,
        rows=shape.rows,
        logged_us=percentiles(shape.logged),
        service_us=percentiles(shape.service),
        response_us=percentiles(shape.response),
    )


def _second(interval: Interval, lags: Mapping[float, Histogram]) -> ReplaySecond:
    service = Histogram.merged(one.service for one in interval.operations.values())
    lag = lags.get(interval.start_s, Histogram())
    return ReplaySecond(
        start_s=interval.start_s,
        duration_s=interval.duration_s,
        count=service.count,
        errors=sum(sum(one.errors.values()) for one in interval.operations.values()),
        service_p95_us=finite(service.percentile_us(95)),
        lag_p99_us=finite(lag.percentile_us(99)),
    )

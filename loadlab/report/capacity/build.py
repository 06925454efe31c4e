"""The way from the windows of a search and its conclusion to a `CapacityResult`. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from loadlab.measure.histogram import Histogram
from loadlab.report.build import finite, percentiles
from loadlab.report.capacity.model import (
    BrokenResult,
    CapacityResult,
    LawResult,
    LimitResult,
    SaturationResult,
    SearchResult,
    StepResult,
)
from loadlab.report.model import EnvironmentResult, SeedingResult
from loadlab.report.model_base import Kind
from loadlab.spec.targets import Target
from loadlab.validate.conclusion import Conclusion, RateStep
from loadlab.validate.saturation import Saturation, saturated
from loadlab.validate.usl import ScalabilityLaw


def build_capacity(
    *,
    scenario: str,
    description: str,
    targets: Sequence[Target],
    steps: Sequence[RateStep],
    conclusion: Conclusion,
    search: SearchResult,
    seeding: SeedingResult,
    environment: EnvironmentResult,
    notes: Sequence[str] = (),
) -> CapacityResult:
    """Everything a search found out; there is one window at least."""
    load = steps[0].load
    at_per_s, broken = conclusion.saturated_at_per_s, conclusion.broken
    return CapacityResult(
        scenario=scenario,
        description=description,
        created_at=load.started_at,
        finding=conclusion.finding,
        reason=conclusion.reason,
        rate_per_s=conclusion.rate_per_s,
        interval=conclusion.interval,
        broke_at_per_s=conclusion.bracket.broke,
        broken=BrokenResult(limit=broken.limit, reason=broken.reason) if broken is not None else None,
        also_broken=list(conclusion.also),
        saturation=_saturation(conclusion.saturation, at_per_s) if at_per_s is not None else None,
        law=_law(conclusion.law),
        law_note=conclusion.law_note,
        targets=[_limit(target) for target in targets],
        steps=[_step(step) for step in steps],
        connections=load.connections,
        workers=load.workers,
        arrivals=load.arrivals,
        search=search,
        seeding=seeding,
        environment=environment,
        notes=list(notes),
    )


def _limit(target: Target) -> LimitResult:
    return LimitResult(
        name=target.name,
        sign=target.sign,
        limit=target.limit,
        unit=target.unit,
        percentile=target.percentile,
        kind=cast(Kind | None, target.operation_kind),
        default=target.source == "default",
        note=target.note,
    )


def _saturation(found: Saturation | None, rate_per_s: float) -> SaturationResult | None:
    if found is None:
        return None
    return SaturationResult(resource=found.resource, reason=found.reason, rate_per_s=rate_per_s)


def _law(law: ScalabilityLaw | None) -> LawResult | None:
    if law is None:
        return None
    peak = law.peak_concurrency
    return LawResult(
        lambda_per_s=law.throughput_per_s,
        sigma=law.contention,
        kappa=law.coherence,
        points=law.points,
        r_squared=law.r_squared,
        peak_concurrency=peak,
        peak_throughput_per_s=law.throughput_at(peak) if peak is not None else None,
    )


def _step(step: RateStep) -> StepResult:
    load, usage, verdict = step.load, step.usage, step.verdict
    found = saturated(usage)
    return StepResult(
        rate_per_s=step.rate_per_s,
        achieved_per_s=load.achieved_rate_per_s,
        started_at=load.started_at,
        duration_s=load.duration_s,
        executions=sum(operation.count + operation.error_count for operation in load.operations),
        errors=sum(operation.error_count for operation in load.operations),
        response_us=percentiles(step.response),
        service_us=percentiles(Histogram.merged(operation.service for operation in load.operations)),
        measured={item.target.name: finite(item.measured) for item in verdict.verdicts},
        verdict=verdict.verdict,
        holds=verdict.holds,
        together=step.together.verdict if step.together is not None else None,
        broken=[BrokenResult(limit=item.limit, reason=item.reason) for item in verdict.broken],
        unclear=list(verdict.unclear),
        generator_limit=verdict.generator_limit,
        is_steady=step.is_steady,
        concurrency=step.concurrency,
        pool_share=usage.pool_share,
        wait_p99_us=usage.wait_p99_us,
        generator_cpu_share=load.generator.cpu_share,
        generator_lag_p99_us=finite(load.generator.lag_p99_us) or 0.0,
        machine_cpu_share=usage.machine_cpu_share,
        server_cores=usage.server_cores,
        doing={str(name): share for name, share in usage.doing.items()},
        events=dict(usage.events),
        saturation=SaturationResult(resource=found.resource, reason=found.reason, rate_per_s=step.rate_per_s),
    )

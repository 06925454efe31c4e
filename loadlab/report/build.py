"""The way from verdicts, measures and evidence to a `Result`. Pure: no clock, no file, no database."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, cast

from loadlab.engines.protocol import Evidence, PlanEvidence
from loadlab.measure.activity import Activity
from loadlab.measure.figures import Figures
from loadlab.measure.histogram import Histogram
from loadlab.measure.model import Interval, LoadMeasure, OperationMeasure
from loadlab.measure.plans.model import StatementPlans
from loadlab.measure.pooler import PoolerEvidence
from loadlab.measure.window import Prolongation
from loadlab.report.findings import finding_results, rule_results
from loadlab.report.model import (
    AttemptResult,
    DetailResult,
    EnvironmentResult,
    JudgingResult,
    LoadResult,
    OperationResult,
    PoolerResult,
    Result,
    SeedingResult,
    SeriesPoint,
    StatementResult,
    TargetResult,
    WorkerResult,
)
from loadlab.report.model_base import Bounds, Kind, Percentiles
from loadlab.report.model_evidence import ActivityResult, EventResult, EvidenceResult, FiguresResult, ServerStatement
from loadlab.report.plan_result import examined_per_row, plan_result, shape_result, text_digest
from loadlab.spec.statement import Statement
from loadlab.validate.extension import confidence_of_looks
from loadlab.validate.model import TargetVerdict, Verdict, overall
from loadlab.validate.review.model import RuleOutcome
from loadlab.validate.statistics import CONFIDENCE, SPELLS_MIN
from loadlab.workload.limits import TIMED_OUT
from loadlab.workload.loop import DROPPED

CURVE_PERCENTILES = (
    *(float(p) for p in range(0, 100, 10)), 95.0, 98.0, 99.0, 99.5, 99.8, 99.9, 99.95, 99.98, 99.99, 100.0,
)  # fmt: skip
"""Where the latency curve is read off; 0 is the smallest value, 100 the largest."""
_STATEMENTS_KEPT = 20


def build_result(
    *,
    scenario: str,
    description: str,
    verdicts: Sequence[TargetVerdict],
    measure: LoadMeasure,
    evidence: Evidence | None,
    pooler: PoolerEvidence | None = None,
    plans: Mapping[str, PlanEvidence],
    server_calls: Mapping[str, int],
    seeding: SeedingResult,
    environment: EnvironmentResult,
    warmup_s: float,
    notes: Sequence[str] = (),
    reviewed: Sequence[RuleOutcome] = (),
    statement_plans: Mapping[str, StatementPlans] | None = None,
    created_at: str | None = None,
    figures: Figures | None = None,
    activity: Activity | None = None,
    prolongation: Prolongation | None = None,
    may_extend: bool = False,
    statements: Mapping[str, Statement] | None = None,
    intervals: Mapping[str, Mapping[str, tuple[float, float]]] | None = None,
    incomplete: str = "",
    failure: str | None = None,
    asked: AskedLoad | None = None,
) -> Result:
    """Everything a run found out, as the one value that every form of the report is made of.

    `evidence` is a difference of two snapshots (None where none could be taken: `notes` say why). `plans`,
    `statement_plans` and `server_calls` are keyed by statement: `operation`, or `operation/statement` in a flow.
    `created_at` is the window's start unless given. `intervals` are those of the response time's percentiles, µs, by
    operation. A run that is `incomplete` never passes.
    """
    seen = _Seen(plans, statement_plans or {}, server_calls, statements or {}, intervals or {})
    verdict = overall(verdict.verdict for verdict in verdicts)
    return Result(
        scenario=scenario,
        description=description,
        created_at=created_at or measure.started_at,
        verdict=Verdict.INCONCLUSIVE if incomplete and verdict is Verdict.PASS else verdict,
        incomplete=incomplete,
        targets=[target_result(verdict) for verdict in verdicts],
        operations=[_operation(operation, measure, seen) for operation in measure.operations],
        seeding=seeding,
        load=_load(measure, pooler, warmup_s, prolongation).model_copy(
            update={"failure": failure} | (asdict(asked) if asked else {})
        ),
        judging=_judging(verdicts, measure, may_extend=may_extend),
        series=_series(measure),
        evidence=_evidence(evidence, notes).model_copy(
            update={
                "figures": _figures(figures or Figures()),
                "activity": _activity(activity),
                "events": [EventResult(**asdict(event)) for event in activity.server_events] if activity else [],
            }
        ),
        findings=finding_results(reviewed),
        reviewed=rule_results(reviewed),
        environment=environment,
    )


def finite(value: float | None) -> float | None:
    """JSON knows neither NaN nor infinity: both mean that there is no such number."""
    return value if value is not None and math.isfinite(value) else None


def bounds(interval: tuple[float, float] | None) -> Bounds | None:
    """An interval as JSON has it; None for one without any end."""
    if interval is None:
        return None
    low, high = finite(interval[0]), finite(interval[1])
    return None if low is None and high is None else (low, high)


def target_result(verdict: TargetVerdict) -> TargetResult:
    """A verdict as a result keeps it."""
    target = verdict.target
    return TargetResult(
        name=target.name,
        sign=target.sign,
        limit=target.limit,
        unit=target.unit,
        percentile=target.percentile,
        kind=cast(Kind | None, target.operation_kind),
        source=target.source,
        default=target.source == "default",
        note=target.note,
        measured=finite(verdict.measured),
        interval=bounds(verdict.interval),
        samples=verdict.samples,
        examined=list(verdict.examined),
        verdict=verdict.verdict,
        reason=verdict.reason,
        details=[
            DetailResult(
                name=detail.name,
                measured=finite(detail.measured),
                interval=bounds(detail.interval),
                samples=detail.samples,
                verdict=detail.verdict,
                reason=detail.reason,
            )
            for detail in verdict.details
        ],
    )


def percentiles(histogram: Histogram) -> Percentiles:
    """The figures of one histogram, in µs; all None when it is empty."""
    return Percentiles(
        p50=finite(histogram.percentile_us(50)),
        p95=finite(histogram.percentile_us(95)),
        p99=finite(histogram.percentile_us(99)),
        p999=finite(histogram.percentile_us(99.9)),
        max=finite(histogram.max_us),
        mean=finite(histogram.mean_us),
    )


def latency_curve(histogram: Histogram) -> list[tuple[float, float]]:
    """(percentile, µs) at CURVE_PERCENTILES; empty when the histogram is."""
    if not histogram.count:
        return []
    return [(p, histogram.percentile_us(p) if p < 100 else histogram.max_us) for p in CURVE_PERCENTILES]


@dataclass(frozen=True, slots=True)
class AskedLoad:
    """What load was asked for: a digest of who does what how often, and the same in words."""

    mix_fingerprint: str
    load: str


@dataclass(frozen=True, slots=True)
class _Seen:
    """What is known of each statement by its key, and the intervals of each operation."""

    plans: Mapping[str, PlanEvidence]
    trees: Mapping[str, StatementPlans]
    calls: Mapping[str, int]
    statements: Mapping[str, Statement]
    intervals: Mapping[str, Mapping[str, tuple[float, float]]]

    def of(self, key: str) -> dict[str, Any]:
        """What operations and statements of a flow have in common."""
        plan, statement = self.plans.get(key), self.statements.get(key)
        return {
            "text_digest": text_digest(statement) if statement is not None else "",
            "shape": shape_result(plan),
            "examined_per_row": examined_per_row(self.trees.get(key)),
            "server_calls": self.calls.get(key),
            "plan": plan.text if plan else None,
            "plan_tree": plan_result(self.trees.get(key)),
        }


def _operation(operation: OperationMeasure, measure: LoadMeasure, seen: _Seen) -> OperationResult:
    name = operation.name
    used = [plan for key, plan in seen.plans.items() if key == name or key.startswith(f"{name}/")]
    return OperationResult(
        name=name,
        kind=cast(Kind, operation.kind),
        count=operation.count,
        errors=operation.error_count,
        errors_by_outcome=dict(operation.errors),
        first_error=measure.first_errors.get(name),
        rate_per_s=_per_second(operation.count, measure.duration_s),
        service_us=percentiles(operation.service),
        response_us=percentiles(operation.response),
        response_intervals_us={
            name: found for name, interval in seen.intervals.get(name, {}).items() if (found := bounds(interval))
        },
        curve=latency_curve(operation.response),
        service_curve=latency_curve(operation.service),
        attempts=[
            AttemptResult(outcome=outcome, count=histogram.count, service_us=percentiles(histogram))
            for outcome, histogram in sorted(operation.attempts.items(), key=lambda item: -item[1].count)
        ],
        **seen.of(name),
        served_by_index=all(plan.served_by_index for plan in used) if used else None,
        full_scans=sorted({table for plan in used for table in plan.full_scans}),
        statements=_flow_statements(name, measure.statements, seen),
    )


def _flow_statements(operation: str, client_calls: Mapping[str, int], seen: _Seen) -> list[StatementResult]:
    """The statements of a flow, in the order in which the plans, then the counts name them."""
    prefix = f"{operation}/"
    keys = [key for key in dict.fromkeys((*seen.plans, *client_calls, *seen.calls)) if key.startswith(prefix)]
    return [_statement(key.removeprefix(prefix), key, client_calls, seen) for key in keys]


def _statement(name: str, key: str, client_calls: Mapping[str, int], seen: _Seen) -> StatementResult:
    plan, trees = seen.plans.get(key), seen.trees.get(key)
    return StatementResult(
        name=name,
        calls=client_calls.get(key),
        per_iteration=trees.per_iteration if trees else None,
        **seen.of(key),
        served_by_index=plan.served_by_index if plan else None,
        full_scans=list(plan.full_scans) if plan else [],
    )


def _load(
    measure: LoadMeasure, pooler: PoolerEvidence | None, warmup_s: float, prolongation: Prolongation | None
) -> LoadResult:
    generator = measure.generator
    busy_s = sum(interval.busy_s for interval in measure.intervals)
    capacity_s = measure.connections * sum(interval.duration_s for interval in measure.intervals)
    return LoadResult(
        started_at=measure.started_at,
        duration_s=measure.duration_s,
        warmup_s=warmup_s,
        users=measure.users,
        connections=measure.connections,
        connections_peak=measure.connections_peak,
        connection_utilisation=busy_s / capacity_s if capacity_s else None,
        workers=measure.workers,
        arrivals=measure.arrivals,
        asked_rate_per_s=finite(measure.asked_rate_per_s),
        achieved_rate_per_s=measure.achieved_rate_per_s,
        generator_cpu_share=generator.cpu_share,
        generator_lag_p99_us=finite(generator.lag_p99_us) or 0.0,
        generator_loop_lag_p99_us=finite(generator.loop_lag_p99_us),
        generator=[
            WorkerResult(
                worker=item.worker,
                cpu_share=item.cpu_share,
                lag_p99_us=finite(item.lag_p99_us) or 0.0,
                **(asdict(item.calibration) if item.calibration is not None else {}),
            )
            for item in generator.workers
        ],
        wait_us=percentiles(measure.wait),
        waited=measure.wait.count - measure.wait.count_up_to(0),
        connection_mode=measure.connection_mode,
        connect_us=percentiles(measure.connect) if measure.connect.count else None,
        connects=measure.connect.count,
        pooler=PoolerResult(**asdict(pooler)) if pooler is not None else None,
        timed_out=sum(_timed_out(operation) for operation in measure.operations),
        dropped=sum(operation.errors.get(DROPPED, 0) for operation in measure.operations),
        interrupted=measure.interrupted,
        extended_from_s=prolongation.from_s if prolongation else None,
        extension_reason=prolongation.reason if prolongation else None,
    )


def _judging(verdicts: Sequence[TargetVerdict], measure: LoadMeasure, *, may_extend: bool) -> JudgingResult:
    """Operations are judged one by one; a target with one value is one judgement, and one without an interval none."""
    judgements = sum(
        sum(detail.interval is not None for detail in verdict.details)
        if verdict.target.kind == "latency"
        else verdict.interval is not None and verdict.target.limit > 0
        for verdict in verdicts
    )
    return JudgingResult(
        judgements=judgements,
        chance_fail_max=1 - (1 - (1 - CONFIDENCE) / 2) ** judgements,
        confidence=CONFIDENCE,
        looks=2 if may_extend else 1,
        look_confidence=confidence_of_looks(may_extend=may_extend),
        speaks_of_s=measure.duration_s / SPELLS_MIN,
    )


def _figures(figures: Figures) -> FiguresResult:
    return FiguresResult.model_validate(asdict(figures))


def _activity(activity: Activity | None) -> ActivityResult | None:
    if activity is None:
        return None
    return ActivityResult(
        samples=activity.samples,
        doing={str(doing): share for doing, share in activity.shares().items()},
        waits=activity.events(),
        server_cores=activity.server_cores,
    )


def _timed_out(operation: OperationMeasure) -> int:
    # An outcome is the error's name, with the server's code behind it.
    return sum(count for outcome, count in operation.errors.items() if outcome.partition(" ")[0] in TIMED_OUT)


def _per_second(count: int, duration_s: float) -> float:
    return count / duration_s if duration_s > 0 else 0.0


def _series(measure: LoadMeasure) -> list[SeriesPoint]:
    kind_of = {operation.name: operation.kind for operation in measure.operations}
    return [_point(interval, kind_of) for interval in sorted(measure.intervals, key=lambda i: i.start_s)]


def _point(interval: Interval, kind_of: Mapping[str, str]) -> SeriesPoint:
    by_kind: defaultdict[str, Histogram] = defaultdict(Histogram)
    count = errors = 0
    for name, operation in interval.operations.items():
        count += operation.count - operation.ended_late
        errors += sum(operation.errors.values())
        by_kind[kind_of.get(name, "simple")].merge(operation.response)
    together = Histogram.merged(by_kind.values())
    return SeriesPoint(
        t_s=interval.start_s,
        rate_per_s=_per_second(count, interval.duration_s),
        errors_per_s=_per_second(errors, interval.duration_s),
        p50_us=finite(together.percentile_us(50)),
        p99_us=finite(together.percentile_us(99)),
        p95_us={kind: finite(histogram.percentile_us(95)) for kind, histogram in by_kind.items()},
    )


def _evidence(evidence: Evidence | None, notes: Sequence[str]) -> EvidenceResult:
    if evidence is None:
        return EvidenceResult(notes=list(notes) or ["The database's counters were not read in this run."])
    return EvidenceResult(
        database=dict(evidence.database),
        database_bytes=evidence.database_bytes,
        connections=evidence.connections,
        connections_max=evidence.connections_max,
        tables={name: asdict(table) for name, table in evidence.tables.items()},
        indexes={name: asdict(index) for name, index in evidence.indexes.items()},
        statements=list(_server_statements(evidence)),
        settings=dict(evidence.settings),
        notes=list(notes),
    )


def _server_statements(evidence: Evidence) -> Iterator[ServerStatement]:
    """The statements that took the server's most time, longest first."""
    ran = [statement for statement in evidence.statements.values() if statement.calls > 0]
    for statement in sorted(ran, key=lambda s: -s.total_ms)[:_STATEMENTS_KEPT]:
        yield ServerStatement(
            text=statement.text,
            calls=statement.calls,
            total_ms=statement.total_ms,
            rows=statement.rows,
            blocks_hit=statement.blocks_hit,
            blocks_read=statement.blocks_read,
        )

"""The way from two sides, their rounds and the verdicts to a `CompareResult`. Pure."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, cast

import numpy as np

from loadlab.report.compare.model import (
    CompareResult,
    FamilyResult,
    MetricResult,
    OperationResult,
    RoundsResult,
    SideResult,
    StorageResult,
    StoredTableResult,
)
from loadlab.report.model import EnvironmentResult, SeedingResult
from loadlab.report.model_base import Kind
from loadlab.validate.comparison.figures import Metric, Round
from loadlab.validate.comparison.storage import StoredSide, StoredTable
from loadlab.validate.comparison.verdicts import FAMILY_CONFIDENCE, Comparison, MetricVerdict, OperationVerdict, Outcome

Unit = Literal["us", "per_s", "blocks", "bytes"]
_UNITS: dict[Metric, Unit] = {Metric.throughput: "per_s", Metric.blocks: "blocks", Metric.wal: "bytes"}


@dataclass(frozen=True, slots=True)
class SideFacts:
    """One side: `engine` is the kind of database, `server` its version.

    `plans` has the steps of each operation's plans, `only_here` the operations that the other lacks.
    """

    label: str
    scenario: str
    engine: str
    server: str
    database: str
    seeding: SeedingResult
    stored: StoredSide
    plans: Mapping[str, Sequence[str]]
    only_here: Sequence[str]
    settings: Mapping[str, str]


def build_comparison(
    *,
    name: str,
    question: str,
    sides: tuple[SideFacts, SideFacts],
    rounds: tuple[Sequence[Round], Sequence[Round]],
    comparison: Comparison,
    storage: tuple[Outcome, str] | None,
    differences: Sequence[str],
    min_effect: float,
    looks: int,
    measured: RoundsResult,
    load: str,
    environment: EnvironmentResult,
    notes: Sequence[str] = (),
) -> CompareResult:
    """Everything a comparison found out; there is one pair at least."""
    a, b = sides

    def operation(verdict: OperationVerdict) -> OperationResult:
        return _operation(verdict, sides, rounds)

    return CompareResult(
        scenario=name,
        question=question,
        created_at=rounds[0][0].whole.started_at or time.strftime("%Y-%m-%dT%H:%M:%S+00:00", time.gmtime()),
        verdict=comparison.outcome,
        reason=comparison.reason,
        a=_side(a),
        b=_side(b),
        differences=list(differences),
        operations=[operation(verdict) for verdict in comparison.operations],
        control=operation(comparison.control) if comparison.control is not None else None,
        throughput=_metric(comparison.throughput) if comparison.throughput is not None else None,
        storage=_storage(a.stored, b.stored, storage),
        min_effect=min_effect,
        rounds=measured,
        family=FamilyResult(
            comparisons=comparison.family,
            looks=looks,
            confidence=FAMILY_CONFIDENCE,
            confidence_each=comparison.confidence,
        ),
        load=load,
        environment=environment,
        notes=list(notes),
    )


def _operation(
    verdict: OperationVerdict, sides: tuple[SideFacts, SideFacts], rounds: tuple[Sequence[Round], Sequence[Round]]
) -> OperationResult:
    name = verdict.name
    return OperationResult(
        name=name,
        kind=cast(Kind, verdict.kind),
        executions_a=verdict.executions[0],
        executions_b=verdict.executions[1],
        verdict=verdict.outcome,
        reason=verdict.reason,
        metrics=[_metric(item) for item in verdict.metrics],
        rows_a=_rows(rounds[0], name),
        rows_b=_rows(rounds[1], name),
        plan_a=list(sides[0].plans.get(name, ())),
        plan_b=list(sides[1].plans.get(name, ())),
    )


def _rows(rounds: Sequence[Round], name: str) -> float | None:
    found = [item.counted[name].rows_per_call for item in rounds if name in item.counted]
    return float(np.median(found)) if found else None


def _metric(verdict: MetricVerdict) -> MetricResult:
    estimate = verdict.estimate
    return MetricResult(
        metric=verdict.metric,
        unit=_UNITS.get(verdict.metric, "us"),
        a=verdict.a,
        b=verdict.b,
        ratio=estimate.ratio if estimate else None,
        interval=estimate.interval if estimate else None,
        own_interval=estimate.own_interval if estimate else None,
        noise=estimate.noise if estimate else None,
        effect=verdict.effect,
        verdict=verdict.outcome,
        reason=verdict.reason,
    )


def _side(facts: SideFacts) -> SideResult:
    return SideResult(
        label=facts.label,
        scenario=facts.scenario,
        engine=facts.engine,
        server=facts.server,
        database=facts.database,
        seeding=facts.seeding,
        tables=[_table(name, table) for name, table in facts.stored.tables.items()],
        index_bytes=dict(facts.stored.indexes),
        total_bytes=facts.stored.bytes,
        only_here=list(facts.only_here),
        settings=dict(facts.settings),
        rows=facts.stored.rows or None,
        inside=dict(facts.stored.inside),
    )


def _table(name: str, table: StoredTable) -> StoredTableResult:
    return StoredTableResult(
        name=name,
        rows=table.rows,
        table_bytes=table.table_bytes,
        index_bytes=table.index_bytes,
        bytes_per_row=table.bytes / table.rows if table.rows else None,
        grown_table_bytes_per_row=table.grown_table_bytes,
        grown_index_bytes_per_row=table.grown_index_bytes,
    )


def _storage(a: StoredSide, b: StoredSide, judged: tuple[Outcome, str] | None) -> StorageResult | None:
    if judged is None:
        return None
    ratio = b.bytes / a.bytes
    return StorageResult(ratio=ratio, verdict=judged[0], reason=judged[1])

"""A run as the night that a history keeps, and a comparison of nights as a result keeps it."""

from __future__ import annotations

from dataclasses import asdict, replace

from loadlab.report.model import (
    ChangeResult,
    EnvironmentResult,
    NightResult,
    OperationResult,
    Result,
    SeedingResult,
    StatementResult,
)
from loadlab.report.model_base import Bounds, Percentiles
from loadlab.units import format_size
from loadlab.validate.nights.judge import Comparison
from loadlab.validate.nights.model import LATENCIES, Key, Night, OperationNight, Sample, StatementNight


def blank_night(
    scenario: str, seeding: SeedingResult, environment: EnvironmentResult, mix_fingerprint: str, load: str
) -> Night:
    """What is known of a night before its load: enough to tell what it may be compared with."""
    key = Key(
        machine=environment.fingerprint,
        scenario=scenario,
        schema=seeding.schema_fingerprint,
        scale=seeding.scale,
        data=seeding.rows_fingerprint,
        server=environment.server,
        load=mix_fingerprint,
    )
    machine = f"{environment.cpu}, {environment.cores} cores, {format_size(environment.memory_bytes)}"
    return Night(started_at="", label="", key=key, operations={}, machine=machine, load=load)


def night_of(result: Result, *, label: str = "", accepted: str = "") -> Night:
    """A run as a history keeps it."""
    load = result.load
    blank = blank_night(result.scenario, result.seeding, result.environment, load.mix_fingerprint, load.load)
    return replace(
        blank,
        started_at=load.started_at,
        label=label,
        accepted=accepted,
        operations={item.name: _operation(item, result) for item in result.operations},
        tables={
            table.name: ((table.table_bytes or 0) + (table.index_bytes or 0)) / table.rows
            for table in result.seeding.tables
            if table.rows and table.table_bytes is not None
        },
        rows={table.name: table.rows for table in result.seeding.tables},
        problem=_problem(result),
        verdict=result.verdict,
    )


def _problem(result: Result) -> str:
    if not result.seeding.rows_fingerprint or not result.load.mix_fingerprint:
        return "it was made by an earlier LoadLab, which did not keep what comparing needs"
    return result.incomplete[:1].lower() + result.incomplete[1:].removesuffix(".")


def _operation(item: OperationResult, result: Result) -> OperationNight:
    figures = result.evidence.figures.operations.get(item.name)
    own = {"": _statement(item)} if item.plan is not None or item.text_digest else {}
    counts = [one.per_iteration for one in item.statements if one.per_iteration is not None]
    latency = {name: _sample(item.response_us, name, item.response_intervals_us) for name in LATENCIES}
    return OperationNight(
        kind=item.kind,
        count=item.count,
        latency={name: sample for name, sample in latency.items() if sample is not None},
        blocks_per_call=figures.blocks_per_call if figures else None,
        statements_per_iteration=sum(counts) if counts else None,
        statements={one.name: _statement(one) for one in item.statements} or own,
    )


def _sample(values: Percentiles, name: str, intervals: dict[str, Bounds]) -> Sample | None:
    value = getattr(values, name)
    low, high = intervals.get(name, (None, None))
    return Sample(value, low, high) if value is not None and value > 0 else None


def _statement(item: OperationResult | StatementResult) -> StatementNight:
    return StatementNight(
        text=item.text_digest,
        steps=tuple(item.shape.steps) if item.shape else (),
        rows=item.shape.rows if item.shape else {},
        full_scans=tuple(item.full_scans),
        examined_per_row=item.examined_per_row,
    )


def night_result(
    compared: Comparison, *, baseline: str, label: str = "", history: str = "", notes: list[str] | None = None
) -> NightResult:
    """A comparison as a result keeps it."""
    return NightResult(
        verdict=compared.verdict,
        reason=compared.reason,
        baseline=baseline,
        label=label,
        history=history,
        nights=compared.nights,
        nights_missing=compared.gap.missing if compared.gap else 0,
        changes=[ChangeResult(**asdict(change)) for change in compared.changes],
        notes=notes or [],
    )

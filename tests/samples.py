"""A run of the marketplace as values: real histograms, real targets, nothing measured. For the report's tests."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np

from loadlab.engines.protocol import Evidence, IndexEvidence, PlanEvidence, StatementEvidence, TableEvidence
from loadlab.measure.histogram import Histogram
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationInterval, OperationMeasure
from loadlab.report.build import build_result
from loadlab.report.model import EnvironmentResult, Result, SeedingResult, TableResult
from loadlab.spec.requirements import load_brief
from loadlab.spec.targets import Target, TargetOverrides, resolve_targets
from loadlab.units import format_duration
from loadlab.validate.model import Examination, TargetVerdict, Verdict

BRIEF = Path(__file__).resolve().parents[1] / "scenarios" / "marketplace" / "brief.json"
STARTED_AT = "2026-03-14T09:26:53+00:00"


@dataclass(frozen=True, slots=True)
class Shape:
    """How an operation behaves: calls a second, median service time, spread (sigma of the logarithm)."""

    kind: str
    rate_per_s: float
    median_us: float
    sigma: float = 0.5


SHAPES: Mapping[str, Shape] = {
    "product_by_id": Shape("simple", 62, 96),
    "user_by_email": Shape("simple", 40, 118),
    "cart_of_user": Shape("simple", 33, 240),
    "stock_of_variant": Shape("simple", 28, 104),
    "search_products": Shape("complex", 19, 8_300, 0.7),
    "order_history": Shape("complex", 15, 1_450, 0.45),
    "category_listing": Shape("complex", 12, 15_200, 0.75),
    "product_reviews": Shape("complex", 10, 620),
    "sales_by_vendor": Shape("report", 0.8, 212_000, 0.3),
    "daily_revenue": Shape("report", 0.5, 96_000, 0.35),
    "add_to_cart": Shape("write", 16, 480),
    "place_order": Shape("write", 9, 2_650, 0.4),
    "write_review": Shape("write", 4, 510),
    "reserve_stock": Shape("write", 11, 450, 0.6),
}


def sample_measure(
    shapes: Mapping[str, Shape] = SHAPES,
    *,
    seconds: int = 20,
    errors: Mapping[str, int] | None = None,
    seed: int = 7,
    think_time: bool = True,
) -> LoadMeasure:
    """A window of one-second intervals with lognormal latencies, a slow spell in the middle included."""
    random = np.random.default_rng(seed)
    errors = {"reserve_stock": 3} if errors is None else errors
    intervals = [_interval(second, seconds, shapes, errors, random) for second in range(seconds)]
    operations = tuple(_whole(name, shape.kind, intervals) for name, shape in shapes.items())
    asked = sum(shape.rate_per_s for shape in shapes.values()) * 1.02 if think_time else None
    return LoadMeasure(
        started_at=STARTED_AT,
        duration_s=float(seconds),
        users=40,
        connections=8,
        connections_peak=8,
        workers=1,
        asked_rate_per_s=asked,
        operations=operations,
        intervals=tuple(intervals),
        generator=GeneratorHealth(cpu_share=0.34, lag_p99_us=212.0, refills=0, machine_cpu_share=0.71),
        statements={operation.name: operation.count for operation in operations}
        | {"place_order/insert_order": 180, "place_order/insert_items": 412},
        first_errors=dict.fromkeys(errors, "could not serialize access due to concurrent update"),
    )


def _interval(
    second: int,
    seconds: int,
    shapes: Mapping[str, Shape],
    errors: Mapping[str, int],
    random: np.random.Generator,
) -> Interval:
    slow = 1 + 1.6 * math.exp(-((second - seconds * 0.55) ** 2) / (2 * (seconds * 0.06 + 0.1) ** 2))
    operations = {}
    busy_us = 0.0
    for name, shape in shapes.items():
        count = int(random.poisson(shape.rate_per_s))
        service = random.lognormal(math.log(shape.median_us * slow), shape.sigma, count)
        response = service + random.exponential(60 * slow, count)
        failed = errors.get(name, 0) if second == seconds // 2 else 0
        operations[name] = OperationInterval(
            count, {"40001": failed} if failed else {}, histogram_of(service), histogram_of(response)
        )
        busy_us += float(service.sum())
    return Interval(float(second), 1.0, 40, busy_us / 1e6, operations)


def histogram_of(values_us: Sequence[float] | np.ndarray) -> Histogram:
    histogram = Histogram()
    histogram.add(np.asarray(values_us).astype(np.int64))
    return histogram


def _whole(name: str, kind: str, intervals: Sequence[Interval]) -> OperationMeasure:
    parts = [interval.operations[name] for interval in intervals]
    failures: dict[str, int] = {}
    for part in parts:
        for outcome, count in part.errors.items():
            failures[outcome] = failures.get(outcome, 0) + count
    return OperationMeasure(
        name,
        kind,
        sum(part.count for part in parts),
        failures,
        Histogram.merged(part.service for part in parts),
        Histogram.merged(part.response for part in parts),
    )


# name → (measured, interval, samples, examined, verdict, reason)
_JUDGED: Mapping[str, tuple[float | None, tuple[float, float] | None, int, tuple[str, ...], Verdict, str]] = {
    "read_operations_per_second": (
        220.3,
        (214.1, 226.8),
        4_406,
        ("10 read operations",),
        Verdict.INCONCLUSIVE,
        "40 users with their think time ask for 259 operations per second, so 50,000 were never tried; "
        "run with --users 9000 or more.",
    ),
    "write_operations_per_second": (
        40.1,
        (37.4, 42.9),
        802,
        ("4 write operations",),
        Verdict.INCONCLUSIVE,
        "40 users with their think time ask for 41 writes per second, so 5,000 were never tried.",
    ),
    "concurrent_users": (
        40,
        None,
        40,
        ("the population of virtual users",),
        Verdict.INCONCLUSIVE,
        "40 users ran; the stated 10,000 were not tried.",
    ),
    "data_volume": (
        31.2e9,
        (28.9e9, 34.0e9),
        3,
        ("12 tables", "38 indexes"),
        Verdict.PASS,
        "A line through three volumes reaches 31.2 GB at full volume.",
    ),
    "error_rate": (
        3 / 5_210,
        (0.00012, 0.0017),
        5_210,
        ("14 operations",),
        Verdict.FAIL,
        "3 of 5,210 operations failed: reserve_stock 3 (40001, serialization failure).",
    ),
    "index_hit_ratio": (
        0.99968,
        None,
        1_204_331,
        ("38 indexes",),
        Verdict.PASS,
        "1,203,946 of 1,204,331 index blocks came from the buffer cache.",
    ),
    "index_coverage": (
        13 / 14,
        None,
        14,
        tuple(SHAPES),
        Verdict.FAIL,
        "category_listing reads all of products: no index helps its filter.",
    ),
    "connection_utilisation": (
        0.182,
        (0.174, 0.191),
        20,
        ("8 connections",),
        Verdict.PASS,
        "Connections were busy 18.2% of the window, at most 24.0% in one interval.",
    ),
    "index_storage_overhead": (
        0.412,
        None,
        12,
        ("12 tables", "38 indexes"),
        Verdict.SKIPPED,
        "At scale 0.0005 most indexes are smaller than ten pages, whose size says nothing about full volume.",
    ),
}


def sample_verdicts(measure: LoadMeasure, overrides: TargetOverrides | None = None) -> tuple[TargetVerdict, ...]:
    """A verdict on each target of the marketplace's brief; latency is judged from the measure itself."""
    targets = resolve_targets(load_brief(BRIEF), overrides or TargetOverrides(writes="< 5ms", data_volume="100GB"))
    return tuple(
        latency_verdict(target, measure)
        if target.kind == "latency"
        else TargetVerdict(target, *_reordered(_JUDGED[target.kind if target.kind in _JUDGED else target.name]))
        for target in targets
    )


def _reordered(row: tuple) -> tuple:
    measured, interval, samples, examined, verdict, reason = row
    return verdict, measured, interval, samples, examined, reason


def latency_verdict(target: Target, measure: LoadMeasure) -> TargetVerdict:
    """The worst operation of the kind decides."""
    details = tuple(
        _examine(operation, target)
        for operation in measure.operations
        if operation.kind == target.operation_kind and operation.count
    )
    if not details:
        return TargetVerdict(target, Verdict.SKIPPED, None, None, 0, (), "The mix has no operation of this kind.")
    worst = max(details, key=lambda detail: detail.measured or 0)
    verdict = max((detail.verdict for detail in details), key=list(Verdict).index)
    for possible in (Verdict.FAIL, Verdict.INCONCLUSIVE, Verdict.PASS):
        if any(detail.verdict is possible for detail in details):
            verdict = possible
            break
    samples = sum(detail.samples for detail in details)
    names = tuple(detail.name for detail in details)
    return TargetVerdict(
        target,
        verdict,
        worst.measured,
        worst.interval,
        samples,
        names,
        f"{worst.name}: {worst.reason}",
        details,
    )


def _examine(operation: OperationMeasure, target: Target) -> Examination:
    share = (target.percentile or 95) / 100
    n = operation.count
    spread = 1.96 * math.sqrt(n * share * (1 - share))
    low = operation.response.value_at_rank_us(max(1, math.floor(n * share - spread)))
    high = operation.response.value_at_rank_us(min(n, math.ceil(n * share + spread)))
    measured = operation.response.percentile_us(share * 100)
    verdict = Verdict.PASS if high <= target.limit else Verdict.FAIL if low > target.limit else Verdict.INCONCLUSIVE
    within = {Verdict.PASS: "within", Verdict.FAIL: "beyond", Verdict.INCONCLUSIVE: "on both sides of"}[verdict]
    reason = f"{n:,} samples put the percentile {within} the limit of {format_duration(target.limit / 1e6)}."
    return Examination(operation.name, measured, (low, high), n, verdict, reason)


# table → (rows, table bytes, index bytes)
TABLES: Mapping[str, tuple[int, int, int]] = {
    "users": (500, 212_992, 98_304),
    "vendors": (25, 24_576, 32_768),
    "categories": (60, 16_384, 49_152),
    "products": (5_000, 3_465_216, 1_925_120),
    "product_variants": (12_400, 2_105_344, 1_204_224),
    "inventory": (12_400, 1_261_568, 819_200),
    "carts": (320, 57_344, 40_960),
    "cart_items": (910, 122_880, 98_304),
    "orders": (25_000, 4_898_816, 3_162_112),
    "order_items": (61_800, 7_880_704, 4_685_824),
    "payments": (25_000, 3_948_544, 2_260_992),
    "reviews": (8_700, 2_818_048, 655_360),
    "audit_log": (14_000, 2_981_888, 524_288),
}


def sample_evidence() -> Evidence:
    """A difference of two snapshots over twenty seconds."""
    tables = {name: _table_evidence(position, *row) for position, (name, row) in enumerate(TABLES.items())}
    indexes = {}
    for position, (name, (_, _, index_bytes)) in enumerate(TABLES.items()):
        indexes[f"{name}_pkey"] = IndexEvidence(name, index_bytes * 6 // 10, 900 * (position + 1), 8_100, 3)
        indexes[f"{name}_created_at_idx"] = IndexEvidence(name, index_bytes * 4 // 10, 210 * (position % 4), 940, 1)
    return Evidence(
        taken_at_s=20.0,
        reset_marker="1",
        server="PostgreSQL 18.1",
        database={
            "xact_commit": 5_207,
            "xact_rollback": 3,
            "deadlocks": 0,
            "temp_bytes": 1_310_720,
            "wal_bytes": 904_112,
        },
        tables=tables,
        indexes=indexes,
        statements={
            "91": StatementEvidence(
                240,
                4_310.2,
                4_800,
                301_120,
                96,
                "SELECT p.id, p.name FROM products p WHERE p.category_id = $1",
            ),
            "17": StatementEvidence(380, 3_320.9, 7_600, 121_004, 41, "SELECT id FROM products WHERE search @@ $1"),
            "23": StatementEvidence(1_240, 92.3, 1_240, 4_960, 0, "SELECT * FROM products WHERE id = $1"),
        },
        settings={
            "shared_buffers": "128MB",
            "work_mem": "4MB",
            "synchronous_commit": "on",
            "max_connections": "100",
        },
        connections=9,
        connections_max=100,
        database_bytes=46_137_344,
    )


def _table_evidence(position: int, rows: int, size_bytes: int, index_bytes: int) -> TableEvidence:
    scans = 240 if position == 3 else 0
    return TableEvidence(
        size_bytes=size_bytes,
        index_bytes=index_bytes,
        toast_bytes=8_192,
        rows=rows,
        sequential_scans=scans,
        sequential_rows=scans * rows,
        index_scans=310 * position,
        rows_inserted=40 * (position % 3),
        rows_updated=11 * (position % 2),
        rows_deleted=0,
        table_blocks_hit=9_100 * position,
        table_blocks_read=7 * position,
        index_blocks_hit=4_040 * position,
        index_blocks_read=2 * position,
        analyzed=True,
    )


def sample_plans() -> dict[str, PlanEvidence]:
    plans = {
        name: PlanEvidence(
            (), (f"{name}_idx",), f"Index Scan using {name}_idx on t  (cost=0.28..8.30 rows=1 width=214)"
        )
        for name, shape in SHAPES.items()
        if shape.kind != "report" and name != "place_order"
    }
    plans["category_listing"] = PlanEvidence(
        ("products",),
        (),
        "Limit  (cost=431.55..431.60 rows=20 width=62)\n"
        "  ->  Sort  (cost=431.55..432.09 rows=216 width=62)\n"
        "        Sort Key: price DESC\n"
        "        ->  Seq Scan on products p  (cost=0.00..425.80 rows=216 width=62)\n"
        "              Filter: (lower(brand) = $1)",
    )
    plans["sales_by_vendor"] = PlanEvidence(
        (),
        ("orders_created_at_idx",),
        "HashAggregate\n  ->  Index Only Scan using orders_created_at_idx on orders",
    )
    plans["place_order/insert_order"] = PlanEvidence((), (), "Insert on orders\n  ->  Result")
    plans["place_order/insert_items"] = PlanEvidence((), (), "Insert on order_items\n  ->  Result")
    return plans


def sample_server_calls(measure: LoadMeasure) -> dict[str, int]:
    calls = {operation.name: operation.count for operation in measure.operations if operation.name != "place_order"}
    return calls | {"place_order/insert_order": 180, "place_order/insert_items": 412}


SEEDING = SeedingResult(
    rows=sum(row[0] for row in TABLES.values()),
    seconds=2.84,
    bytes=sum(row[1] + row[2] for row in TABLES.values()),
    scale=0.0005,
    seed=1,
    fingerprint="8f3c1a7e55d0b2c49e61f7aa",
    tables=[
        TableResult(name=name, rows=rows, table_bytes=table, index_bytes=index)
        for name, (rows, table, index) in TABLES.items()
    ],
)

ENVIRONMENT = EnvironmentResult(
    loadlab="0.1.0",
    engine="postgresql",
    server="PostgreSQL 18.1",
    database="postgresql://postgres@127.0.0.1:54321/loadlab",
    python="3.11.7",
    platform="Linux-6.1-x86_64",
    cpu="2-core test machine",
    cores=2,
    memory_bytes=8 * 2**30,
    fingerprint="c0ffee",
)


def result_of(
    measure: LoadMeasure,
    verdicts: Sequence[TargetVerdict],
    *,
    scenario: str = "ecommerce-platform",
    evidence: Evidence | None = None,
    plans: Mapping[str, PlanEvidence] | None = None,
    server_calls: Mapping[str, int] | None = None,
) -> Result:
    """A result around a measure and its verdicts."""
    return build_result(
        scenario=scenario,
        description="A multi-vendor marketplace: catalogue, carts, orders, payments, reviews.",
        verdicts=verdicts,
        measure=measure,
        evidence=evidence,
        plans=plans or {},
        server_calls=server_calls or {},
        seeding=SEEDING,
        environment=ENVIRONMENT,
        warmup_s=3.0,
    )


@cache
def sample_result() -> Result:
    """The marketplace with verdicts of every kind."""
    measure = sample_measure()
    return result_of(
        measure,
        sample_verdicts(measure),
        evidence=sample_evidence(),
        plans=sample_plans(),
        server_calls=sample_server_calls(measure),
    )


@cache
def empty_result() -> Result:
    """A window in which nothing ran: every figure is missing."""
    shapes = {"product_by_id": Shape("simple", 0, 100), "sales_by_vendor": Shape("report", 0, 100)}
    measure = sample_measure(shapes, seconds=3, errors={}, think_time=False)
    verdicts = tuple(
        TargetVerdict(target, Verdict.INCONCLUSIVE, None, None, 0, (), "Nothing was measured.")
        for target in resolve_targets(None, TargetOverrides())
    )
    return result_of(measure, verdicts)

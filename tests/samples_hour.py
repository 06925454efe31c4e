"""A run of an hour as a value: 3,600 intervals, 30 operations, 100 tables, 300 statements. For the report's tests."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np

from loadlab.engines.protocol import IndexEvidence, StatementEvidence
from loadlab.measure.activity import Activity, WindowEvent
from loadlab.measure.figures import figures_of
from loadlab.report.build import build_result
from loadlab.report.model import PlanNodeResult, PlanResult, Result, SeriesPoint, StatementResult, TableResult
from tests.samples import (
    ENVIRONMENT,
    SEEDING,
    SHAPES,
    Shape,
    sample_evidence,
    sample_measure,
    sample_verdicts,
)

SECONDS, OPERATIONS, TABLES, STATEMENTS = 3_600, 30, 100, 300
_STATEMENTS_OF_FLOW = 10


@cache
def hour_result() -> Result:
    """Histograms are of a few seconds; what is drawn and listed has the size that an hour's has."""
    shapes = {f"{name}_{copy}": shape for copy in range(3) for name, shape in SHAPES.items()}
    shapes = dict(list(shapes.items())[: OPERATIONS - 1]) | {"checkout": Shape("write", 30, 4_000)}
    measure = sample_measure(shapes, seconds=8)
    evidence = sample_evidence()
    table, index = evidence.tables["orders"], evidence.indexes["orders_pkey"]
    evidence = replace(
        evidence,
        tables={f"table_{n:03}": replace(table, sequential_scans=n) for n in range(TABLES)},
        indexes={
            f"table_{n % TABLES:03}_{n}_idx": IndexEvidence(f"table_{n % TABLES:03}", index.size_bytes * n, n % 4, 9, n)
            for n in range(3 * TABLES)
        },
        statements={
            str(n): StatementEvidence(
                n + 1, 10.0 * n, n, 4 * n, n, f"SELECT {', '.join(f'c{k}' for k in range(20))} FROM table_{n:03}"
            )
            for n in range(STATEMENTS)
        },
    )
    result = build_result(
        scenario="an-hour",
        description="A run of an hour, as large as the report has to carry.",
        verdicts=sample_verdicts(measure),
        measure=measure,
        evidence=evidence,
        plans={},
        server_calls={},
        seeding=SEEDING.model_copy(
            update={
                "tables": [
                    TableResult(name=f"table_{n:03}", rows=1_000 * n, table_bytes=90_000 * n, index_bytes=40_000 * n)
                    for n in range(TABLES)
                ]
            }
        ),
        environment=ENVIRONMENT,
        warmup_s=60.0,
        figures=figures_of(evidence, measure, {name: str(n) for n, name in enumerate(shapes)}),
        activity=Activity(7_200, {("running", ""): 900, ("io", "IO:WalSync"): 300}, 1.2, _events()),
    )
    operations = [item.model_copy(update={"plan": "Seq Scan", "plan_tree": _plan()}) for item in result.operations]
    last = operations[-1]
    each = STATEMENTS // OPERATIONS
    statements = [StatementResult(name=str(n), calls=9, plan="Seq Scan", plan_tree=_plan()) for n in range(each)]
    operations = [item.model_copy(update={"statements": statements}) for item in operations]
    assert last.name == "checkout"
    return result.model_copy(
        update={
            "operations": operations,
            "series": _series(),
            "load": result.load.model_copy(update={"duration_s": float(SECONDS)}),
        }
    )


def _series() -> list[SeriesPoint]:
    random = np.random.default_rng(3)
    rate = 900 + 60 * np.sin(np.arange(SECONDS) / 300) + random.normal(0, 25, SECONDS)
    p50, p99 = random.lognormal(6.2, 0.1, SECONDS), random.lognormal(9.0, 0.35, SECONDS)
    p99[1_800:1_830] *= 8
    rate[1_800:1_830] *= 0.7
    return [
        SeriesPoint(
            t_s=float(n),
            rate_per_s=float(rate[n]),
            errors_per_s=3.0 if n in (1_805, 1_806) else 0.0,
            p50_us=float(p50[n]),
            p99_us=float(p99[n]),
            p95_us={kind: float(p99[n]) * share for kind, share in (("simple", 0.2), ("complex", 0.6), ("write", 0.5))},
        )
        for n in range(SECONDS)
    ]


def _events() -> tuple[WindowEvent, ...]:
    checkpoints = [WindowEvent("checkpoint", "timed", 300.0 * n + 20, 300.0 * n + 290) for n in range(12)]
    vacuums = [WindowEvent("autovacuum", f"table_{n:03}", 60.0 * n + 5, 60.0 * n + 5 + n % 7) for n in range(59)]
    analyzes = [WindowEvent("autoanalyze", f"table_{n:03}", None, 90.0 * n + 7) for n in range(39)]
    return (*checkpoints, *vacuums, *analyzes)


def _plan() -> PlanResult:
    leaf = PlanNodeResult(
        name="Index Scan", table="orders", indexes=["orders_pkey"], condition="(orders.id = items.order_id)",
        rows_estimated=1, cost=8.3, loops=26, rows=2_600, blocks_hit=78, blocks_read=3,
    )  # fmt: skip
    scan = PlanNodeResult(
        name="Seq Scan", table="items", filter="(items.kind = 'k')", rows_estimated=25, cost=431.5, loops=1, rows=26,
        rows_removed=49_974, blocks_hit=900, blocks_read=40,
    )  # fmt: skip
    join = PlanNodeResult(name="Nested Loop", rows_estimated=25, cost=640, loops=1, rows=26, children=[scan, leaf])
    root = PlanNodeResult(name="Limit", rows_estimated=20, cost=640, loops=1, rows=20, children=[join])
    return PlanResult(values="typical values", executed=True, execution_ms=12.4, root=root)

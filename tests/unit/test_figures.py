"""What counters come to, by hand; a denominator of zero gives no figure."""

from __future__ import annotations

import pytest

from loadlab.engines.protocol import Evidence, StatementEvidence, TableEvidence
from loadlab.measure.figures import Figures, OperationFigures, figures_of, ratio
from loadlab.measure.histogram import Histogram
from loadlab.measure.model import GeneratorHealth, Interval, LoadMeasure, OperationMeasure

NOTHING = Histogram()


def load_of(*operations: tuple[str, str, int, int]) -> LoadMeasure:
    """Ten seconds of a pool of four that was busy a quarter of the time; (name, kind, successes, errors)."""
    return LoadMeasure(
        started_at="",
        duration_s=10.0,
        users=5,
        connections=4,
        connections_peak=4,
        workers=1,
        asked_rate_per_s=None,
        operations=tuple(
            OperationMeasure(name, kind, count, {"23505": errors} if errors else {}, NOTHING, NOTHING)
            for name, kind, count, errors in operations
        ),
        intervals=tuple(Interval(float(second), 1.0, 5, 1.0, {}) for second in range(10)),
        generator=GeneratorHealth(0.1, 0.0),
    )


LOAD = load_of(("get", "simple", 100, 0), ("put", "write", 40, 10), ("pay", "write", 50, 0))
DELTA = Evidence(
    0.0,
    "",
    "",
    database={"temp_files": 3.0, "temp_bytes": 4096.0, "wal_bytes": 50_000.0, "deadlocks": 1.0, "checkpoints_timed": 2},
    tables={
        "orders": TableEvidence(
            sequential_scans=10, index_scans=30, table_blocks_hit=90, table_blocks_read=10, index_blocks_hit=60,
            index_blocks_read=20, autovacuums=1, autoanalyzes=2,
        ),
        "users": TableEvidence(
            sequential_scans=0, index_scans=60, table_blocks_hit=100, table_blocks_read=0, index_blocks_hit=0,
            index_blocks_read=0, autovacuums=0, autoanalyzes=0,
        ),
    },
    statements={
        "1": StatementEvidence(100, 50.0, 300, 380, 20),
        "2": StatementEvidence(50, 10.0, 40, 100, 0),
        "3": StatementEvidence(50, 20.0, 50, 150, 50),
        "4": StatementEvidence(50, 5.0, 0, 0, 0),
    },
    connections_max=100,
)  # fmt: skip
IDENTITIES = {"get": "1", "put": "2", "pay/1": "3", "pay/2": "4"}


def test_ratios_by_hand() -> None:
    figures = figures_of(DELTA, LOAD, IDENTITIES)
    assert figures.index_cache_hit_ratio == 60 / 80
    assert figures.table_cache_hit_ratio == 190 / 200
    assert figures.index_scan_ratio == 90 / 100
    orders, users = figures.tables["orders"], figures.tables["users"]
    assert (orders.index_cache_hit_ratio, orders.table_cache_hit_ratio, orders.index_scan_ratio) == (0.75, 0.9, 0.75)
    assert (users.index_cache_hit_ratio, users.table_cache_hit_ratio, users.index_scan_ratio) == (None, 1.0, 1.0)
    assert (orders.autovacuums, orders.autoanalyzes, figures.autovacuums, figures.autoanalyzes) == (1, 2, 1, 2)


def test_counts_and_shares_by_hand() -> None:
    figures = figures_of(DELTA, LOAD, IDENTITIES)
    # Failed writes wrote WAL too: 40 + 10 + 50 executions.
    assert (figures.wal_bytes, figures.wal_bytes_per_write) == (50_000, 500.0)
    assert (figures.temp_files, figures.temp_bytes, figures.deadlocks, figures.checkpoints_timed) == (3, 4096, 1, 2)
    assert figures.checkpoints_requested is None
    assert (figures.pool_share, figures.connections_share) == (0.25, 0.04)


def test_an_operation_is_all_of_its_statements() -> None:
    operations = figures_of(DELTA, LOAD, IDENTITIES).operations
    assert operations["get"] == OperationFigures(3.0, 4.0, 0.95, 0.5)
    assert operations["put"] == OperationFigures(0.8, 2.0, 1.0, 0.2)
    assert operations["pay"] == OperationFigures(1.0, 4.0, 0.75, 0.5)


def test_a_statement_of_two_operations_is_nobodys() -> None:
    assert set(figures_of(DELTA, LOAD, {**IDENTITIES, "get": "4"}).operations) == {"put"}


def test_nothing_counted_or_nothing_done_gives_no_figure() -> None:
    assert figures_of(None, LOAD, IDENTITIES) == Figures(pool_share=0.25)
    uncounted = figures_of(Evidence(0.0, "", "", tables={"t": TableEvidence()}), LOAD, {})
    assert uncounted.index_cache_hit_ratio is uncounted.index_scan_ratio is uncounted.wal_bytes_per_write is None
    assert uncounted.autovacuums is uncounted.temp_files is uncounted.connections_share is None
    idle = figures_of(DELTA, load_of(("get", "simple", 0, 0), ("put", "write", 0, 0)), IDENTITIES)
    assert (idle.wal_bytes, idle.wal_bytes_per_write, idle.operations) == (50_000, None, {})


@pytest.mark.parametrize(
    "part, others, expected", [(0, (0,), None), (0, (5,), 0.0), (5, (0,), 1.0), (None, (5,), None), (5, (None,), None)]
)
def test_a_ratio_of_nothing_does_not_exist(part: int | None, others: tuple[int | None], expected: float | None) -> None:
    assert ratio(part, *others) == expected

"""What the server's counters come to: ratios and figures per call over the measured window. Pure functions.

"Index hit ratio" is used for two things, which have names of their own here: the *index cache hit ratio* is the share
of requests for index blocks that the buffer cache answered; the *index scan ratio* is the share of a table's scans that
went through an index. A figure whose denominator is zero does not exist: it is None, neither 0 % nor 100 %.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from loadlab.engines.protocol import Evidence, StatementEvidence, TableEvidence
from loadlab.measure.model import LoadMeasure

_WRITE = "write"


@dataclass(frozen=True, slots=True)
class TableFigures:
    """One table. The counts are runs of the server's maintenance in the window; None: not counted."""

    index_cache_hit_ratio: float | None
    table_cache_hit_ratio: float | None
    index_scan_ratio: float | None
    autovacuums: int | None
    autoanalyzes: int | None


@dataclass(frozen=True, slots=True)
class OperationFigures:
    """What one execution of an operation took inside the server, all its statements together; None: not counted."""

    rows_per_call: float
    blocks_per_call: float | None
    cache_hit_ratio: float | None
    server_ms_per_call: float
    wal_bytes_per_call: float | None = None


@dataclass(frozen=True, slots=True)
class Figures:
    """Over the window and all the user's tables, whoever worked on them; None: not counted, or of nothing.

    `io_…_bytes` are of tables and indexes, as the whole server asked them of the operating system, whose cache may have
    them; `wal_bytes_per_write` is the whole server's WAL by the executions of write operations. `pool_share` is the
    pool's busy share of its time, `connections_share` the pool by what the server takes at most.
    """

    index_cache_hit_ratio: float | None = None
    table_cache_hit_ratio: float | None = None
    index_scan_ratio: float | None = None
    temp_files: int | None = None
    temp_bytes: int | None = None
    io_read_bytes: int | None = None
    io_written_bytes: int | None = None
    wal_bytes: int | None = None
    wal_bytes_per_write: float | None = None
    deadlocks: int | None = None
    checkpoints_timed: int | None = None
    checkpoints_requested: int | None = None
    autovacuums: int | None = None
    autoanalyzes: int | None = None
    pool_share: float | None = None
    connections_share: float | None = None
    tables: Mapping[str, TableFigures] = field(default_factory=dict)
    operations: Mapping[str, OperationFigures] = field(default_factory=dict)


def ratio(part: float | None, *others: float | None) -> float | None:
    """`part` by the sum of it and the others; None where one is not counted or all are zero."""
    if part is None or None in others:
        return None
    total = part + sum(other for other in others if other is not None)
    return part / total if total > 0 else None


def figures_of(delta: Evidence | None, load: LoadMeasure, identities: Mapping[str, str]) -> Figures:
    """`delta` is the difference of two snapshots around the window, None where there is none that means anything.

    `identities` has the server's id by statement key: `operation`, or `operation/statement`.
    """
    busy_s = sum(interval.busy_s for interval in load.intervals)
    capacity_s = load.connections * sum(interval.duration_s for interval in load.intervals)
    # What was due in the window and ended after it is executed in it, but is none of its time.
    pool_share = min(1.0, busy_s / capacity_s) if capacity_s else None
    if delta is None:
        return Figures(pool_share=pool_share)
    tables = delta.tables.values()
    wal = _count(delta, "wal_bytes")
    writes = sum(item.count + item.error_count for item in load.operations if item.kind == _WRITE)
    return Figures(
        index_cache_hit_ratio=ratio(_blocks(delta, "index_blocks_hit"), _blocks(delta, "index_blocks_read")),
        table_cache_hit_ratio=ratio(_sum(tables, "table_blocks_hit"), _sum(tables, "table_blocks_read")),
        index_scan_ratio=ratio(_sum(tables, "index_scans"), _sum(tables, "sequential_scans")),
        temp_files=_count(delta, "temp_files"),
        temp_bytes=_count(delta, "temp_bytes"),
        io_read_bytes=_count(delta, "io_read_bytes"),
        io_written_bytes=_count(delta, "io_written_bytes"),
        wal_bytes=wal,
        wal_bytes_per_write=wal / writes if wal is not None and writes else None,
        deadlocks=_count(delta, "deadlocks"),
        checkpoints_timed=_count(delta, "checkpoints_timed"),
        checkpoints_requested=_count(delta, "checkpoints_requested"),
        autovacuums=_sum(tables, "autovacuums"),
        autoanalyzes=_sum(tables, "autoanalyzes"),
        pool_share=pool_share,
        connections_share=load.connections / delta.connections_max if delta.connections_max else None,
        tables={name: _table(item) for name, item in delta.tables.items()},
        operations=_operations(delta.statements, load, identities),
    )


def _count(delta: Evidence, name: str) -> int | None:
    value = delta.database.get(name)
    return None if value is None else round(value)


def _blocks(delta: Evidence, counter: str) -> int | None:
    """Over the tables, or over the whole server where only that is counted."""
    found = _sum(delta.tables.values(), counter)
    return _count(delta, counter) if found is None else found


def _sum(tables: Iterable[TableEvidence], counter: str) -> int | None:
    """Over the tables that are counted; None when none is."""
    counts = [count for item in tables if (count := getattr(item, counter)) is not None]
    return sum(counts) if counts else None


def _table(item: TableEvidence) -> TableFigures:
    return TableFigures(
        index_cache_hit_ratio=ratio(item.index_blocks_hit, item.index_blocks_read),
        table_cache_hit_ratio=ratio(item.table_blocks_hit, item.table_blocks_read),
        index_scan_ratio=ratio(item.index_scans, item.sequential_scans),
        autovacuums=item.autovacuums,
        autoanalyzes=item.autoanalyzes,
    )


def _operations(
    statements: Mapping[str, StatementEvidence], load: LoadMeasure, identities: Mapping[str, str]
) -> dict[str, OperationFigures]:
    """Of the operations whose statements the server counts apart from those of others."""
    owners = {(key.partition("/")[0], identity) for key, identity in identities.items()}
    shared = {identity for identity, count in Counter(identity for _, identity in owners).items() if count > 1}
    found = {}
    for operation in load.operations:
        own = {identity for name, identity in owners if name == operation.name}
        executions = operation.count + operation.error_count
        counted = [statements[identity] for identity in own if identity in statements]
        if executions and counted and not own & shared:
            found[operation.name] = _operation(counted, executions)
    return found


def _sum_of(statements: Iterable[StatementEvidence], counter: str) -> int | None:
    """None where the server does not count it."""
    counts = [count for item in statements if (count := getattr(item, counter)) is not None]
    return sum(counts) if counts else None


def _operation(statements: Iterable[StatementEvidence], executions: int) -> OperationFigures:
    hit, read, wal = (_sum_of(statements, name) for name in ("blocks_hit", "blocks_read", "wal_bytes"))
    return OperationFigures(
        rows_per_call=sum(item.rows for item in statements) / executions,
        blocks_per_call=None if hit is None or read is None else (hit + read) / executions,
        cache_hit_ratio=ratio(hit, read),
        server_ms_per_call=sum(item.total_ms for item in statements) / executions,
        wal_bytes_per_call=None if wal is None else wal / executions,
    )

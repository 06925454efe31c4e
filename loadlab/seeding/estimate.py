"""What a seeding would write, before anything is written: rows and bytes by table."""

from __future__ import annotations

from dataclasses import dataclass

from loadlab.data.dataset import Dataset

_SAMPLE_ROWS = 1000
# A stored row costs about this much beyond its values (PostgreSQL's tuple header and line pointer: 23 + 1 + 4).
_ROW_OVERHEAD_BYTES = 28


@dataclass(frozen=True, slots=True)
class TableEstimate:
    """`size_bytes` is an estimate from a sample of the rows that will be written, indexes left out."""

    table: str
    rows: int
    columns: int
    size_bytes: int
    relations: tuple[str, ...]
    default: bool
    """Nobody stated how many rows the table has."""


def estimate(dataset: Dataset) -> tuple[TableEstimate, ...]:
    """One estimate a table, in load order."""
    return tuple(_table(dataset, table) for table in dataset.tables)


def _table(dataset: Dataset, key: str) -> TableEstimate:
    rows = dataset.row_count(key)
    sample = min(rows, _SAMPLE_ROWS)
    row_bytes = dataset.batch(key, 0, sample).nbytes / sample + _ROW_OVERHEAD_BYTES if sample else 0
    plan = dataset.plan.tables[key]
    relations = tuple(f"{r.name} → {r.target} ({r.pattern})" for r in plan.relations)
    return TableEstimate(key, rows, len(plan.columns), round(rows * row_bytes), relations, dataset.is_default(key))

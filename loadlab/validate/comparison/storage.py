"""What the same rows take on both sides, and what an inserted row adds. Counted, not sampled: there is no interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from loadlab.engines.protocol import Evidence
from loadlab.validate.comparison.verdicts import Outcome


@dataclass(frozen=True, slots=True)
class StoredTable:
    """One side's table after seeding, and what its indexes and it grew by for each row that the load inserted."""

    rows: int
    table_bytes: int
    index_bytes: int
    grown_table_bytes: float | None
    grown_index_bytes: float | None

    @property
    def bytes(self) -> int:
        return self.table_bytes + self.index_bytes


@dataclass(frozen=True, slots=True)
class StoredSide:
    """By table and by index (bytes), after seeding."""

    tables: Mapping[str, StoredTable]
    indexes: Mapping[str, int]

    @property
    def rows(self) -> int:
        return sum(table.rows for table in self.tables.values())

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables.values())


def stored_side(rows: Mapping[str, int], before: Evidence, after: Evidence) -> StoredSide:
    """`rows` are those that were seeded; `before` and `after` are around the load."""
    tables = {
        name: _table(count, before, after, name)
        for name, count in rows.items()
        if name in before.tables and before.tables[name].size_bytes is not None
    }
    indexes = {
        name: item.size_bytes
        for name, item in before.indexes.items()
        if item.size_bytes is not None and item.table in tables
    }
    return StoredSide(tables, indexes)


def _table(rows: int, before: Evidence, after: Evidence, name: str) -> StoredTable:
    first, last = before.tables[name], after.tables.get(name, before.tables[name])
    inserted = (last.rows_inserted or 0) - (first.rows_inserted or 0)

    def grown(start: int | None, end: int | None) -> float | None:
        return (end - start) / inserted if inserted > 0 and start is not None and end is not None else None

    return StoredTable(
        rows,
        first.size_bytes or 0,
        first.index_bytes or 0,
        grown(first.size_bytes, last.size_bytes),
        grown(first.index_bytes, last.index_bytes),
    )


def judge_storage(a: StoredSide, b: StoredSide, min_effect: float) -> tuple[Outcome, str] | None:
    """Of all tables and indexes; None where sizes are not told. Only the same number of rows can be compared."""
    if not a.bytes or not b.bytes:
        return None
    if a.rows != b.rows:
        return Outcome.INCONCLUSIVE, f"{a.rows:,} rows on A and {b.rows:,} on B"
    ratio = b.bytes / a.bytes
    if ratio > 1 + min_effect:
        return Outcome.WORSE, ""
    return (Outcome.BETTER if ratio < 1 / (1 + min_effect) else Outcome.SAME), ""

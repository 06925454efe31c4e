"""What the same rows take on both sides, and what an inserted row adds. Counted, not sampled: there is no interval."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.engines.protocol import Evidence
from loadlab.validate.comparison.verdicts import Outcome

# Numbers of rows that differ by less than this part of the least effect are taken for the same.
_ALIKE = 0.2


@dataclass(frozen=True, slots=True)
class StoredTable:
    """One side's table before the load, and what its indexes and it grew by for each row that the load inserted."""

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
    """By table and by index (bytes), before the load.

    `inside` names the table in whose bytes those of a table without its own are, which has `inside_rows` there.
    """

    tables: Mapping[str, StoredTable]
    indexes: Mapping[str, int]
    inside: Mapping[str, str] = field(default_factory=dict)
    inside_rows: int = 0

    @property
    def rows(self) -> int:
        """Of all tables, wherever they stand."""
        return sum(table.rows for table in self.tables.values()) + self.inside_rows

    @property
    def bytes(self) -> int:
        return sum(table.bytes for table in self.tables.values())


def stored_side(
    rows: Mapping[str, int],
    before: Evidence,
    after: Evidence,
    *,
    inside: Mapping[str, str] | None = None,
    has_new_rows: bool = False,
) -> StoredSide:
    """`rows` are those that were seeded; `before` and `after` are around the load.

    With `has_new_rows` earlier loads have inserted more, and the server's word for how many there are counts: an
    estimate on some. `inside` names by table that in whose rows its own stand; of these nobody counts the new ones.
    """
    tables = {
        name: _table(_there(count, before, name) if has_new_rows else count, before, after, name)
        for name, count in rows.items()
        if name in before.tables and before.tables[name].size_bytes is not None
    }
    indexes = {
        name: item.size_bytes
        for name, item in before.indexes.items()
        if item.size_bytes is not None and item.table in tables
    }
    held = {name: host for name, host in (inside or {}).items() if name not in tables and host in tables}
    return StoredSide(tables, indexes, held, sum(rows[name] for name in held))


def _there(seeded: int, before: Evidence, name: str) -> int:
    told = before.tables[name].rows
    return seeded if told is None else told


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
    """Of all tables and indexes; None where sizes are not told. Only (nearly) as many rows can be compared."""
    if not a.bytes or not b.bytes:
        return None
    # What two earlier loads inserted is never quite the same, and weighs nothing beside the least effect.
    if abs(a.rows - b.rows) > min_effect * _ALIKE * max(a.rows, b.rows):
        return Outcome.INCONCLUSIVE, f"{a.rows:,} rows on A and {b.rows:,} on B"
    ratio = b.bytes / a.bytes
    if ratio > 1 + min_effect:
        return Outcome.WORSE, ""
    return (Outcome.BETTER if ratio < 1 / (1 + min_effect) else Outcome.SAME), ""

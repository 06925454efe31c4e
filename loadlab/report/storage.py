"""Sizes and use of tables and indexes, as the HTML report lists them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from loadlab.measure.figures import ratio
from loadlab.report.model import SeedingResult
from loadlab.report.model_evidence import EvidenceResult
from loadlab.units import format_count, format_size


@dataclass(frozen=True, slots=True)
class StorageRow:
    """A table's size and that of its indexes; `overhead` is the second over the first, as the target has it."""

    name: str
    rows: int
    table_bytes: int
    index_bytes: int
    overhead: float | None


@dataclass(frozen=True, slots=True)
class IndexRow:
    """An index at the end of the window; `scans`, blocks and cache hit ratio are the window's."""

    name: str
    table: str
    size_bytes: int | None
    scans: int | None
    cache_hit_ratio: float | None
    blocks_read: int | None

    @property
    def is_unused(self) -> bool:
        return self.scans == 0


@dataclass(frozen=True, slots=True)
class Storage:
    """The tables with known sizes and the indexes, largest first, and the width that stands for the largest table."""

    rows: Sequence[StorageRow]
    indexes: Sequence[IndexRow]
    largest_bytes: int


def storage_of(seeding: SeedingResult, evidence: EvidenceResult) -> Storage:
    """Sizes of tables are those after seeding."""
    rows = [
        StorageRow(t.name, t.rows, t.table_bytes, t.index_bytes or 0, _overhead(t.table_bytes, t.index_bytes))
        for t in seeding.tables
        if t.table_bytes is not None
    ]
    rows.sort(key=lambda row: -(row.table_bytes + row.index_bytes))
    largest = max((row.table_bytes + row.index_bytes for row in rows), default=0)
    return Storage(rows, sorted(_indexes(evidence), key=lambda row: -(row.size_bytes or 0)), largest)


def unused_text(indexes: Sequence[IndexRow]) -> str:
    """How many indexes no statement of the window read, and what they take; empty where all were read."""
    unused = [index for index in indexes if index.is_unused]
    if not unused:
        return ""
    size = format_size(sum(index.size_bytes or 0 for index in unused))
    many = f"{format_count(len(unused))} of {format_count(len(indexes))} indexes"
    return (
        f"{many} ({size}) were not scanned in the window. Keys among them are still at work: "
        "uniqueness is checked without a scan."
    )


def _indexes(evidence: EvidenceResult) -> list[IndexRow]:
    found = []
    for name, index in evidence.indexes.items():
        hit, read = _count(index.get("blocks_hit")), _count(index.get("blocks_read"))
        size, scans = _count(index.get("size_bytes")), _count(index.get("scans"))
        found.append(IndexRow(name, str(index.get("table") or ""), size, scans, ratio(hit, read), read))
    return found


def _count(value: float | int | str | None) -> int | None:
    return int(value) if isinstance(value, (int, float)) else None


def _overhead(table_bytes: int, index_bytes: int | None) -> float | None:
    return index_bytes / table_bytes if index_bytes is not None and table_bytes else None

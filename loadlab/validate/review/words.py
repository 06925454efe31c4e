"""Small words and measures that several rules share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from loadlab.schema.model import Column, LogicalType, Table
from loadlab.validate.review.model import ReviewFacts
from loadlab.validate.wording import counted

_SHOWN = 6


def listed(names: Sequence[str], most: int = _SHOWN) -> str:
    """`a, b, c and 4 more`."""
    shown = ", ".join(names[:most])
    return shown if len(names) <= most else f"{shown} and {len(names) - most} more"


def rows_evidence(facts: ReviewFacts, table: Table) -> tuple[str, ...]:
    """How many rows a table has at full volume, where anybody says."""
    rows = facts.rows.get(table.key)
    return () if rows is None else (f"{counted(rows, 'row')} at full volume",)


def columns_of(tables: Iterable[Table], *kinds: str) -> list[tuple[Table, Column]]:
    """The columns of certain kinds of type."""
    return [(table, column) for table in tables for column in table.columns if column.type.kind in kinds]


def referencing(table: Table) -> set[str]:
    """The columns of a table's foreign keys."""
    return {name for key in table.foreign_keys for name in key.columns}


def whole_numbers(type: LogicalType) -> int:
    """How many numbers from 0 on an integer type has."""
    bits = type.bits or 64
    return 1 << (bits if type.unsigned else bits - 1)

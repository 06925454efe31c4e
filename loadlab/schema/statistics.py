"""What a database's catalogue says about its data, as plain values: the statistics of its query planner."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from loadlab.schema.model import Schema


@dataclass(frozen=True, slots=True)
class ColumnStatistics:
    """Statistics of one column; texts are the database's own text form of the values.

    `distinct` is the number of different values, or, below zero, minus their share of the rows; 0 is unknown.
    `common` are the most frequent values and `common_shares` their shares of all rows. `bounds` cut the other values
    into bins that hold as many rows each. `correlation` is that of the values' order with the rows' (−1 to 1).
    """

    null_share: float
    distinct: float
    width_bytes: int
    common: tuple[str, ...] = ()
    common_shares: tuple[float, ...] = ()
    bounds: tuple[str, ...] = ()
    correlation: float | None = None


@dataclass(frozen=True, slots=True)
class JointStatistics:
    """Statistics of several columns together: different combinations, dependencies, most frequent combinations.

    `combinations` is as `ColumnStatistics.distinct`; `dependencies` is, by (column, column that it determines), the
    share of rows that agree; `common` holds the values of each combination (None for NULL) with its share of the rows.
    """

    columns: tuple[str, ...]
    combinations: float | None = None
    dependencies: Mapping[tuple[str, str], float] = field(default_factory=dict)
    common: tuple[tuple[tuple[str | None, ...], float], ...] = ()


@dataclass(frozen=True, slots=True)
class TableStatistics:
    """One table. `rows` is the server's own count at its last look; None when it never looked."""

    rows: int | None
    columns: Mapping[str, ColumnStatistics]
    joint: tuple[JointStatistics, ...] = ()


@dataclass(frozen=True, slots=True)
class DatabaseStatistics:
    """Every table by its key, with the schema that they belong to; `notes` say what could not be seen, and why."""

    schema: Schema
    tables: Mapping[str, TableStatistics]
    notes: tuple[str, ...] = ()

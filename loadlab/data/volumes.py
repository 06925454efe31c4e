"""How many rows each table gets: what was asked, cut to what its keys and parents allow."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.model import Schema, Table
from loadlab.spec.shapes import DataShape, TableShape

DEFAULT_ROWS = 1000


@dataclass(frozen=True, slots=True)
class DataRequest:
    """What is asked for. `full_rows` answers for each table key its rows at full volume (None: nobody said).

    `rows` overrides the row counts that are made now, by table key; `place` is the file that the user wrote.
    """

    shape: DataShape
    scale: float
    seed: int
    full_rows: Callable[[str], int | None]
    rows: Mapping[str, int]
    rows_everywhere: int | None = None
    default_rows: int | None = None
    """Rows at full volume of a table for which `full_rows` has no answer; None: 1,000 rows whatever the scale."""
    default_rows_of: Mapping[str, int] = field(default_factory=dict)
    """Instead of those 1,000, by table key: sizes that go together (`data.sizes`)."""
    place: str = "scenario.yaml"
    remedies: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """By table and CHECK that is not understood, what is done about it: one of `data.remedies.CANDIDATES`."""
    documents: Mapping[str, Any] | None = None
    """Which rows stand in others (`schema.nesting.Documents.to_json`); None: each table by itself."""

    def is_default(self, table: str) -> bool:
        """Whether nobody stated how many rows a table has."""
        said = table in self.rows or self.rows_everywhere is not None
        return not said and self.full_rows(table) is None


@dataclass(frozen=True, slots=True)
class Volume:
    """`rows` now, `full` at scale 1; `reference` data does not follow the scale.

    `stated` tells whether anybody said how many. `limit` says why there are fewer rows than asked, "" where there are
    as many.
    """

    rows: int
    full: float
    reference: bool
    stated: bool = False
    limit: str = ""

    def cut(self, rows: int, reason: str, *, full: float | None = None) -> Volume:
        """At most `rows` now and `full` at full volume (None: `rows` whatever the scale)."""
        most = max(min(self.full, rows if full is None else full), 1.0)
        if rows >= self.rows:
            return replace(self, full=most) if full is not None else self
        return replace(self, rows=rows, full=most, limit=reason)


def asked_volume(table: Table, request: DataRequest) -> Volume:
    """The volume as it is asked for."""
    shape = request.shape.tables.get(table.key, TableShape())
    asked = request.rows.get(table.key, request.rows_everywhere)
    if asked is not None:
        return Volume(asked, asked / request.scale if shape.scales else asked, not shape.scales, stated=True)
    stated = request.full_rows(table.key) is not None
    full = request.full_rows(table.key)
    if full is None:
        full = request.default_rows
    if full is None:
        # Nobody said how large it is: a fixed number whatever the scale, so that the ratios to other tables hold.
        rows = request.default_rows_of.get(table.key, DEFAULT_ROWS)
        full = round(rows / request.scale) if shape.scales else rows
    if not shape.scales:
        return Volume(full, full, True, stated)
    return Volume(max(round(full * request.scale), 1 if full else 0), float(max(full, 1)), False, stated)


def require_rows(table: Table, volume: Volume, asked: Volume, request: DataRequest) -> None:
    """Raises InfeasibleError where the table itself was asked to have more rows than it can; a wish for all tables
    (`--rows 1000`), a scenario's volume at scale and a default give way, and the plan's notes say so."""
    if volume.rows < asked.rows and table.key in request.rows:
        raise InfeasibleError(
            f"--rows {table.key}", f"cannot be above {volume.rows:,}: {volume.limit}", value=asked.rows
        )


def check_names(schema: Schema, request: DataRequest) -> None:
    """Raises InputError for names that the schema does not have, and shares of NULL that it cannot have."""
    known = [table.key for table in schema]
    for name in request.rows:
        if name not in known:
            raise InputError(f"--rows {name}", f"names no table of the schema; tables: {', '.join(known)}")
    for name, shape in request.shape.tables.items():
        place = f"{request.place}: data.tables.{name}"
        if name not in known:
            raise InputError(place, f"is not a table of the schema; tables: {', '.join(known)}")
        _check_table(schema.table(name), shape, place)


def _check_table(table: Table, shape: TableShape, place: str) -> None:
    for column in shape.columns:
        if column not in table.column_names:
            raise InputError(
                f"{place}.columns.{column}",
                f"is not a column of {table.key}; columns: {', '.join(table.column_names)}",
            )
    relations = {",".join(key.columns): key for key in table.foreign_keys}
    for name, relation in shape.relations.items():
        if name not in relations:
            raise InputError(
                f"{place}.relations.{name}",
                f"is not a foreign key of {table.key}; foreign keys: {'; '.join(relations) or 'none'}",
            )
        if relation.null_share and not any(table.column(column).nullable for column in relations[name].columns):
            raise InputError(
                f"{place}.relations.{name}.null_share", "cannot be above 0: NOT NULL", value=relation.null_share
            )

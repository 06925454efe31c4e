"""What can be done about a CHECK that nobody here understands: its columns left NULL, or at their constant defaults.

Most such CHECKs let NULL pass, and the default is a value that the schema's author meant to be accepted. Which of
these the database accepts is tried before anything is written (`seeding.trial`), and the choice is kept in the
manifest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from sqlglot.errors import SqlglotError

from loadlab.data.core.constants import constant
from loadlab.errors import InputError
from loadlab.schema.checks import Allowed, IsNull, NotNull, Reading, Scalar, expression_columns
from loadlab.schema.checks.constants import constant as constant_of
from loadlab.schema.checks.syntax import parse
from loadlab.schema.model import Check, Column, Schema, Table
from loadlab.spec.shapes import ColumnShape, TableShape

CANDIDATES = ("null", "default", "null, else default", "default, else null")
"""The choices, in the order in which they are tried after the rows as they are generated."""


@dataclass(frozen=True, slots=True)
class Remedy:
    """One choice for one CHECK: `nulls` are left NULL, `defaults` hold one value in every row."""

    check: str
    candidate: str
    nulls: tuple[str, ...]
    defaults: tuple[tuple[str, Scalar], ...]

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self.nulls, *(name for name, _ in self.defaults))

    @property
    def reading(self) -> Reading:
        """The choice as the facts of a condition."""
        facts = [IsNull(name) for name in self.nulls]
        kept = [fact for name, value in self.defaults for fact in (Allowed(name, (value,)), NotNull(name))]
        return Reading(((*facts, *kept),))

    @property
    def words(self) -> str:
        """What is done, e.g. `its column note is left NULL`."""
        said = [f"its column {name} is left NULL" for name in self.nulls]
        said += [f"its column {name} is always {value}" for name, value in self.defaults]
        return " and ".join(said)


def remedies_for(schema: Schema, table: Table, check: Check, given: frozenset[str]) -> tuple[Remedy, ...]:
    """The choices that there are for a CHECK, in the order of `CANDIDATES`; columns in `given` are left alone."""
    names = [name for name in expression_columns(check.expression, schema.dialect) if name in table.column_names]
    columns = [table.column(name) for name in names if name not in given]
    nulls = [column.name for column in columns if _may_be_null(schema, table, column)]
    defaults = dict(_defaults(table, columns, schema.dialect))
    found: dict[tuple[object, object], Remedy] = {}
    for candidate, mine, values in _combined(nulls, defaults):
        if mine or values:
            made = Remedy(check.name, candidate, tuple(mine), tuple(values.items()))
            found.setdefault((made.nulls, made.defaults), made)
    return tuple(found.values())


def _combined(
    nulls: Sequence[str], defaults: Mapping[str, Scalar]
) -> Iterator[tuple[str, list[str], dict[str, Scalar]]]:
    yield CANDIDATES[0], list(nulls), {}
    yield CANDIDATES[1], [], dict(defaults)
    yield CANDIDATES[2], list(nulls), {name: value for name, value in defaults.items() if name not in nulls}
    yield CANDIDATES[3], [name for name in nulls if name not in defaults], dict(defaults)


def _may_be_null(schema: Schema, table: Table, column: Column) -> bool:
    """Whether the column can be NULL in every row whatever else the schema asks."""
    if not column.nullable or column.generated is not None or column.name in table.primary_key:
        return False
    agreeing = {key for index in table.kept_apart if not index.nulls_distinct for key in index.keys}
    return column.name not in agreeing | referenced(schema, table)


def referenced(schema: Schema, table: Table) -> set[str]:
    """The columns of a table that foreign keys reference."""
    return {
        name for other in schema for key in other.foreign_keys if key.target == table.key for name in key.target_columns
    }


def _defaults(table: Table, columns: Sequence[Column], dialect: str) -> Iterator[tuple[str, Scalar]]:
    """The columns that can hold their default in every row, with that constant."""
    fixed = set(table.primary_key) | {name for key in table.foreign_keys for name in key.columns}
    fixed |= {key for index in table.kept_apart for key in index.keys}
    for column in columns:
        if column.default is None or column.generated is not None or column.name in fixed:
            continue
        value = _constant_default(column, dialect)
        if value is not None:
            yield column.name, value


def _constant_default(column: Column, dialect: str) -> Scalar | None:
    try:
        value = constant_of(parse(column.default or "", dialect))
        if value is not None:
            constant(value, column.type, column.name)
    except (SqlglotError, InputError, RecursionError):
        return None
    return value


def applied_remedies(
    schema: Schema, table: Table, shape: TableShape, chosen: Mapping[str, Mapping[str, str]]
) -> dict[str, Remedy]:
    """By CHECK, the remedy that was chosen (`DataRequest.remedies`)."""
    mine, given = chosen.get(table.key, {}), stated_columns(shape)
    return {
        check.name: remedy
        for check in table.checks
        if check.name in mine
        for remedy in remedies_for(schema, table, check, given)
        if remedy.candidate == mine[check.name]
    }


def stated_columns(shape: TableShape) -> frozenset[str]:
    """The columns whose values the scenario states; how many are NULL is no value."""
    return frozenset(name for name, column in shape.columns.items() if _states_values(column))


def _states_values(shape: ColumnShape) -> bool:
    return bool(shape.values or shape.law or shape.meaning or shape.template or shape.given)

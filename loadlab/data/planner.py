"""From a schema and the shape that is asked for to a plan: rows of each table, relations, a generator a column.

Everything that cannot be is found here, before a row is written.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pyarrow.compute as pc
import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from loadlab.data import pools
from loadlab.data.choose import TableContext, choose
from loadlab.data.clock import Clock
from loadlab.data.facts import TableFacts, table_facts
from loadlab.data.frame import Frame, Generator, TablePlan
from loadlab.data.hashing import make_key
from loadlab.data.relations import Pattern, Relation
from loadlab.errors import InfeasibleError, InputError
from loadlab.schema.checks import parser_dialect
from loadlab.schema.model import Column, ForeignKey, Schema, Table
from loadlab.schema.order import load_order
from loadlab.spec.scenario import DataShape, RelationShape, TableShape

DEFAULT_ROWS = 1000
_SAMPLE_ROWS = 512
# What servers' regular expressions have and Python's read otherwise: character classes by name, word boundaries.
_NOT_PYTHONS = re.compile(r"\[[:.=]|\\[mMyY]|\(\?[^:=!i]")


@dataclass(frozen=True, slots=True)
class DataPlan:
    """The whole dataset. `notes` name what was not understood; `order` is parents first."""

    tables: Mapping[str, TablePlan]
    order: tuple[str, ...]
    clock: Clock
    seed: int
    scale: float
    locale: str
    notes: tuple[str, ...]


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
    place: str = "scenario.yaml"

    def is_default(self, table: str) -> bool:
        """Whether nobody stated how many rows a table has."""
        said = table in self.rows or self.rows_everywhere is not None
        return not said and self.full_rows(table) is None


def plan_data(schema: Schema, request: DataRequest) -> DataPlan:
    """Raises InputError for names that are not in the schema, InfeasibleError for data that cannot exist."""
    if not math.isfinite(request.scale):
        raise InputError("--scale", "must be a finite number", value=request.scale)
    _check_names(schema, request)
    order = load_order(schema)
    clock = Clock.of(request.shape.time)
    plans: dict[str, TablePlan] = {}
    notes: list[str] = []
    volumes = {table.key: _volume(table, request) for table in schema}
    for key in order.tables:
        table = schema.table(key)
        shape = request.shape.tables.get(key, TableShape())
        table_key = make_key(request.seed, key)
        volumes[key] = _fitted(table, volumes, shape, request)
        relations = _relations(table, table_key, volumes, shape, request)
        facts = table_facts(table, schema.dialect)
        notes += [
            f"{key}: CHECK {name} is not understood: {text}; should the database refuse rows, give its columns values"
            for name, text in facts.not_understood
        ]
        unique = _unique_columns(table, relations, schema.dialect)
        context = TableContext(
            table, schema.dialect, table_key, volumes[key].rows, request.shape.locale, facts, relations, unique,
            dict(shape.columns), f"{request.place}: data.tables.{key}",
        )  # fmt: skip
        columns = {column.name: choose(context, column) for column in table.stored_columns}
        volume = volumes[key]
        plans[key] = TablePlan(table, table_key, volume.rows, volume.full, volume.reference, relations, columns)
        notes += _pattern_notes(plans, key, facts, clock, request.place)
    return DataPlan(plans, order.tables, clock, request.seed, request.scale, request.shape.locale, tuple(notes))


# -- rows ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Volume:
    """`rows` now, `full` at scale 1; `reference` data does not follow the scale."""

    rows: int
    full: float
    reference: bool


def _volume(table: Table, request: DataRequest) -> _Volume:
    shape = request.shape.tables.get(table.key, TableShape())
    asked = request.rows.get(table.key, request.rows_everywhere)
    if asked is not None:
        return _Volume(asked, asked / request.scale if shape.scales else asked, not shape.scales)
    full = request.full_rows(table.key)
    if full is None:
        full = request.default_rows
    if full is None:
        # Nobody said how large it is: a fixed number whatever the scale, so that the ratios to other tables hold.
        full = round(DEFAULT_ROWS / request.scale) if shape.scales else DEFAULT_ROWS
    if not shape.scales:
        return _Volume(full, full, True)
    return _Volume(max(round(full * request.scale), 1 if full else 0), float(max(full, 1)), False)


def _fitted(table: Table, volumes: Mapping[str, _Volume], shape: TableShape, request: DataRequest) -> _Volume:
    """The table's volume, cut to its parents where each may have one child only."""
    volume = volumes[table.key]
    for key in table.foreign_keys:
        parent = volumes.get(key.target)
        if parent is None or key.target == table.key:
            continue
        if parent.rows == 0 and volume.rows and not _is_nullable(table, key):
            raise InfeasibleError(
                f"{table.key}.{','.join(key.columns)}", f"needs a row of {key.target}, which gets none"
            )
        if _pattern(table, key, shape, volumes) == "one_to_one":
            volume = _cut_to_parents(table, key, volume, parent, request)
    return volume


def _cut_to_parents(table: Table, key: ForeignKey, volume: _Volume, parent: _Volume, request: DataRequest) -> _Volume:
    asked = request.rows.get(table.key, request.rows_everywhere)
    if asked is not None and asked > parent.rows:
        place = f"--rows {table.key}" if table.key in request.rows else "--rows"
        raise InfeasibleError(
            place,
            f"cannot be above the {parent.rows:,} rows of {key.target}: {','.join(key.columns)} is unique",
            value=asked,
        )
    full = min(volume.full, parent.full)
    rows = min(volume.rows, parent.rows)
    ratio = parent.full / full
    while rows > 1 and int((rows - 1) * ratio) >= parent.rows:
        rows -= 1
    return _Volume(rows, full, volume.reference)


# -- relations -------------------------------------------------------------------------------------------------------


def _relations(
    table: Table, table_key: int, volumes: Mapping[str, _Volume], shape: TableShape, request: DataRequest
) -> tuple[Relation, ...]:
    taken: set[str] = set()
    made: list[Relation] = []
    for key in _junction_order(table, shape):
        if key.target not in volumes:
            raise InputError(
                f"{table.key}.{','.join(key.columns)}", f"references {key.target}, which is not in the schema"
            )
        if taken & set(key.columns):
            if not set(key.columns) <= taken:
                raise InputError(
                    f"{table.key}.{','.join(key.columns)}",
                    "shares a column with another foreign key, which cannot be generated yet",
                )
            continue
        taken |= set(key.columns)
        made.append(_relation(table, key, table_key, volumes, shape, made, request))
    return tuple(made)


def _relation(
    table: Table,
    key: ForeignKey,
    table_key: int,
    volumes: Mapping[str, _Volume],
    shape: TableShape,
    before: list[Relation],
    request: DataRequest,
) -> Relation:
    own, parent = volumes[table.key], volumes[key.target]
    name = ",".join(key.columns)
    wish = shape.relations.get(name, RelationShape())
    first = next((r for r in before if _pairs_with(table, key, r)), None)
    pattern = "paired" if first is not None else _pattern(table, key, shape, volumes)
    ratio = parent.full / own.full if own.full else 1.0
    null_share = wish.null_share
    if null_share is None:
        null_share = 0.1 if _is_nullable(table, key) and pattern != "tree" else 0.0
    if null_share and not _is_nullable(table, key):
        raise InputError(
            f"{request.place}: data.tables.{table.key}.relations.{name}.null_share",
            "cannot be above 0: NOT NULL",
            value=null_share,
        )
    relation = Relation(
        columns=key.columns,
        target=key.target,
        target_columns=key.target_columns,
        pattern=pattern,
        key=make_key(table_key, "relation", name),
        ratio=ratio,
        parents=parent.rows,
        children=own.rows,
        reference=parent.reference,
        skew=wish.skew or "mild",
        min_children=min(wish.min or 0, int(1 / ratio) if ratio else 0),
        roots=wish.roots or max(1, min(12, int(own.full) // 10)),
        fan_out=wish.fan_out or 6,
        null_share=null_share,
        self_reference=key.target == table.key,
        first=first,
    )
    if first is not None and relation.pair_capacity() < min(first.longest_run, own.rows):
        raise InfeasibleError(
            f"{table.key}.{first.name},{name}",
            f"cannot be unique: up to {first.longest_run} rows for each row of {first.target}, "
            f"and {key.target} has {parent.rows:,} rows",
        )
    return relation


def _pattern(table: Table, key: ForeignKey, shape: TableShape, volumes: Mapping[str, _Volume]) -> Pattern:
    wish = shape.relations.get(",".join(key.columns))
    if wish is not None and wish.pattern is not None:
        return wish.pattern
    if any(set(unique) <= set(key.columns) for unique in table.unique_keys):
        return "one_to_one"
    if key.target == table.key:
        return "tree" if re.search(r"parent|manager|ancestor|reports_to", key.columns[0]) else "spread"
    if any(set(key.columns) < set(unique) for unique in table.unique_keys):
        return "nested"
    owned = table.name.startswith(_singular(key.target.rpartition(".")[2])) and key.on_delete == "CASCADE"
    own, parent = volumes[table.key], volumes[key.target]
    return "nested" if owned and not _is_nullable(table, key) and own.full >= parent.full / 20 else "spread"


def _pairs_with(table: Table, key: ForeignKey, first: Relation) -> bool:
    """Whether a unique key holds this foreign key and the nested one before it, and no other column."""
    both = set(key.columns) | set(first.columns)
    return first.pattern == "nested" and any(
        set(key.columns) <= set(unique) and set(unique) <= both and set(unique) & set(first.columns)
        for unique in table.unique_keys
    )


def _junction_order(table: Table, shape: TableShape) -> list[ForeignKey]:
    """Nested relations first, since paired ones build on them; keys that others contain last."""

    def rank(key: ForeignKey) -> tuple[int, int]:
        wish = shape.relations.get(",".join(key.columns))
        return (0 if wish is not None and wish.pattern == "nested" else 1, -len(key.columns))

    return sorted(table.foreign_keys, key=rank)


def _is_nullable(table: Table, key: ForeignKey) -> bool:
    return all(table.column(name).nullable for name in key.columns)


def _singular(name: str) -> str:
    return name[:-3] + "y" if name.endswith("ies") else name.removesuffix("s")


# -- uniqueness ------------------------------------------------------------------------------------------------------


def _unique_columns(table: Table, relations: tuple[Relation, ...], dialect: str) -> frozenset[str]:
    """Columns whose values must differ from row to row by themselves."""
    from_parents = {name for relation in relations for name in relation.columns}
    unique: set[str] = set()
    for key in [*table.unique_keys, *_expression_keys(table, dialect)]:
        own = [name for name in key if name not in from_parents]
        if not own or unique & set(own):
            continue
        nested = any(r.pattern == "nested" and set(r.columns) & set(key) for r in relations)
        candidate = max(own, key=lambda name: _room(table.column(name)))
        # Within a nested parent an integer is numbered through; everything else is made unique over the table.
        if not (nested and table.column(candidate).type.kind == "integer"):
            unique.add(candidate)
    return frozenset(unique)


def _room(column: Column) -> int:
    """How many values a column can tell apart, roughly, in bits. A timestamp follows history and is no choice."""
    kind = column.type.kind
    if kind == "uuid":
        return 122
    if kind == "text":
        return 5 * min(column.type.length or 24, 24)
    if kind == "integer":
        return column.type.bits or 64
    return 1


def _expression_keys(table: Table, dialect: str) -> list[tuple[str, ...]]:
    """The columns inside unique expression indexes and partial unique indexes."""
    keys: list[tuple[str, ...]] = []
    for index in table.indexes:
        if index.unique and (index.has_expressions or index.predicate is not None):
            names: list[str] = []
            for key in index.keys:
                names += [key] if key in table.column_names else _columns_in(key, dialect)
            keys.append(tuple(name for name in dict.fromkeys(names) if name in table.column_names))
    return [key for key in keys if key]


def _columns_in(expression: str, dialect: str) -> list[str]:
    try:
        tree = sqlglot.parse_one(expression, dialect=parser_dialect(dialect))
    except SqlglotError:
        return []
    return [column.name for column in tree.find_all(exp.Column)]


# -- checks of the plan ----------------------------------------------------------------------------------------------


def _check_names(schema: Schema, request: DataRequest) -> None:
    known = [table.key for table in schema]
    for name in request.rows:
        if name not in known:
            raise InputError(f"--rows {name}", f"names no table of the schema; tables: {', '.join(known)}")
    for name, shape in request.shape.tables.items():
        place = f"{request.place}: data.tables.{name}"
        if name not in known:
            raise InputError(place, f"is not a table of the schema; tables: {', '.join(known)}")
        table = schema.table(name)
        for column in shape.columns:
            if column not in table.column_names:
                raise InputError(
                    f"{place}.columns.{column}", f"is not a column of {name}; columns: {', '.join(table.column_names)}"
                )
        relations = [",".join(key.columns) for key in table.foreign_keys]
        for relation in shape.relations:
            if relation not in relations:
                raise InputError(
                    f"{place}.relations.{relation}",
                    f"is not a foreign key of {name}; foreign keys: {'; '.join(relations) or 'none'}",
                )


def _pattern_notes(plans: Mapping[str, TablePlan], key: str, facts: TableFacts, clock: Clock, place: str) -> list[str]:
    """Regular expressions are tried on a sample of what will be written."""
    patterns = [(name, match) for name, column in facts.columns.items() for match in column.patterns]
    if not patterns:
        return []
    frame = Frame(plans[key], np.arange(min(_SAMPLE_ROWS, max(plans[key].rows, 1)), dtype=np.int64), plans, clock)
    notes = []
    for name, match in patterns:
        if _NOT_PYTHONS.search(match.pattern):
            notes.append(f"{key}: the pattern of {name} is not understood: {match.pattern}")
            continue
        try:
            matches = re.compile(match.pattern, re.IGNORECASE if match.ignore_case else 0).search
        except re.error:
            notes.append(f"{key}: the pattern of {name} is not understood: {match.pattern}")
            continue
        values = pc.drop_null(frame.cells(name).values).to_pylist()
        bad = next((value for value in values if not matches(value)), None)
        if bad is not None:
            raise InfeasibleError(
                f"{place}: data.tables.{key}.columns.{name}",
                f"is needed: a CHECK wants {match.pattern}, which {bad!r} does not match; give values or a meaning",
            )
    return notes


def used_pools(plan: DataPlan) -> dict[str, str]:
    """Digest of every pool, for the manifest."""
    return {name: pools.pool_digest(name, plan.locale) for name in sorted(_pools_of(plan))}


def _pools_of(plan: DataPlan) -> set[str]:
    found: set[str] = set()
    pending: list[object] = [generator for table in plan.tables.values() for generator in table.columns.values()]
    while pending:
        item = pending.pop()
        name = getattr(item, "pool", None)
        if isinstance(name, str):
            found.add(name)
        if type(item).__name__ == "Paragraphs":
            found.add("sentence")
        for attribute in ("inner", "pieces", "members"):
            inner = getattr(item, attribute, ())
            pending += inner.values() if isinstance(inner, Mapping) else inner if isinstance(inner, tuple) else [inner]
    return found


__all__ = ["DataPlan", "DataRequest", "Generator", "plan_data", "used_pools"]

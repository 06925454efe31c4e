"""A schema seeded for real, and everything that must then be true of it whatever the schema is."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import fields, is_dataclass
from typing import Any

import psycopg
from psycopg import sql

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.schema.model import Schema, Table
from loadlab.seeding.seeder import seed
from loadlab.spec.shapes import DataShape
from tests.readback import meant, read

_CUT = "{table}: {rows:,} rows, not {asked:,}: "
_BROKEN = """
    SELECT conname || ' of ' || conrelid::regclass FROM pg_constraint
    WHERE NOT convalidated AND connamespace::regnamespace::text NOT IN ('pg_catalog', 'information_schema')
    UNION ALL
    SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid OR NOT indisready
    UNION ALL
    SELECT 'trigger ' || tgname FROM pg_trigger WHERE tgenabled <> 'O' AND NOT tgisinternal
"""


def plan(schema: Schema, rows: int, seed_number: int = 1) -> Dataset:
    """The dataset that so many rows everywhere would be."""
    request = DataRequest(DataShape(), 1.0, seed_number, lambda _: None, {}, rows_everywhere=rows)
    return Dataset.plan_for(schema, request, owns_tables=True)


def fill(engine: PostgresqlEngine, dataset: Dataset) -> None:
    """Seed it, in this process."""
    report = seed(engine, dataset, workers=1, observe=lambda _: None)
    assert report.written == sum(dataset.row_count(table) for table in dataset.tables)


def check_everything(
    engine: PostgresqlEngine, schema: Schema, dataset: Dataset, rows: int, *, values: bool = True
) -> None:
    """The schema is what it was, every constraint is valid, and every value (or but their number) the dataset's own."""
    assert _comparable(engine.reflect().tables) == _comparable(schema.tables)
    with psycopg.connect(engine.url, autocommit=True) as connection:
        connection.execute("SET TimeZone = 'UTC'")
        assert connection.execute(_BROKEN.encode()).fetchall() == []
        for table in schema:
            check_table(connection, dataset, table, rows, values=values)
    check_again(engine, dataset)


def _comparable(part: Any) -> Any:
    """A schema or a part of it, word for word but for what the server words anew when it reads its own words again.

    It casts ANY (ARRAY[…]) otherwise, and leaves out parentheses: ((a AND b) AND c) is (a AND b AND c) then.
    """
    if isinstance(part, str):
        part = re.sub(r"::[a-z ]+|\[\]|[()\s]", "", part) if "ARRAY[" in part else part
        return re.sub(r"[()\s]", "", part) if re.search(r" (AND|OR) ", part) else part
    if isinstance(part, tuple):
        return tuple(map(_comparable, part))
    return [_comparable(getattr(part, field.name)) for field in fields(part)] if is_dataclass(part) else part


def check_table(
    connection: psycopg.Connection[Any], dataset: Dataset, table: Table, rows: int, *, values: bool
) -> None:
    """As many rows as planned, each of them the dataset's."""
    planned = dataset.row_count(table.key)
    assert planned <= rows
    if planned < rows:
        start = _CUT.format(table=table.key, rows=planned, asked=rows)
        assert any(note.startswith(start) for note in dataset.plan.notes), (start, dataset.plan.notes)
    if not values:
        count = sql.SQL("SELECT count(*) FROM {}").format(_from(table))
        assert connection.execute(count).fetchone() == (planned,), table.key
        return
    stored = stored_rows(connection, dataset, table)
    wanted = wanted_rows(dataset, table)
    assert len(stored) == planned
    left, right = Counter(map(_hashable, stored)), Counter(map(_hashable, wanted))
    assert left == right, (table.key, (left - right).most_common(3), (right - left).most_common(3))


def stored_rows(connection: psycopg.Connection[Any], dataset: Dataset, table: Table) -> list[tuple[Any, ...]]:
    """What the server says that the columns filled by the dataset hold."""
    columns = dataset.loaded_table(table.key).columns
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(column.name)) for column in columns), _from(table)
    )
    found = connection.execute(query).fetchall()
    return [tuple(read(text, c.type) for text, c in zip(row, columns, strict=True)) for row in found]


def _from(table: Table) -> sql.Composed:
    """Rows of inheriting tables are their own; partitions' are the table's."""
    name = sql.Identifier(table.namespace, table.name) if table.namespace else sql.Identifier(table.name)
    return sql.SQL("{} {}").format(sql.SQL("" if table.partitioning is not None else "ONLY"), name)


def wanted_rows(dataset: Dataset, table: Table) -> list[tuple[Any, ...]]:
    """What the dataset says that they hold."""
    batch = dataset.batch(table.key, 0, dataset.row_count(table.key))
    kinds = [column.type for column in dataset.loaded_table(table.key).columns]
    lists = [[meant(v, kind) for v in array.to_pylist()] for array, kind in zip(batch.columns, kinds, strict=True)]
    return list(zip(*lists, strict=True)) if lists else [()] * len(batch)


def _hashable(value: Any) -> Any:
    """The value with tuples for its lists and maps; numbers that are equal stay so."""
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    if isinstance(value, dict):
        return tuple(sorted((name, _hashable(item)) for name, item in value.items()))
    return value


def check_again(engine: PostgresqlEngine, dataset: Dataset) -> None:
    """The manifest in the database alone makes the same dataset."""
    manifest = engine.manifest()
    assert manifest is not None
    again = Dataset.from_manifest(manifest)
    for table in dataset.tables:
        count = dataset.row_count(table)
        assert again.batch(table, 0, count).equals(dataset.batch(table, 0, count)), table

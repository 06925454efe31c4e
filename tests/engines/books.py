"""Rows for the schema of the engines' suite, and what an engine must give back for them."""

from __future__ import annotations

import datetime as dt
import json
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa

from loadlab.data.core.cells import arrow_type
from loadlab.engines.protocol import Chunk, Engine, Manifest
from loadlab.schema.model import LogicalType, Schema, Table
from tests.engines.words import asked

Row = dict[str, Any]
WORK_COLUMNS = (
    "id, author_id, rating, copies, price, weight, sold, title, document, picture, published, opens, written, changed"
)


def author(number: int) -> Row:
    return {"id": number, "email": f"author{number}@example.com", "born": dt.date(1900, 1, 1) + dt.timedelta(number)}


def work(number: int, **values: Any) -> Row:
    """A row whose optional columns are NULL unless given."""
    return {"id": UUID(int=number + 1), "author_id": number % 10, "rating": 1 + number % 5} | values


def full_work(number: int) -> Row:
    """A row without NULL; distinct by number."""
    return work(
        number,
        copies=number * 10**12,
        price=Decimal(number) / 100,
        weight=number / 7,
        sold=number % 2 == 1,
        title=f"Title {number} – ü\n'\"\t\\",
        document=json.dumps({"n": number, "tags": ["a", None, {"b": 1.5}]}),
        picture=bytes(range(number % 256)),
        published=dt.date(2024, 1, 1) + dt.timedelta(number),
        opens=dt.time(number % 24, 59, 58, number),
        written=dt.datetime(2024, 5, 6, 7, 8, 9, number),
        changed=dt.datetime(2024, 5, 6, 7, 8, 9, number, tzinfo=dt.UTC),
    )


def batch(table: Table, rows: Sequence[Row]) -> pa.RecordBatch:
    """The stored columns of the rows as seeding hands them over."""
    columns = [pa.array([_arrow(row.get(c.name)) for row in rows], arrow_type(c.type)) for c in table.stored_columns]
    return pa.RecordBatch.from_arrays(columns, names=[column.name for column in table.stored_columns])


def _arrow(value: object) -> object:
    return value.bytes if isinstance(value, UUID) else value


def load(engine: Engine, table: Table, start: int, rows: Sequence[Row]) -> int:
    return engine.load(table, [batch(table, rows)], Chunk(table.key, start, start + len(rows)))


def prepare(engine: Engine, ddl: str) -> Manifest:
    """Tables that wait for rows."""
    schema = engine.preview(ddl, {})
    manifest = Manifest("f1", {"seed": 7, "rows": {"works": 3}}, schema, owns_tables=True)
    engine.create(manifest)
    return manifest


def fill(engine: Engine, ddl: str, works: Sequence[Row]) -> Schema:
    """Ten authors and the works, everything finished."""
    manifest = prepare(engine, ddl)
    load(engine, manifest.schema.table("authors"), 0, [author(number) for number in range(10)])
    load(engine, manifest.schema.table("works"), 0, works)
    engine.finish(manifest, lambda _: None)
    return manifest.schema


def read(engine: Engine, sql: str, **values: Any) -> list[tuple[Any, ...]]:
    with closing(engine.connect(timeout_s=10)) as session:
        handle = session.prepare(asked(engine.name, sql))
        return session.query(handle, session.encode_row(handle, values))


def stored_works(engine: Engine, schema: Schema) -> list[Row]:
    """The works that are there, ordered by key, in Python's types."""
    names = WORK_COLUMNS.split(", ")
    rows = read(engine, f"SELECT {WORK_COLUMNS} FROM works ORDER BY id")
    table = schema.table("works")
    return [{n: meant(table.column(n).type, v) for n, v in zip(names, row, strict=True)} for row in rows]


def meant_works(schema: Schema, rows: Sequence[Row]) -> list[Row]:
    """What `stored_works` must give for rows that were loaded."""
    table, names = schema.table("works"), WORK_COLUMNS.split(", ")
    ordered = sorted(rows, key=lambda row: str(row["id"]))
    return [{name: meant(table.column(name).type, row.get(name)) for name in names} for row in ordered]


def meant(kind: LogicalType, value: Any) -> Any:
    """A value as Python means it, whether it came as that or as a text or number of the engine."""
    if value is None:
        return None
    match kind.kind:
        case "uuid":
            return UUID(str(value))
        case "numeric":
            return Decimal(repr(value) if isinstance(value, float) else str(value))
        case "boolean":
            assert value in (0, 1)
            return bool(value)
        case "json":
            return json.loads(value) if isinstance(value, str) else value
        case "bytes":
            return bytes(value)
        case "date":
            if isinstance(value, dt.datetime):
                assert value.time() == dt.time(), "a day is stored as its midnight"
                return value.date()
            return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)
        case "time":
            return value if isinstance(value, dt.time) else dt.time.fromisoformat(value)
        case "timestamp":
            moment = value if isinstance(value, dt.datetime) else dt.datetime.fromisoformat(value)
            moment = (moment.astimezone(dt.UTC) if moment.tzinfo else moment).replace(tzinfo=None)
            step = 10 ** (6 - (6 if kind.precision is None else kind.precision))
            return moment.replace(microsecond=moment.microsecond // step * step)
        case _:
            return value

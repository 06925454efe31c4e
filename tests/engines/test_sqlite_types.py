"""Every kind of value has a place in SQLite, and what is there is the dataset's own."""

from __future__ import annotations

import datetime as dt
import json
import sqlite3
from contextlib import closing
from decimal import Decimal
from typing import Any, get_args

import numpy as np
import pyarrow as pa
import pytest

from loadlab.data.core.cells import to_arrow
from loadlab.data.core.clock import Clock
from loadlab.data.frame import Frame, TablePlan
from loadlab.data.values.elements import value_generator
from loadlab.engines.sqlite.ddl import stored_type, translate
from loadlab.engines.sqlite.values import column_values
from loadlab.schema.model import Column, LogicalType, Schema, Table, TypeKind
from loadlab.spec.shapes import TimeShape

WORD, WHOLE = LogicalType("text"), LogicalType("integer", bits=32)
PRICE = LogicalType("numeric", precision=8, scale=2)
SPOT = LogicalType(
    "composite", fields=(("place", LogicalType("shape", form="point")), ("tags", LogicalType("array", element=WORD)))
)
TYPES = {
    "integer": WHOLE,
    "numeric": PRICE,
    "money": LogicalType("numeric", precision=19, scale=2, form="money"),
    "enum": LogicalType("enum", labels=("a", "b")),
    "array": LogicalType("array", element=LogicalType("range", element=PRICE)),
    "range": LogicalType("range", element=LogicalType("timestamp", timezone=True)),
    "multirange": LogicalType("multirange", element=LogicalType("date")),
    "composite": LogicalType(
        "composite", fields=(("spot", SPOT), ("key", LogicalType("uuid")), ("raw", LogicalType("bytes")))
    ),
    "vector": LogicalType("vector", length=3),
    "sparse": LogicalType("vector", length=9, form="sparse"),
    "shape": LogicalType("shape", form="path"),
    "geometry": LogicalType("geometry", form="polygon", srid=4326),
    "locator": LogicalType("locator", form="log"),
    "object_name": LogicalType("object_name", labels=("integer", "text")),
}
TYPES |= {kind: LogicalType(kind) for kind in get_args(TypeKind) if kind not in (*TYPES, "other")}


@pytest.mark.parametrize("name", TYPES)
def test_every_kind_is_stored_as_it_is(name: str) -> None:
    kind = TYPES[name]
    table = Table("t", (Column("v", kind),))
    plan = TablePlan(table, 7, 20, 20.0, False, (), {})
    generator = value_generator(kind, 5, "en")
    assert generator is not None
    cells = generator.make(Frame(plan, np.arange(20), {"t": plan}, Clock.of(TimeShape())))
    array = to_arrow(cells, kind).take(pa.array([None, *range(1, 20)], pa.int64()))
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.execute(translate(Schema((table,), "another")).tables[0])
        connection.executemany("INSERT INTO t VALUES (?)", [(value,) for value in column_values(array)])
        stored = [value for (value,) in connection.execute("SELECT v FROM t ORDER BY rowid")]
    assert stored_type(kind) in ("TEXT", "INTEGER", "REAL", "BLOB", "ANY")
    assert stored[0] is None
    wanted = array.to_pylist()
    if pa.types.is_nested(array.type):
        assert [json.loads(value) for value in stored[1:]] == [plain(value, array.type) for value in wanted[1:]]
    elif kind.kind in ("text", "enum", "bits", "mac", "xml", "locator", "geometry", "bytes", "integer"):
        assert stored == wanted


def plain(value: Any, kind: pa.DataType) -> Any:
    """A value in JSON's words."""
    if pa.types.is_map(kind):
        return dict(value)
    if isinstance(value, dict):
        return {name: plain(item, kind.field(name).type) for name, item in value.items()}
    if isinstance(value, list):
        return [plain(item, kind.value_type) for item in value]
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, dt.datetime):
        return value.astimezone(dt.UTC).replace(tzinfo=None).isoformat(" ", "microseconds")
    if isinstance(value, dt.date):
        return value.isoformat()
    if isinstance(value, bytes):
        from uuid import UUID

        return str(UUID(bytes=value)) if kind == pa.binary(16) else value.hex()
    return value

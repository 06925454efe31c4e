"""What was handed over as Arrow is what PostgreSQL says it holds, for the types that not every engine has."""

from __future__ import annotations

import datetime as dt
import ipaddress
from collections.abc import Iterator
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from loadlab.data.core.cells import arrow_type
from loadlab.engines import open_database
from loadlab.engines.postgresql.engine import PostgresqlEngine
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.schema.model import Table
from loadlab.spec.statement import Statement

DDL = """
CREATE EXTENSION ltree;
CREATE EXTENSION citext;
CREATE TYPE size AS ENUM ('s', 'm', 'x; l');
CREATE DOMAIN percent AS numeric(5, 2) CHECK (VALUE >= 0);
CREATE TABLE things (
    n integer NOT NULL,
    wide numeric(38, 10),
    whole numeric(30),
    tiny numeric(4, 4),
    share percent,
    ratio real,
    word char(8),
    nick citext,
    size size,
    path ltree,
    address inet,
    network cidr,
    pause interval,
    alarm timetz,
    raw json,
    tags text[],
    numbers bigint[],
    amounts numeric(10, 2)[],
    sizes size[],
    keys uuid[]
)
"""


def digits(precision: int, scale: int) -> st.SearchStrategy[Decimal]:
    top = 10**precision - 1
    return st.integers(-top, top).map(lambda value: Decimal(f"{value}e-{scale}"))  # exact, whatever the context


SIZES = st.sampled_from(["s", "m", "x; l"])
LABEL = st.text("abcXYZ019_", min_size=1, max_size=6)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
ADDRESS = st.ip_addresses().map(str)
NETWORKS = st.one_of(
    st.tuples(st.ip_addresses(v=4), st.integers(0, 32)), st.tuples(st.ip_addresses(v=6), st.integers(0, 128))
).map(lambda pair: str(ipaddress.ip_network(f"{pair[0]}/{pair[1]}", strict=False)))
MICROS = dt.timedelta(microseconds=1)


def array_of(inner: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.lists(st.none() | inner, max_size=4)


VALUES: dict[str, st.SearchStrategy[Any]] = {
    "wide": digits(38, 10),
    "whole": digits(30, 0),
    "tiny": digits(4, 4),
    "share": digits(5, 2).map(abs),
    "ratio": st.floats(width=32, allow_nan=False),
    "word": st.text("abc", max_size=8).map(lambda text: text.ljust(8)),
    "nick": TEXT,
    "size": SIZES,
    "path": st.lists(LABEL, max_size=5).map(".".join),
    "address": ADDRESS | NETWORKS,
    "network": NETWORKS,
    "pause": st.timedeltas(-dt.timedelta(40_000), dt.timedelta(40_000)),
    "alarm": st.times(),
    "raw": st.sampled_from(["{}", ' {"a" :  1, "a": 2} ', "null", '"\\u00e9"']),
    "tags": array_of(TEXT),
    "numbers": array_of(st.integers(-(2**63), 2**63 - 1)),
    "amounts": array_of(digits(10, 2)),
    "sizes": array_of(SIZES),
    "keys": array_of(st.uuids().map(lambda key: key.bytes)),
}
# The server's own text of what Python would show in a form of its own.
SHOWN = {
    "word": "word::text",
    "ratio": "ratio::float8",
    "pause": "extract(epoch FROM pause) * 1000000",
    "alarm": "alarm::time",
    "raw": "raw::text",
    "sizes": "sizes::text[]",
}


def meant(name: str, value: Any) -> Any:
    if value is None:
        return None
    match name:
        case "pause":
            return Decimal(value // MICROS)
        case "address":
            found = ipaddress.ip_interface(value)
            return found.ip if found.network.prefixlen == found.max_prefixlen else found
        case "network":
            return ipaddress.ip_network(value)
        case "word":
            return value.rstrip(" ")
        case "keys":
            return [None if key is None else UUID(bytes=key) for key in value]
    return value


@pytest.fixture(scope="module")
def things(embedded_server: str) -> Iterator[tuple[PostgresqlEngine, Table]]:
    """The table, empty at first; each test adds rows."""
    with open_database("embedded:") as database:
        assert isinstance(database, PostgresqlEngine)
        schema = database.preview(DDL, {})
        database.create(Manifest("f", {}, schema, owns_tables=True))
        yield database, schema.table("things")


@pytest.mark.parametrize("name", VALUES)
@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_type_round_trips(things: tuple[PostgresqlEngine, Table], name: str, data: st.DataObject) -> None:
    database, table = things
    values = data.draw(st.lists(st.none() | VALUES[name], min_size=1, max_size=12))
    first = max((chunk.stop for chunk in database.loaded()), default=0)
    rows = pa.array(range(first, first + len(values)), pa.int32())
    columns = {"n": rows} | {
        column.name: pa.array(values if column.name == name else [None] * len(values), arrow_type(column.type))
        for column in table.columns[1:]
    }
    chunk = Chunk("things", first, first + len(values))
    assert database.load(table, [pa.record_batch(columns)], chunk) == len(values)
    stored = _read(database, f"SELECT {SHOWN.get(name, name)} FROM things WHERE n >= :first ORDER BY n", first)
    assert stored == [meant(name, value) for value in values]


def _read(database: PostgresqlEngine, text: str, first: int) -> list[Any]:
    session = database.connect(timeout_s=10)
    handle = session.prepare(Statement.parse(text))
    rows = session.query(handle, session.encode_row(handle, {"first": first}))
    session.close()
    return [value for (value,) in rows]

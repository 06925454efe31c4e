"""Schemas in another engine's words as collections: same rows, same rules, the rest named."""

from __future__ import annotations

import datetime as dt
from contextlib import closing
from decimal import Decimal
from uuid import UUID

import psycopg
import pyarrow as pa
import pytest

pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

from loadlab.engines import open_database
from loadlab.engines.mongodb.bson_form import documents
from loadlab.engines.mongodb.collections.expressions import check_expression
from loadlab.engines.mongodb.paths import collection_name, path
from loadlab.engines.mongodb.references import value_at
from loadlab.engines.mongodb.values import python_value
from loadlab.engines.protocol import Chunk, Manifest
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import ConstraintError
from loadlab.schema.model import Schema
from loadlab.spec.statement import Statement
from tests.engines.books import batch, meant
from tests.engines.foreign import EVERY_TYPE, FULL, load_things, marketplace, thing

SOURCE = "postgresql"
pytestmark = pytest.mark.usefixtures("mongo_server")


@pytest.fixture(scope="module")
def source(embedded_server):
    """A server of the engine whose words the schemas are in."""
    with open_database("embedded:") as opened:
        yield opened


@pytest.fixture(scope="module")
def things(source, mongo_server):
    """The collections of `EVERY_TYPE` with two documents, finished."""
    schema = source.preview(EVERY_TYPE, {})
    with open_database("mongodb://") as engine:
        engine.create(Manifest("f", {}, schema, owns_tables=True))
        load_things(engine, [FULL, thing(2)])
        engine.finish(engine.manifest(), lambda _: None)
        yield engine


def stored(engine, table):
    """The documents of a table as rows of its columns, by their key."""
    found = {}
    for document in engine._database[collection_name(table.key)].find():
        row = {c.name: python_value(value_at(document, path(table, c.name))) for c in table.stored_columns}
        found[tuple(meant(table.column(name).type, row[name]) for name in table.primary_key)] = row
    return found


def in_milliseconds(value):
    return value.replace(microsecond=value.microsecond // 1000 * 1000) if isinstance(value, dt.datetime) else value


def test_every_type_keeps_its_values(things):
    table = things.manifest().schema.table("things")
    found = stored(things, table)
    for number, expected in ((1, FULL), (2, thing(2))):
        row = found[UUID(int=number),]
        for column in table.stored_columns:
            value, want = row[column.name], expected.get(column.name)
            match column.type.kind:
                case "interval" if want is not None:
                    assert dt.timedelta(microseconds=value) == want
                case "array":
                    assert value == want
                case _:
                    assert meant(column.type, value) == in_milliseconds(meant(column.type, want)), column.name
    assert list(things._database["shop.owners"].find()) == [{"_id": 1, "name": "Ann"}]
    raw = things._database["things"].find_one({"_id": UUID(int=2)})
    assert "feeling" not in raw, "NULL is a field that is not there"


def test_what_is_left_out_is_named(things):
    notes = things.notes()
    for what in (
        "column things.words",
        "column things.gross",
        "trigger things.touch_things",
        "index things.no_overlap",
    ):
        assert any(note.startswith(f"{what}: left out") for note in notes), what
    assert any("things_lower_code: serves queries that name its collation" in note for note in notes)
    assert not any("\n" in note for note in notes)


def test_indexes_are_what_they_were(things):
    indexes = things._database["things"].index_information()
    assert indexes["things_covering"]["key"] == [("owner_id", 1), ("seen", -1), ("total", 1)]
    assert indexes["things_covering"]["partialFilterExpression"] == {"active": True}
    assert indexes["things_tags_idx"]["key"] == [("tags", 1)]
    assert indexes["things_lower_code"]["unique"]
    assert dict(indexes["things_lower_code"]["collation"])["strength"] == 2
    assert indexes["price_code_key"]["partialFilterExpression"] == {"code": {"$exists": True}}


def test_a_partial_unique_index_holds_where_it_should(things):
    insert = '{"insert": "things", "documents": [{"_id": :id, "price": :p, "tax": :p, "total": :t, "document": {},'
    statement = Statement.parse(insert + ' "active": true, "code": "X", "feeling": :feeling}]}')
    with closing(things.connect(timeout_s=5)) as session:
        handle = session.prepare(statement)

        def add(number, feeling):
            values = {"id": UUID(int=number), "p": Decimal(number), "t": Decimal(2 * number), "feeling": feeling}
            session.execute(handle, session.encode_row(handle, values))

        add(101, "glad")
        add(102, "glad")
        add(103, "sad")
        with pytest.raises(ConstraintError) as caught:
            add(104, "sad")
    assert caught.value.constraint == "things_lower_code"


@pytest.mark.parametrize(
    "broken, said",
    [
        ({"total": Decimal(9)}, "adds_up"),
        ({"code": "abcd"}, "code"),
        ({"code": "zzz"}, "code_format"),
        ({"seen": dt.datetime(2019, 1, 1, tzinfo=dt.UTC)}, "not_before"),
        ({"price": None, "total": Decimal("0.2")}, "price"),
        ({"feeling": "bored"}, "feeling"),
    ],
)
def test_what_a_rule_promised_still_holds_and_is_named(things, broken, said):
    table = things.manifest().schema.table("things")
    rows = [thing(77, code="X") | broken]
    (refusal,) = things.try_rows(things.manifest(), [(table, batch(table, rows))])
    assert (refusal.constraint, refusal.row) == (said, 0), refusal.message


def test_the_marketplace_reads_back_as_its_dataset(source):
    dataset = marketplace(source)
    with open_database("mongodb://") as engine:
        engine.create(dataset.manifest)
        for key in dataset.tables:
            rows = dataset.row_count(key)
            assert engine.load(dataset.table(key), [dataset.batch(key, 0, rows)], Chunk(key, 0, rows)) == rows
        engine.finish(dataset.manifest, lambda _: None)
        for key in dataset.tables:
            table, found = dataset.table(key), stored(engine, dataset.table(key))
            assert len(found) == dataset.row_count(key)
            for row in dataset.batch(key, 0, dataset.row_count(key)).to_pylist():
                want = {c.name: _wanted(c.type, row[c.name]) for c in table.stored_columns}
                there = found[tuple(want[name] for name in table.primary_key)]
                assert {c.name: meant(c.type, there[c.name]) for c in table.stored_columns} == want


def _wanted(kind, value):
    value = UUID(bytes=value) if kind.kind == "uuid" and value is not None else value
    return in_milliseconds(meant(kind, value))


# CHECKs --------------------------------------------------------------------------------------------------------------

COLUMNS = "id int PRIMARY KEY, a int, b int NOT NULL, x numeric(10, 2), s text, d timestamptz, ok boolean, j jsonb"
VALUES = [
    (1, 5, 3, Decimal("0.10"), "Ann", dt.datetime(2024, 5, 1, tzinfo=dt.UTC), True, '{"kind": "a", "n": 3}'),
    (2, None, 0, None, None, None, None, None),
    (3, -7, 2, Decimal("9.99"), "bob  ", dt.datetime(2019, 1, 1, tzinfo=dt.UTC), False, "[1, 2]"),
    (4, 0, -1, Decimal("100.00"), "", dt.datetime(2024, 1, 1, tzinfo=dt.UTC), None, '"text"'),
    (5, 8, 8, Decimal("-1.50"), "x@example.com", None, True, "17"),
]
CHECKS = [
    "a > 0",
    "NOT a > 0",
    "a <> b",
    "a BETWEEN 0 AND 5 OR b = 0",
    "NOT (a BETWEEN 0 AND 5)",
    "a IS NULL OR a >= b",
    "a IS NOT NULL",
    "(a IS NULL) = (b = 0)",
    "a IN (5, 8)",
    "a NOT IN (5, 8)",
    "s = ANY (ARRAY['Ann', 'Eve'])",
    "s <> ALL (ARRAY['Ann', 'Eve'])",
    "a + b * 2 <= 11",
    "b - a < 5 AND ok",
    "x >= 0.1",
    "x = 0.1",
    "-x < 1.5",
    "b / 2 = 1",
    "abs(a) > 4",
    "a % 2 = 1",
    "length(s) > 0",
    "char_length(s) BETWEEN 3 AND 5",
    "lower(s) = 'ann'",
    "btrim(s) = 'bob'",
    "s ~ '^[A-Z]'",
    "s ~* '^a'",
    "s !~ '@'",
    "coalesce(a, 1) > 0",
    "d >= '2020-01-01 00:00:00+02'::timestamptz",
    "extract(year from d) = 2024",
    "ok",
    "NOT ok",
    "ok IS TRUE",
    "ok = false OR a > 1",
    "jsonb_typeof(j) = 'object'",
    "jsonb_typeof(j) IN ('array', 'string', 'number')",
    "(a > 0 AND x > 0) OR (a <= 0 AND s IS NOT NULL)",
    "ceil(x) = 10",
]


@pytest.fixture(scope="module")
def rows(source):
    """The rows in the engine whose words the CHECKs are in: it knows what they mean."""
    with psycopg.connect(source.url, autocommit=True) as connection:
        connection.execute(f"SET TIME ZONE 'UTC'; CREATE TABLE checked ({COLUMNS})")
        for row in VALUES:
            connection.execute("INSERT INTO checked VALUES (%s, %s, %s, %s, %s, %s, %s, %s)", row)
        yield connection
        connection.execute("DROP TABLE checked")


@pytest.fixture(scope="module")
def collection(source, rows, mongo_server):
    """The same rows as documents, and their table."""
    table = source.reflect().table("checked")
    arrays = [pa.array([row[place] for row in VALUES], _arrow(c.type)) for place, c in enumerate(table.columns)]
    parts = [(path(table, c.name), array, c.type) for c, array in zip(table.columns, arrays, strict=True)]
    with open_database("mongodb://") as engine:
        import bson

        engine._database["checked"].insert_many(bson.decode_all(documents(parts, len(VALUES)).data))
        yield engine._database["checked"], table


def _arrow(kind):
    from loadlab.data.core.cells import arrow_type

    return arrow_type(kind)


@pytest.mark.parametrize("check", CHECKS)
def test_a_check_passes_for_the_same_rows(rows, collection, check):
    expected = {key for (key,) in rows.execute(f"SELECT id FROM checked WHERE ({check}) IS NOT FALSE")}
    documents_, table = collection
    # As the server writes it down, with its casts.
    text = rows.execute("SELECT %s::text", (check,)).fetchone()[0]
    found = documents_.find({"$expr": check_expression(table, text, SOURCE)}, {"_id": 1})
    assert {document["_id"] for document in found} == expected


@pytest.mark.parametrize("check", ["s LIKE 'A%'", "now() > d", "a = (SELECT 1)", "pg_column_size(j) < 9", "a @> b"])
def test_a_check_without_a_counterpart_says_so(collection, check):
    with pytest.raises(UntranslatableError):
        check_expression(collection[1], check, SOURCE)


def test_a_schema_of_collections_is_read_as_it_was_written(source, mongo_server):
    """Types, NOT NULL, keys, references and CHECKs survive the way through a validator."""
    ddl = """
    CREATE TABLE parents (a int, b text, PRIMARY KEY (a, b));
    CREATE TABLE children (
        id uuid PRIMARY KEY, a int, b text, price numeric(8, 3) NOT NULL CHECK (price > 0), day date, at time,
        FOREIGN KEY (a, b) REFERENCES parents);
    """
    schema = source.preview(ddl, {})
    with open_database("mongodb://") as engine:
        engine.create(Manifest("f", {}, schema, owns_tables=True))
        engine.finish(engine.manifest(), lambda _: None)
        found = engine.reflect()
    children = found.table("children")
    assert [(c.name, c.type.kind, c.nullable) for c in children.columns] == [
        (c.name, c.type.kind, c.nullable) for c in schema.table("children").columns
    ]
    assert (children.column("price").type.precision, children.column("price").type.scale) == (8, 3)
    assert found.table("parents").primary_key == ("a", "b")
    (key,) = children.foreign_keys
    assert (key.columns, key.target, key.target_columns) == (("a", "b"), "parents", ("a", "b"))
    (check,) = children.checks
    assert (check.name, check.expression) == ("children_price_check", "price > 0 AND price IS NOT NULL")
    assert isinstance(found, Schema)

"""What a schema becomes in MongoDB's words, and what is read in them: no server is asked."""

from __future__ import annotations

import datetime as dt
from uuid import UUID

import pytest

pytest.importorskip("pymongo", reason="needs the driver pymongo (pip install 'loadlab[mongodb]')")

from loadlab.engines.mongodb.collections.conditions import expression_text, filter_text, partial_filter
from loadlab.engines.mongodb.collections.indexes import index_of, index_spec, native_spec
from loadlab.engines.mongodb.collections.translate import translate
from loadlab.engines.mongodb.collections.types import property_of, type_of, word_of
from loadlab.engines.mongodb.paths import collection_name, fields, path, paths
from loadlab.engines.translation import UntranslatableError
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table, Trigger

TEXT, WHOLE, MOMENT = LogicalType("text"), LogicalType("integer"), LogicalType("timestamp", timezone=True)
COLUMNS = (
    Column("id", WHOLE, nullable=False),
    Column("email", TEXT, nullable=False),
    Column("code", TEXT),
    Column("at", MOMENT),
    Column("ok", LogicalType("boolean")),
    Column("price", LogicalType("numeric", precision=8, scale=2)),
    Column("tags", LogicalType("array", element=TEXT)),
    Column("data", LogicalType("json")),
    Column("place", LogicalType("geometry", form="point")),
    Column("words", LogicalType("search_vector"), generated="to_tsvector('english', coalesce(code, '') || email)"),
)
TABLE = Table("things", COLUMNS, primary_key=("id",))


# Paths ---------------------------------------------------------------------------------------------------------------


def test_columns_are_where_the_key_says():
    assert dict(list(paths(TABLE).items())[:2]) == {"id": "_id", "email": "email"}
    pair = Table("p", (Column("x.y", TEXT), Column("b", WHOLE), Column("a", WHOLE)), primary_key=("a", "b"))
    assert dict(paths(pair)) == {"x.y": "x．y", "b": "_id.b", "a": "_id.a"}
    assert list(fields(pair)) == [("_id", ("a", "b")), ("x．y", "x.y")]


def test_names_that_mongodb_does_not_take_are_made_such():
    odd = Table("t", (Column("_id", TEXT), Column("$set", TEXT), Column("k", TEXT)), primary_key=("k",))
    assert dict(paths(odd)) == {"_id": "_id_", "$set": "＄set", "k": "_id"}
    assert path(Table("t", (Column("_id", TEXT),), primary_key=("_id",)), "_id") == "_id"
    assert collection_name("billing.orders") == "billing.orders"
    assert collection_name("system.users") == "_system.users"
    assert collection_name("a$b") == "a＄b"


# Types ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "kind",
    [
        LogicalType("integer", bits=16),
        LogicalType("integer", bits=32),
        LogicalType("integer", bits=64),
        LogicalType("numeric", precision=12, scale=2),
        LogicalType("float", bits=64),
        LogicalType("float", bits=32),
        LogicalType("boolean"),
        LogicalType("text", length=60),
        LogicalType("enum", labels=("a", "b")),
        LogicalType("uuid"),
        LogicalType("bytes"),
        LogicalType("date"),
        LogicalType("time"),
        LogicalType("timestamp", precision=3, timezone=True),
        LogicalType("timestamp", precision=3, timezone=False),
        LogicalType("interval"),
        LogicalType("json"),
        LogicalType("inet"),
        LogicalType("geometry", form="point"),
        LogicalType("array", element=LogicalType("text")),
    ],
    ids=lambda kind: f"{kind.kind}{kind.bits or ''}",
)
def test_a_type_is_read_as_it_was_written(kind):
    found = type_of(property_of(kind), word_of(kind))
    for name in ("kind", "bits", "length", "precision", "scale", "timezone", "labels", "form"):
        if getattr(kind, name) is not None:
            assert getattr(found, name) == getattr(kind, name), name


@pytest.mark.parametrize(
    "said, kind",
    [
        ({"bsonType": ["string", "null"]}, "text"),
        ({"bsonType": ["int", "long"]}, "integer"),
        ({"bsonType": ["string", "int"]}, "json"),
        ({"type": "boolean"}, "boolean"),
        ({"enum": ["a", "b"]}, "enum"),
        ({"bsonType": "object", "properties": {"a": {"bsonType": "int"}}}, "composite"),
        ({"bsonType": "object"}, "json"),
        ({}, "json"),
    ],
)
def test_what_others_write_is_read(said, kind):
    assert type_of(said).kind == kind


# Indexes -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "index, spec",
    [
        (
            Index("i", ("email", "at"), definition="CREATE INDEX i ON things (email, at DESC)", include=("code",)),
            {"key": {"email": 1, "at": -1, "code": 1}},
        ),
        (Index("i", ("email",), unique=True, include=("code",)), {"key": {"email": 1}, "unique": True}),
        (
            Index("i", ("email", "code"), unique=True),
            {"key": {"email": 1, "code": 1}, "unique": True, "partialFilterExpression": {"code": {"$exists": True}}},
        ),
        (Index("i", ("code",), unique=True, nulls_distinct=False), {"key": {"code": 1}, "unique": True}),
        (
            Index("i", ("at",), predicate="ok AND code IS NOT NULL AND price > 1.5"),
            {"key": {"at": 1},
             "partialFilterExpression": {"ok": True, "code": {"$exists": True}, "price": {"$gt": "1.5"}}},
        ),
        (
            Index("i", ("lower((email)::text)",), unique=True, expressions=(True,), predicate="at IS NULL"),
            {"key": {"email": 1}, "collation": {"locale": "en", "strength": 2}, "unique": True,
             "partialFilterExpression": {"at": None}},
        ),
        (Index("i", ("at",), method="brin"), {"key": {"at": 1}}),
        (Index("i", ("email",), method="hash"), {"key": {"email": 1}}),
        (Index("i", ("tags",), method="gin"), {"key": {"tags": 1}}),
        (Index("i", ("data",), method="gin"), {"key": {"data.$**": 1}}),
        (Index("i", ("words",), method="gin"), {"key": {"code": "text", "email": "text"}}),
        (
            Index("i", ("to_tsvector('english'::regconfig, email)",), method="gin", expressions=(True,)),
            {"key": {"email": "text"}},
        ),
        (Index("i", ("place",), method="gist"), {"key": {"place": "2dsphere"}}),
    ],
)  # fmt: skip
def test_an_index_becomes_one_of_mongodb(index, spec):
    found = index_spec(TABLE, index, "postgresql")
    price = found.get("partialFilterExpression", {}).get("price")
    if price is not None:
        price["$gt"] = str(price["$gt"])
    assert found == {"name": "i", **spec}


@pytest.mark.parametrize(
    "index, said",
    [
        (Index("i", ("email", "at"), method="gist", operators=("=", "&&")), "no exclusion constraints"),
        (Index("i", ("at",), predicate="code <> 'x'"), "a partial index cannot have"),
        (Index("i", ("at + price",), expressions=(True,)), "fields, not expressions"),
        (Index("i", ("email",), method="gin"), "no index like a gin one of email"),
        (Index("i", ("words",)), "generated by the server"),
        (Index("i", ("email",), method="hnsw"), "no index like a hnsw one"),
    ],
)
def test_an_index_that_mongodb_has_not_says_so(index, said):
    with pytest.raises(UntranslatableError, match=said):
        index_spec(TABLE, index, "postgresql")


def test_an_index_is_read_as_the_server_tells_of_it():
    spec = {
        "v": 2,
        "key": {"code": 1},
        "name": "c",
        "unique": True,
        "partialFilterExpression": {"code": {"$exists": True}},
    }
    found = index_of(spec, TABLE)
    assert (found.keys, found.unique, found.predicate, found.nulls_distinct) == (("code",), True, None, True)
    whole = index_of({"key": {"code": 1}, "name": "c", "unique": True}, TABLE)
    assert not whole.nulls_distinct
    text = {"key": {"_fts": "text", "_ftsx": 1}, "name": "t", "weights": {"email": 1}, "textIndexVersion": 3}
    assert (index_of(text, TABLE).keys, index_of(text, TABLE).method) == (("email",), "text")


def test_an_index_over_documents_with_a_uuid_is_read_and_made_again():
    spec = {"key": {"code": 1}, "name": "c", "partialFilterExpression": {"owner": UUID(int=7)}}
    found = index_of(spec, TABLE)
    assert found.predicate is not None
    assert found.predicate.startswith('{"owner": ')
    again = native_spec(found)["partialFilterExpression"]["owner"]
    assert again.as_uuid() == UUID(int=7)


# Conditions ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "sql, condition",
    [
        ("ok", {"ok": True}),
        ("NOT ok", {"ok": False}),
        ("at IS NULL", {"at": None}),
        ("code IN ('a', 'b')", {"code": {"$in": ["a", "b"]}}),
        ("code = ANY (ARRAY['a', 'b'])", {"code": {"$in": ["a", "b"]}}),
        ("5 < id", {"_id": {"$gt": 5}}),
        ("at >= '2024-01-01'::timestamptz", {"at": {"$gte": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}}),
        ("ok OR code = 'a'", {"$or": [{"ok": True}, {"code": "a"}]}),
        ("id > 1 AND id < 5", {"$and": [{"_id": {"$gt": 1}}, {"_id": {"$lt": 5}}]}),
    ],
)
def test_conditions_of_partial_indexes_go_both_ways(sql, condition):
    assert partial_filter(TABLE, sql, "postgresql") == condition
    again = filter_text(condition, {place: name for name, place in paths(TABLE).items()})
    assert partial_filter(TABLE, again, "mongodb") == condition


@pytest.mark.parametrize(
    "expression, text",
    [
        ({"$gte": ["$price", 1]}, "price >= 1 AND price IS NOT NULL"),
        ({"$lt": ["$price", "$_id"]}, "price < id"),
        ({"$lte": ["$at", None]}, "at IS NULL"),
        ({"$or": [{"$in": ["$code", ["a", "it's"]]}, {"$eq": ["$ok", True]}]},
         "(code IN ('a', 'it''s')) OR (ok = TRUE AND ok IS NOT NULL)"),
        ({"$eq": ["$price", {"$add": ["$_id", 2]}]}, "price = (id + 2) AND price IS NOT NULL"),
        ({"$not": [{"$eq": ["$code", {"$literal": "$x"}]}]}, "NOT (code = '$x' AND code IS NOT NULL)"),
        ({"$regexMatch": {"input": "$code", "regex": "^a"}}, '{"$regexMatch": {"input": "$code", "regex": "^a"}}'),
    ],
)  # fmt: skip
def test_expressions_are_read_in_sql_where_it_has_words(expression, text):
    assert expression_text(expression, {place: name for name, place in paths(TABLE).items()}) == text


# Schemas -------------------------------------------------------------------------------------------------------------


def test_every_part_of_a_schema_is_there_or_named():
    parent = Table("parents", (Column("id", WHOLE, nullable=False),), primary_key=("id",))
    child = Table(
        "children",
        (Column("id", WHOLE, nullable=False), Column("parent_id", WHOLE), Column("x", TEXT, generated="upper('x')")),
        primary_key=("id",),
        foreign_keys=(ForeignKey("k", ("parent_id",), "parents", ("id",)),),
        triggers=(Trigger("t", ("INSERT",)),),
        indexes=(Index("one", ("x",)), Index("children_pkey", ("id",), unique=True)),
    )
    found = translate(Schema((child, parent), "postgresql"))
    said = dict(found.collections)["children"]["validator"]["$jsonSchema"]
    assert said["required"] == ["_id"]
    assert said["properties"]["parent_id"]["description"] == "references parents._id"
    assert "x" not in said["properties"]
    assert found.indexes == ()
    assert [note.split(":")[0] for note in found.notes] == [
        "column children.x", "index children.one", "trigger children.t",
    ]  # fmt: skip

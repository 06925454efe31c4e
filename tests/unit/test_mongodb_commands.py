"""Statements as MongoDB's commands: taken apart, filled with values, and what they are known to do."""

from __future__ import annotations

import datetime as dt
import struct
from decimal import Decimal
from typing import Any
from uuid import UUID

import pyarrow as pa
import pytest
from bson.binary import UUID_SUBTYPE, Binary
from bson.decimal128 import Decimal128
from bson.int64 import Int64
from bson.max_key import MaxKey
from bson.min_key import MinKey
from bson.objectid import ObjectId

from loadlab.engines.mongodb.checking import misfit
from loadlab.engines.mongodb.collections.types import OBJECT_ID
from loadlab.engines.mongodb.commands import Command, parse_command
from loadlab.engines.mongodb.content import Places, content_of
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.operations import insert_statement, operation_statement
from loadlab.engines.mongodb.results import result_paths, rows
from loadlab.engines.mongodb.shell import MongodbTuning, command_of
from loadlab.engines.mongodb.values import bson_value, bson_values, python_value
from loadlab.engines.plan_tree import NewIndex
from loadlab.errors import InputError
from loadlab.schema.model import Column, ForeignKey, Index, LogicalType, Schema, Table
from loadlab.schema.nesting import Documents
from loadlab.spec.native import command_text
from loadlab.spec.operations import Addition, Delete, Join, Lookup, Report, RowList, Search, Span, Update
from loadlab.spec.parameters import ColumnParameter, TimeParameter, ValueParameter
from loadlab.spec.statement import Statement

UUID_ = UUID("0190a1b2-c3d4-7e5f-8a9b-0c1d2e3f4a5b")
_INT, _LONG = LogicalType("integer", bits=32), LogicalType("integer", bits=64)
_TIME, _TEXT = LogicalType("timestamp", timezone=True), LogicalType("text")
USERS = Table(
    "users",
    (
        Column("id", LogicalType("uuid"), nullable=False),
        Column("email", _TEXT, nullable=False),
        Column("visits", _INT, nullable=False),
        Column("balance", LogicalType("numeric", precision=12, scale=2)),
        Column("seen_at", _TIME),
        Column("profile", LogicalType("json")),
    ),
    primary_key=("id",),
    indexes=(Index("users_email_key", ("email",), unique=True), Index("users_profile_idx", ("profile",), method="gin")),
)
ORDERS = Table(
    "orders",
    (
        Column("id", LogicalType("uuid"), nullable=False),
        Column("at", _TIME, nullable=False),
        Column("user_id", LogicalType("uuid"), nullable=False),
        Column("total", LogicalType("numeric", precision=12, scale=2), nullable=False),
    ),
    primary_key=("id", "at"),
    foreign_keys=(ForeignKey("orders_user", ("user_id",), "users", ("id",)),),
)
LINES = Table(
    "lines",
    (
        Column("id", _LONG, nullable=False),
        Column("order_id", LogicalType("uuid"), nullable=False),
        Column("order_at", _TIME, nullable=False),
    ),
    primary_key=("id",),
    foreign_keys=(ForeignKey("lines_order", ("order_id", "order_at"), "orders", ("id", "at")),),
)
SCHEMA = Schema((LINES, ORDERS, USERS), "postgresql", "")
LAYOUT = Layout(SCHEMA, Documents())


def command(document: dict[str, Any]) -> Command:
    return parse_command(Statement.parse(command_text(document)))


def text(form: Any) -> str:
    return str(operation_statement(form, LAYOUT))


# Commands -------------------------------------------------------------------------------------------------------------


def test_values_are_put_where_their_parameters_stand() -> None:
    found = command({"find": "users", "filter": {"_id": ":id", "visits": {"$gt": ":least"}}, "limit": 1})
    assert (found.verb, found.collection, found.names) == ("find", "users", ("id", "least"))
    assert found.filled({"id": 1, "least": 2})["filter"] == {"_id": 1, "visits": {"$gt": 2}}


@pytest.mark.parametrize(
    "word, value, meant",
    [
        ("$numberInt", Int64(3), 3),
        ("$numberLong", 3, Int64(3)),
        ("$numberDecimal", 3, Decimal128("3")),
        ("$numberDecimal", Decimal128("1.50"), Decimal128("1.50")),
        ("$numberDouble", Decimal128("1.5"), 1.5),
        ("$date", "2025-01-31T00:00:00Z", dt.datetime(2025, 1, 31, tzinfo=dt.UTC)),
        ("$uuid", str(UUID_), Binary(UUID_.bytes, UUID_SUBTYPE)),
        ("$json", '{"a": [1, {"b": null}]}', {"a": [1, {"b": None}]}),
    ],
)
def test_a_word_of_extended_json_around_a_parameter_is_its_type(word: str, value: Any, meant: Any) -> None:
    found = command({"find": "t", "filter": {"x": {word: ":x"}}}).filled({"x": value})["filter"]["x"]
    assert found == meant
    assert type(found) is type(meant)


def test_extended_json_of_constants_is_read_and_operators_are_not() -> None:
    found = command(
        {"find": "t", "filter": {"a": {"$gte": {"$minKey": 1}, "$lte": {"$maxKey": 1}}, "b": {"$regex": "^x"}}}
    )
    assert found.filled({})["filter"] == {"a": {"$gte": MinKey(), "$lte": MaxKey()}, "b": {"$regex": "^x"}}


def test_null_is_a_field_that_is_not_there() -> None:
    inserted = command({"insert": "t", "documents": [{"_id": {"a": ":a"}, "b": ":b", "c": None}]})
    assert inserted.filled({"a": 1, "b": None})["documents"] == [{"_id": {"a": 1}, "c": None}]
    updated = command(
        {"update": "t", "updates": [{"q": {"_id": ":a"}, "u": {"$set": {"b": ":b", "c": ":c"}, "$inc": {"n": 1}}}]}
    )
    (change,) = updated.filled({"a": 1, "b": None, "c": 2})["updates"]
    assert change["u"] == {"$set": {"c": 2}, "$unset": {"b": ""}, "$inc": {"n": 1}}
    (change,) = updated.filled({"a": 1, "b": None, "c": None})["updates"]
    assert "$set" not in change["u"]


def test_what_a_document_contains_is_asked_path_by_path() -> None:
    found = command({"find": "t", "filter": {"doc": {"$contains": ":wanted"}, "x": 1}})
    filled = found.filled({"wanted": '{"color": "red", "size": {"w": 3}, "tags": ["a", "b"], "more": {}}'})
    assert filled["filter"] == {
        "doc.color": "red",
        "doc.size.w": 3,
        "doc.tags": {"$all": ["a", "b"]},
        "doc.more": {"$exists": True},
        "x": 1,
    }


@pytest.mark.parametrize(
    "words, message",
    [
        ("SELECT 1", "SELECT is no word of a database of documents"),
        ('{"find": "t", "filter": {', "is not JSON"),
        ('{"drop": "t"}', "begins with drop; known commands are find"),
        ('{"find": 1}', 'must name a collection: {"find": "COLLECTION"}'),
        ('{"find": "t", "filter": {"a": {"$date": "soon"}}}', r"holds a \$date that is none"),
        ('{"find": "t", "filter": {"a": {"$contains": 1}}}', r"has \$contains without a parameter"),
    ],
)
def test_what_is_no_command_is_refused(words: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_command(Statement.parse(words))


# Values ---------------------------------------------------------------------------------------------------------------


def test_columns_are_of_the_types_that_documents_hold() -> None:
    moment = dt.datetime(2025, 1, 31, 12, 30, 15, 123_456, tzinfo=dt.UTC)
    assert bson_values(pa.array([moment], pa.timestamp("us", "UTC"))) == [moment.replace(microsecond=123_000)]
    assert [type(item) for item in bson_values(pa.array([1, None], pa.int64()))] == [Int64, type(None)]
    assert [type(item) for item in bson_values(pa.array([1], pa.int32()))] == [int]
    assert bson_values(pa.array([Decimal("1.50")], pa.decimal128(10, 2))) == [Decimal128("1.50")]
    assert bson_values(pa.array([UUID_.bytes], pa.binary(16))) == [Binary(UUID_.bytes, UUID_SUBTYPE)]


@pytest.mark.parametrize("value", [UUID_, Decimal("1.5"), 3, "x", b"y", None, {"a": [1, UUID_]}, True])
def test_values_come_back_as_they_were(value: Any) -> None:
    assert python_value(bson_value(value)) == value


# Results --------------------------------------------------------------------------------------------------------------


def test_rows_have_the_order_of_the_projection_whatever_that_of_the_document() -> None:
    found = result_paths(command({"find": "t", "projection": {"b": 1, "a.c": 1, "_id": 0}}))
    assert found == ("b", "a.c")
    assert rows([{"a": {"c": 2}, "b": 1}, {"b": 3}], found) == [(1, 2), (3, None)]
    assert result_paths(command({"find": "t", "projection": {"b": 1}})) == ("_id", "b")
    assert result_paths(command({"find": "t", "projection": {"b": 0}})) is None
    pipeline = [{"$group": {"_id": "$a", "n": {"$sum": 1}}}, {"$sort": {"n": 1}}]
    assert result_paths(command({"aggregate": "t", "pipeline": pipeline})) == ("_id", "n")


# Neutral forms --------------------------------------------------------------------------------------------------------


def test_a_key_of_several_columns_is_one_document() -> None:
    assert '"filter": {"_id": {"id": {"$uuid": :id}, "at": {"$date": :at}}}' in text(
        Lookup(table="orders", by=["id", "at"])
    )


def test_what_a_key_begins_with_is_a_range_of_it() -> None:
    found = text(RowList(table="orders", by=["id"], sort=["-total"], limit=5))
    assert '{"_id": {"$gte": {"id": {"$uuid": :id}, "at": {"$minKey": 1}}' in found
    assert '"sort": {"total": -1}, "limit": 5' in found


def test_a_page_behind_a_known_row_compares_key_after_key() -> None:
    found = text(RowList(table="users", sort=["seen_at", "-id"], after=True, columns=["email"]))
    first = '{"seen_at": {"$gt": {"$date": :after_seen_at}}}'
    second = '{"seen_at": {"$date": :after_seen_at}, "_id": {"$lt": {"$uuid": :after_id}}}'
    assert f'"filter": {{"$or": [{first}, {second}]}}, "projection": {{"email": 1, "_id": 0}}' in found


def test_conditions_on_a_report() -> None:
    span = Span.model_validate({"from": {"ago": "7d"}})
    found = text(Report(table="orders", where={"at": span}, group=["user_id"], sum=["total"]))
    assert '{"$match": {"_id.at": {"$gte": {"$date": :from_at}}}}' in found
    assert (
        '{"$group": {"_id": {"user_id": "$user_id"}, "count": {"$sum": 1}, "sum_total": {"$sum": "$total"}}}' in found
    )


def test_a_join_to_a_key_of_several_columns_looks_up_one_document() -> None:
    found = text(Join(table="lines", by=["id"], along=["order_id,order_at"], columns=["id", "orders.total"]))
    assert '{"$set": {"t1_key": {"id": "$order_id", "at": "$order_at"}}}' in found
    assert '"localField": "t1_key", "foreignField": "_id", "as": "t1"' in found


def test_a_join_to_children_by_several_columns_compares_the_others() -> None:
    found = text(Join(table="orders", by=["id", "at"], along=["lines.order_id,order_at"]))
    assert '"localField": "_id.id", "foreignField": "order_id", "let": {"k1": "$_id.at"}' in found
    assert '{"$match": {"$expr": {"$eq": ["$order_at", "$$k1"]}}}' in found
    assert '"preserveNullAndEmptyArrays": true' in found


def test_writes_have_the_types_of_their_columns() -> None:
    changes: dict[str, Any] = {
        "visits": Addition(add=1),
        "seen_at": TimeParameter(ago=0),
        "balance": ValueParameter(value=1),
    }
    found = text(Update(table="users", by=["id"], set=changes))
    assert '"$inc": {"visits": 1}' in found
    assert '"$set": {"seen_at": {"$date": :set_seen_at}, "balance": {"$numberDecimal": :set_balance}}' in found
    assert text(Delete(table="users", by=["id"])) == (
        '{"delete": "users", "deletes": [{"q": {"_id": {"$uuid": :id}}, "limit": 1}]}'
    )
    assert '"profile": {"$json": :profile}' in str(insert_statement(USERS, LAYOUT))
    assert '{"_id": {"id": :id, "at": :at}' in str(insert_statement(ORDERS, LAYOUT))


def test_rows_that_are_inserted_have_the_types_of_rows_that_are_loaded():
    kinds = {"id": OBJECT_ID, "place": LogicalType("geometry", form="point")}
    table = Table("places", tuple(Column(name, kind) for name, kind in kinds.items()), primary_key=("id",))
    command = parse_command(insert_statement(table, Layout(Schema((table,), "mongodb"), Documents())))
    # https://postgis.net/docs/ST_AsEWKB.html: little-endian, a point, an SRID of 4326.
    point = bytes.fromhex("0101000020e6100000") + struct.pack("<2d", 7.5, 46.25)
    assert command.filled({"id": bytes(12), "place": point})["documents"] == [
        {"_id": ObjectId("0" * 24), "place": {"type": "Point", "coordinates": [7.5, 46.25]}}
    ]


def test_a_key_stays_as_it_is() -> None:
    with pytest.raises(InputError, match=r"update\.set=id names a column of the key"):
        text(Update(table="users", by=["email"], set={"id": ColumnParameter(column="users.id")}))


def test_a_search_needs_an_index_for_it() -> None:
    assert '{"profile": {"$contains": :searched}}' in text(Search(table="users", contains="profile"))
    with pytest.raises(InputError, match="without an index for such a search"):
        text(Search(table="users", text="email"))


# Content --------------------------------------------------------------------------------------------------------------


def test_a_read_by_a_key_tells_its_cells() -> None:
    found = content_of(
        command(
            {
                "find": "orders",
                "filter": {"_id": {"id": ":i", "at": ":a"}},
                "projection": {"total": 1, "x": 1, "_id": 0},
            }
        ),
        SCHEMA,
    )
    assert found.read == ("orders", {"id": "i", "at": "a"}, ("total", None))
    assert (
        content_of(command({"find": "orders", "filter": {"user_id": ":u"}, "projection": {"total": 1}}), SCHEMA).read
        is None
    )
    assert (
        content_of(
            command({"find": "users", "filter": {"_id": ":i", "visits": 3}, "projection": {"email": 1}}), SCHEMA
        ).read
        is None
    )


def test_what_a_command_writes() -> None:
    inserted = content_of(parse_command(insert_statement(ORDERS, LAYOUT)), SCHEMA)
    assert inserted.inserted == ("orders", {"id": "id", "at": "at", "user_id": "user_id", "total": "total"})
    changed = content_of(
        command({"update": "users", "updates": [{"q": {}, "u": {"$set": {"profile.a": 1}, "$inc": {"visits": 1}}}]}),
        SCHEMA,
    )
    assert changed.changes == {"users": frozenset({"profile", "visits"})}
    whole = content_of(command({"findAndModify": "users", "query": {}, "update": [{"$set": {"visits": 1}}]}), SCHEMA)
    assert whole.changes == {"users": frozenset(USERS.column_names)}
    assert content_of(command({"delete": "users", "deletes": [{"q": {}, "limit": 0}]}), SCHEMA).deleted == frozenset(
        {"users"}
    )


def test_a_pipeline_touches_what_it_looks_up() -> None:
    stages = [{"$lookup": {"from": "users", "localField": "user_id", "foreignField": "_id", "as": "u"}}]
    assert content_of(command({"aggregate": "orders", "pipeline": stages}), SCHEMA).touched == {"orders", "users"}


@pytest.mark.parametrize(
    "document, message",
    [
        ({"find": "user"}, "names the collection user, which is not there; did you mean users?"),
        (
            {"find": "users", "filter": {"emial": 1}},
            "names the field emial, which documents of users do not have; did you mean email?",
        ),
        ({"find": "users", "sort": {"seen": 1}}, "names the field seen"),
        ({"insert": "users", "documents": [{"nick": 1}]}, "names the field nick"),
        ({"update": "users", "updates": [{"q": {}, "u": {"$set": {"visit": 1}}}]}, "names the field visit"),
        ({"find": "users", "filter": {"$or": [{"profile.a.b": 1}, {"_id": 1}]}}, ""),
        ({"find": "orders", "filter": {"_id.at": 1}}, ""),
        ({"find": "orders", "filter": {"_id.when": 1}}, "names the field _id.when"),
    ],
)
def test_a_name_that_is_not_there_would_only_find_nothing(document: dict[str, Any], message: str) -> None:
    found = misfit(command(document), Places(SCHEMA))
    assert found.startswith(message) if message else not found


# Remedies -------------------------------------------------------------------------------------------------------------


def test_the_words_of_the_shell_are_carried_out() -> None:
    tuning = MongodbTuning()
    words = tuning.create_index(ORDERS, NewIndex("orders", ("user_id", "at"), frozenset({1})))
    name = "orders_user_id_at_idx"
    assert words == f'db.getCollection("orders").createIndex({{"user_id": 1, "_id.at": -1}}, {{"name": "{name}"}})'
    assert command_of(words) == {
        "createIndexes": "orders", "indexes": [{"key": {"user_id": 1, "_id.at": -1}, "name": name}],
    }  # fmt: skip
    assert command_of(tuning.drop_index(ORDERS, name)) == {"dropIndexes": "orders", "index": name}
    with pytest.raises(InputError):
        command_of("db.dropDatabase()")

"""Collections as tables: what a validator, the indexes and a sample of documents say."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from bson import Binary, Decimal128, Int64, ObjectId

from loadlab.engines.mongodb.existing.reading import Collection, table_of
from loadlab.engines.mongodb.existing.references import references
from loadlab.schema.checks import read_check
from loadlab.schema.model import Table


def table(*documents: dict[str, Any], indexes: tuple[dict[str, Any], ...] = (), **validator: Any) -> Table:
    sample = [{"_id": ObjectId(), **document} for document in documents]
    return table_of(Collection("things", validator, indexes, sample))[0]


@pytest.mark.parametrize(
    ("values", "kind", "native"),
    [
        ([1, 2], "integer", "int"),
        ([1, Int64(2)], "integer", "long"),
        ([1, Int64(2), 0.5], "float", "double"),
        ([1, Decimal128("2.50")], "numeric", "decimal"),
        ([True], "boolean", "bool"),
        (["a"], "text", "string"),
        ([ObjectId()], "bytes", "objectId"),
        ([Binary.from_uuid(uuid.UUID(int=1))], "uuid", "uuid"),
        ([b"x"], "bytes", "binData"),
        ([dt.datetime(2025, 1, 1)], "timestamp", "date"),
        ([["a"], []], "array", "array"),
        ([{"a": 1}], "composite", "object"),
        ([{f"key_{k}": k} for k in range(40)][:40], "json", "object"),
        ([[]], "json", "array"),
        ([1, "a"], "json", "object"),
    ],
)
def test_a_type_holds_everything_that_was_seen(values: list[Any], kind: str, native: str):
    found = table(*({"x": value} for value in values)).column("x")
    assert (found.type.kind, found.type.native, found.nullable) == (kind, native, False)


def test_what_is_sometimes_there_may_be_null():
    found = table({"x": 1, "y": 1}, {"x": None}, {"x": 2, "y": 3})
    assert [column.nullable for column in found.columns] == [False, True, True]


def test_parts_of_documents_and_arrays_have_types_of_their_own():
    found = table(
        {"lines": [{"sku": "a", "price": Decimal128("12.345"), "note": "n"}, {"sku": "b", "price": 1}]}, {"lines": []}
    )
    column = found.column("lines")
    assert column.comment == "Arrays of 0 to 2 elements, 1.0 on average."
    assert column.type.element is not None
    fields = dict(column.type.element.fields)
    assert {name: kind.not_null for name, kind in fields.items()} == {"sku": True, "price": True, "note": False}
    assert (fields["price"].kind, fields["price"].scale) == ("numeric", 3)


def test_a_key_that_is_a_document_is_a_composite_key():
    sample = [{"_id": {"day": k, "page": "p"}, "hits": 1} for k in range(3)]
    found, _ = table_of(Collection("visits", {}, (), sample))
    assert found.primary_key == ("day", "page")
    assert found.column_names == ("day", "page", "hits")
    clash, _ = table_of(Collection("visits", {}, (), [{"_id": {"day": 1}, "day": 2}]))
    assert clash.primary_key == ("_id",)


def test_a_validator_speaks_where_there_are_no_documents():
    rules = {
        "required": ["status", "size"],
        "properties": {
            "status": {"enum": ["open", "it's done"]},
            "size": {"bsonType": ["int", "null"], "minimum": 1, "maximum": 9, "exclusiveMaximum": True},
            "code": {"bsonType": "string", "minLength": 2, "maxLength": 8, "pattern": "^[A-Z]+$"},
            "total": {"bsonType": "decimal"},
            "where": {"bsonType": "object", "required": ["city"], "properties": {"city": {"bsonType": "string"}}},
            "tags": {"bsonType": "array", "items": {"bsonType": "string"}},
        },
    }
    found = table(**{"$jsonSchema": rules})
    kinds = {column.name: column.type.kind for column in found.columns}
    assert kinds == {
        "_id": "bytes", "status": "text", "size": "integer", "code": "text", "total": "numeric", "where": "composite",
        "tags": "array",
    }  # fmt: skip
    assert [column.name for column in found.columns if not column.nullable] == ["_id", "status"]
    assert found.column("code").type.length == 8
    assert found.column("where").type.fields[0][1].not_null
    readings = [read_check(check.expression, "mongodb") for check in found.checks]
    assert len(readings) == 6
    assert not any(reading.not_understood for reading in readings)
    assert "\"status\" IN ('open', 'it''s done')" in [check.expression for check in found.checks]
    assert '"size" < 9' in [check.expression for check in found.checks]


def test_what_is_not_understood_is_said():
    rules = {"$jsonSchema": {}, "$expr": {"$gt": ["$a", "$b"]}}
    _, notes = table_of(Collection("things", rules, (), []))
    assert len(notes) == 2
    assert "only $jsonSchema" in notes[0]
    assert "neither documents nor a validator" in notes[1]
    _, notes = table_of(Collection("things", {}, (), [{"x": 1}, {"x": "a"}]))
    assert notes == ("things.x holds values of several types (int, string): taken as JSON",)


def test_indexes_keep_their_kind_and_their_words():
    described = (
        {"name": "_id_", "key": {"_id": 1}},
        {"name": "a", "key": {"x": 1, "y": -1}, "unique": True},
        {"name": "b", "key": {"lines.sku": 1}, "sparse": True, "unique": True},
        {"name": "c", "key": {"_fts": "text", "_ftsx": 1}, "weights": {"x": 1}},
        {"name": "d", "key": {"y": "2dsphere"}},
        {"name": "e", "key": {"$**": 1}},
        {"name": "f", "key": {"x": "hashed"}, "partialFilterExpression": {"y": {"$gt": 1}}},
    )
    found = table({"x": 1, "y": 2}, indexes=described).indexes
    assert [(index.keys, index.method, index.expressions) for index in found] == [
        (("x", "y"), "btree", (False, False)),
        (("lines.sku",), "btree", (True,)),
        (("x",), "text", (False,)),
        (("y",), "2dsphere", (False,)),
        (("$**",), "wildcard", (True,)),
        (("x",), "hashed", (False,)),
    ]
    assert [index.nulls_distinct for index in found[:2]] == [False, True]
    assert found[-1].predicate == '{"y": {"$gt": 1}}'


def test_a_reference_is_a_name_a_type_and_values_that_are_there():
    users = table_of(Collection("users", {}, (), [{"_id": ObjectId()}]))[0]
    companies = table_of(Collection("companies", {}, (), [{"_id": 1}]))[0]
    others = {"users": users, "companies": companies}
    mine = table({"user_id": ObjectId(), "ownerUserId": ObjectId(), "companyId": 7, "company_id": "x", "other_id": 1})
    asked: list[tuple[str, int]] = []

    def knows(name: str, values: Any) -> bool:
        asked.append((name, len(values)))
        return name == "users"

    values = {"user_id": [1, 2], "companyId": [7]}
    found = [(key.columns[0], key.target) for key in references(mine, others, values, knows)]
    assert found == [("user_id", "users"), ("ownerUserId", "users")]
    assert asked == [("users", 2), ("companies", 1)]

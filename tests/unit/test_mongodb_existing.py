"""Collections as tables: what a sample of documents says beside the validator."""

from __future__ import annotations

import datetime as dt
import uuid
from typing import Any

import pytest
from bson import Binary, DatetimeMS, Decimal128, Int64, ObjectId

from loadlab.engines.mongodb.existing.reading import with_sample
from loadlab.engines.mongodb.existing.references import references
from loadlab.schema.model import Column, LogicalType, Table


def table(*documents: dict[str, Any], said: tuple[Column, ...] = ()) -> Table:
    sample = [{"_id": ObjectId(), **document} for document in documents]
    return with_sample(Table("things", said), sample)[0]


@pytest.mark.parametrize(
    "values, kind, native",
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
        ([{"type": "Point", "coordinates": [1.5, 2]}], "geometry", "object"),
        ([{"type": "LineString", "coordinates": [[1, 2], [3, 4]]}], "composite", "object"),
        ([{f"key_{k}": k} for k in range(40)][:40], "json", "object"),
        ([[]], "json", "array"),
        ([1, "a"], "json", "object"),
        # A moment beyond the year 9999.
        ([dt.datetime(2025, 1, 1), DatetimeMS(2**50)], "timestamp", "date"),
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
    found, _ = with_sample(Table("visits", ()), sample)
    assert found.primary_key == ("day", "page")
    assert found.column_names == ("day", "page", "hits")
    clash, _ = with_sample(Table("visits", ()), [{"_id": {"day": 1}, "day": 2}])
    assert clash.primary_key == ("_id",)


def test_what_the_validator_says_goes_before_what_was_seen():
    said = (Column("x", LogicalType("text", "string", length=9)), Column("y", LogicalType("json")))
    found = table({"x": "a", "y": {"a": 1}, "z": True}, said=said)
    assert [(column.name, column.type.kind) for column in found.columns] == [
        ("_id", "bytes"), ("x", "text"), ("y", "composite"), ("z", "boolean"),
    ]  # fmt: skip
    assert found.column("x").type.length == 9


def test_what_is_not_known_is_said():
    _, notes = with_sample(Table("things", ()), [])
    assert notes == ("things has neither documents nor a validator",)
    _, notes = with_sample(Table("things", ()), [{"_id": 1, "x": 1}, {"_id": 2, "x": "a"}])
    assert notes == ("things.x holds values of several types (int, string): taken as JSON",)


def test_a_reference_is_a_name_a_type_and_values_that_are_there():
    users = with_sample(Table("users", ()), [{"_id": ObjectId()}])[0]
    companies = with_sample(Table("companies", ()), [{"_id": 1}])[0]
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

"""Collections that are there as commands that make them anew."""

from __future__ import annotations

import datetime as dt
from typing import Any
from uuid import UUID

import pytest

from loadlab.engines.mongodb.collections.script import read_script
from loadlab.engines.mongodb.collections.validator import table_of
from loadlab.engines.mongodb.existing.reading import with_sample
from loadlab.engines.mongodb.existing.relaxing import relaxed
from loadlab.engines.mongodb.existing.writing import as_text, completed_options, fillable
from loadlab.schema.model import Schema, Table

SAID: dict[str, Any] = {
    "$jsonSchema": {"required": ["owner"], "properties": {"owner": {"bsonType": "int", "minimum": 1}}}
}


def completed(validator: dict[str, Any], *documents: dict[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Options of `create` and notes, of a collection with these documents; `_id` is their number."""
    sample = [{"_id": number, **document} for number, document in enumerate(documents)]
    table, _ = with_sample(table_of("things", validator), sample)
    notes: list[str] = []
    options = {"validator": validator} if validator else {}
    return completed_options(table, Schema((table,), "mongodb"), options, notes), notes


def test_without_a_validator_one_describes_and_checks_nothing():
    options, _ = completed({}, {"a": "x"}, {})
    assert options == {
        "validator": {
            "$jsonSchema": {
                "bsonType": "object",
                "required": ["_id"],
                "properties": {"_id": {"bsonType": "int"}, "a": {"bsonType": "string"}},
            }
        },
        "validationLevel": "off",
    }


def test_what_a_validator_says_stays_as_it_is():
    options, _ = completed(SAID, {"owner": 1, "tags": ["x", "y"]})
    assert "validationLevel" not in options
    schema = options["validator"]["$jsonSchema"]
    assert schema["properties"]["owner"] == {"bsonType": "int", "minimum": 1}
    assert schema["required"] == ["owner", "_id", "tags"]
    assert schema["properties"]["tags"]["description"] == "Arrays of 2 to 2 elements, 2.0 on average."


def test_a_whole_validator_is_kept_word_by_word():
    whole = {"$jsonSchema": {"required": ["_id"], "properties": {"_id": {"bsonType": "int"}}}}
    clause = {"$expr": {"$gt": ["$_id", 0]}, "$comment": "positive"}
    options, notes = completed({"$and": [whole, clause]}, {})
    assert (options["validator"], notes) == ({"$and": [whole, clause]}, [])


@pytest.mark.parametrize(
    "clause, said",
    [
        ({"items.quantity": {"$gt": 0}}, "on items.quantity"),
        ({"$expr": {"$gt": ["$items.quantity", 0]}, "$comment": "some"}, "some"),
        ({"$expr": {"$allElementsTrue": {"$map": {"input": "$items", "as": "i", "in": "$$i.quantity"}}}}, "on $i.qua"),
    ],
)
def test_a_condition_on_values_within_others_is_left_out_and_named(clause: dict[str, Any], said: str):
    options, notes = completed({"$and": [SAID, clause]}, {"owner": 1, "items": [{"quantity": 3}]})
    assert "$and" not in options["validator"]
    (note,) = notes
    assert note.startswith(f"validator of things: the condition {said}")


def test_what_rows_are_made_without_is_left_out_and_named():
    notes: list[str] = []
    said = {
        "bsonType": "object",
        "required": ["_id"],
        "additionalProperties": False,
        "minProperties": 2,
        "properties": {
            "_id": {"bsonType": "object", "properties": {"part": {"bsonType": "int", "minimum": 1}}},
            "name": {"bsonType": "string", "minLength": 3, "pattern": "^a"},
            "price": {"bsonType": "double", "minimum": 0, "multipleOf": 5},
            "place": {
                "bsonType": "object",
                "properties": {"type": {"enum": ["Point"]}, "coordinates": {"bsonType": "array", "minItems": 2}},
                "description": "geometry point",
            },
            "lines": {
                "bsonType": "array",
                "minItems": 1,
                "items": {"properties": {"unit": {"enum": ["cm"]}, "quantity": {"bsonType": "int", "maximum": 9}}},
            },
        },
    }
    found = relaxed(said, notes, "things")
    assert notes == [
        "validator of things: minProperties left out, rows are made without",
        "validator of things.price: multipleOf left out, rows are made without",
        "validator of things.lines: minItems left out, rows are made without",
        "validator of things.lines[].quantity: maximum left out, rows are made without",
    ]
    kept = found["properties"]
    assert [kept[name] for name in ("_id", "name", "place")] == [
        said["properties"][n] for n in ("_id", "name", "place")
    ]
    assert kept["lines"]["items"] == {"properties": {"unit": {"enum": ["cm"]}, "quantity": {"bsonType": "int"}}}
    assert (found["additionalProperties"], "minProperties" in found) == (False, False)
    assert relaxed(found, notes, "things") == found


def test_made_values_within_documents_are_not_unique():
    table = Table("things", ())
    notes: list[str] = []
    spec = {"key": {"profile.nick": 1}, "name": "nick", "unique": True, "sparse": True}
    assert fillable(spec, table, notes) == {"key": {"profile.nick": 1}, "name": "nick", "sparse": True}
    assert notes == ["index things.nick: written as one that is not unique: values of profile.nick repeat"]


def test_what_is_written_is_read_as_the_same_values():
    command = {"create": "things", "validator": {"owner": UUID(int=7), "at": dt.datetime(2024, 1, 1, tzinfo=dt.UTC)}}
    assert [found.body for found in read_script(f"[{as_text(command)}]")] == [command]

"""Indexes, CHECKs and commands of rows that stand in others, as their collection has them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from loadlab.engines.mongodb.collections.translate import translate
from loadlab.engines.mongodb.commands import parse_command
from loadlab.engines.mongodb.embedded import within
from loadlab.engines.mongodb.layout import Layout
from loadlab.engines.mongodb.pushed import pushed_row
from loadlab.errors import InputError
from loadlab.schema.model import Check, Index, Schema, Table
from loadlab.schema.nesting import Documents, Placement
from loadlab.spec.native import command_text
from loadlab.spec.statement import Statement
from tests import schemas

LINES = Placement("lines", "embed", "", "carts", "cart_id", "lines", ("id", "sku", "code", "price", "extra"))
NOTES = Placement("notes", "embed", "", "lines", "line_id", "notes", ("id", "text"))
LABEL = Placement("labels", "embed", "", "carts", "cart_id", "labels", ("text",), many=False)


def index(name: str, *keys: str, unique: bool = False, predicate: str | None = None) -> Index:
    return Index(name, keys, unique=unique, predicate=predicate, expressions=(False,) * len(keys))


def shop(*indexes: Index) -> Schema:
    key = schemas.col("id", schemas.BIGINT)
    carts = Table("carts", (key, schemas.col("user_id", schemas.BIGINT)), primary_key=("id",))
    lines = Table(
        "lines",
        (
            key,
            schemas.col("cart_id", schemas.BIGINT),
            schemas.col("sku", schemas.TEXT),
            schemas.col("code", schemas.TEXT, null=True),
            schemas.col("price", schemas.MONEY),
            schemas.col("extra", schemas.JSON),
        ),
        primary_key=("id",),
        foreign_keys=(schemas.fk("cart_id", "carts", "id", "CASCADE"),),
        indexes=indexes,
        checks=(Check("lines_price", "price > (0)::numeric"), Check("lines_cart", "id <> cart_id")),
    )
    notes = Table(
        "notes",
        (key, schemas.col("line_id", schemas.BIGINT), schemas.col("text", schemas.TEXT)),
        primary_key=("id",),
        foreign_keys=(schemas.fk("line_id", "lines", "id", "CASCADE"),),
        checks=(Check("notes_text", "text <> ''::text"),),
    )
    labels = Table(
        "labels",
        (schemas.col("cart_id", schemas.BIGINT), schemas.col("text", schemas.TEXT)),
        primary_key=("cart_id",),
        foreign_keys=(schemas.fk("cart_id", "carts", "id", "CASCADE"),),
        checks=(Check("labels_text", "text <> ''::text"),),
    )
    return Schema((carts, labels, lines, notes), schemas.DIALECT)


def specs(*indexes: Index) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The indexes of `lines` by their names, and what was said of them."""
    found = translate(shop(*indexes), Documents((LINES,)))
    return {spec["name"]: spec for name, spec in found.indexes if name == "carts"}, found.notes


def test_an_index_has_the_paths_of_its_collection():
    found, notes = specs(index("by_sku", "sku", "cart_id"), index("cheap", "price", predicate="(sku = 'a'::text)"))
    assert found["by_sku"]["key"] == {"lines.sku": 1, "_id": 1}
    assert found["cheap"]["partialFilterExpression"] == {"lines.sku": "a"}
    assert notes == ()


def test_what_the_host_s_key_serves_needs_no_index():
    found, notes = specs(index("by_cart", "cart_id"))
    assert set(found) == {"lines_pkey"}
    assert notes == ()
    alone = translate(shop(), Documents((LABEL,)))
    assert not any(name == "carts" for name, _ in alone.indexes)


def test_unique_between_documents_is_what_a_list_can_have():
    found, notes = specs(
        index("one_sku", "sku", unique=True),
        index("one_code", "code", unique=True),
        index("sku_in_cart", "cart_id", "sku", unique=True),
    )
    # Carts without lines would all have the key null.
    assert found["lines_pkey"]["partialFilterExpression"] == {"lines.id": {"$exists": True}}
    assert found["one_sku"]["unique"]
    assert "unique" not in found["one_code"]
    assert "partialFilterExpression" not in found["one_code"]
    assert "sku_in_cart" not in found
    assert notes == (
        "index lines.one_sku: unique between documents, not within one",
        "index lines.one_code: not unique, its condition would be of whole documents",
        "index lines.sku_in_cart: left out, it would be unique within one document",
    )


def test_checks_are_of_every_row():
    found = dict(translate(shop(), Documents((LABEL, LINES, NOTES))).collections)
    assert set(found) == {"carts"}
    clauses = {
        clause["$comment"]: clause["$expr"] for clause in found["carts"]["validator"]["$and"] if "$expr" in clause
    }
    each = {"input": {"$ifNull": ["$lines", []]}, "as": "row1"}
    assert clauses["lines_price"] == {"$allElementsTrue": [{"$map": {**each, "in": {"$gt": ["$$row1.price", 0]}}}]}
    assert clauses["lines_cart"] == {"$allElementsTrue": [{"$map": {**each, "in": {"$ne": ["$$row1.id", "$_id"]}}}]}
    text = {"$ne": ["$$row2.text", {"$literal": ""}]}
    inner = {"$allElementsTrue": [{"$map": {"input": {"$ifNull": ["$$row1.notes", []]}, "as": "row2", "in": text}}]}
    assert clauses["notes_text"] == {"$allElementsTrue": [{"$map": {**each, "in": inner}}]}
    assert clauses["labels_text"] == {"$or": [{"$lte": ["$labels", None]}, {"$ne": ["$labels.text", {"$literal": ""}]}]}


def test_types_and_not_null_are_of_every_row():
    found = dict(translate(shop(), Documents((LINES, NOTES))).collections)["carts"]["validator"]["$and"][0]
    items = found["$jsonSchema"]["properties"]["lines"]["items"]
    assert items["required"] == ["id", "sku", "price", "extra"]
    assert items["properties"]["price"] == {"bsonType": "decimal", "description": "numeric(10, 2)"}
    assert items["properties"]["notes"]["items"]["required"] == ["id", "text"]
    assert "lines" not in found["$jsonSchema"]["required"]


# -- commands --------------------------------------------------------------------------------------------------------

LAYOUT = Layout(shop(), Documents((LABEL, LINES, NOTES)))


def test_a_table_of_its_own_is_asked_as_ever():
    command = {"find": "carts", "filter": {"_id": ":id"}}
    assert within(command, LAYOUT, "carts") == command


def test_conditions_are_asked_of_documents_first_where_that_is_safe():
    asked = {"sku": ":sku", "cart_id": {"$gte": ":low"}, "code": {"$ne": ":code"}, "price": {"$exists": False}}
    found = within({"find": "lines", "filter": asked, "sort": {"price": 1}, "limit": 3}, LAYOUT, "lines")
    match, unwind, row, again, sort, limit = found["pipeline"]
    # An element that is not ':code' does not mean that its document has none.
    assert match == {"$match": {"lines.sku": ":sku", "_id": {"$gte": ":low"}}}
    assert unwind == {"$unwind": "$lines"}
    assert row["$replaceWith"]["_id"] == "$lines.id"
    assert row["$replaceWith"]["cart_id"] == "$_id"
    assert row["$replaceWith"]["notes"] == "$lines.notes"
    assert again == {"$match": asked}
    assert (sort, limit) == ({"$sort": {"price": 1}}, {"$limit": 3})
    either = {"$or": [{"sku": ":a"}, {"code": {"$ne": ":b"}}]}
    assert "$unwind" in within({"find": "lines", "filter": either}, LAYOUT, "lines")["pipeline"][0]


def test_lists_within_lists_are_unwound_and_not_changed():
    found = within({"aggregate": "notes", "pipeline": [{"$count": "n"}], "cursor": {}}, LAYOUT, "notes")
    assert found["pipeline"][:2] == [{"$unwind": "$lines"}, {"$unwind": "$lines.notes"}]
    assert found["pipeline"][2]["$replaceWith"] == {
        "_id": "$lines.notes.id",
        "line_id": "$lines.id",
        "text": "$lines.notes.text",
    }
    for command in (
        {"update": "notes", "updates": [{"q": {"_id": ":id"}, "u": {"$set": {"text": ":text"}}}]},
        {"insert": "notes", "documents": [{"_id": ":id", "line_id": ":line", "text": ":text"}]},
        {"findAndModify": "notes", "query": {}, "remove": True},
    ):
        with pytest.raises(InputError, match="has to be written by hand"):
            within(command, LAYOUT, "notes")


def test_writes_change_the_list():
    insert = within(
        {"insert": "lines", "documents": [{"_id": ":id", "cart_id": ":cart", "sku": ":s"}]}, LAYOUT, "lines"
    )
    assert insert["updates"] == [{"q": {"_id": ":cart"}, "u": {"$push": {"lines": {"id": ":id", "sku": ":s"}}}}]
    update = within(
        {"update": "lines", "updates": [{"q": {"_id": ":id"}, "u": {"$inc": {"price": 1}}}]}, LAYOUT, "lines"
    )
    assert update["updates"] == [
        {"q": {"lines.id": ":id"}, "u": {"$inc": {"lines.$[row].price": 1}}, "arrayFilters": [{"row.id": ":id"}]}
    ]
    delete = within({"delete": "lines", "deletes": [{"q": {"_id": ":id"}, "limit": 1}]}, LAYOUT, "lines")
    assert delete["updates"] == [{"q": {"lines.id": ":id"}, "u": {"$pull": {"lines": {"id": ":id"}}}}]
    label = within({"delete": "labels", "deletes": [{"q": {"_id": ":id"}, "limit": 1}]}, LAYOUT, "labels")
    assert label["updates"] == [{"q": {"labels": {"$exists": True}, "_id": ":id"}, "u": {"$unset": {"labels": ""}}}]
    single = within({"insert": "labels", "documents": [{"_id": ":cart_id", "text": ":text"}]}, LAYOUT, "labels")
    assert single["updates"] == [{"q": {"_id": ":cart_id"}, "u": {"$set": {"labels": {"text": ":text"}}}}]


def test_an_insert_is_recognised_by_what_it_pushes():
    insert = within(
        {"insert": "lines", "documents": [{"_id": ":id", "cart_id": ":cart", "sku": ":s"}]}, LAYOUT, "lines"
    )
    command = parse_command(Statement.parse(command_text(insert)))
    assert pushed_row(command, LAYOUT) == ("lines", {"id": "id", "cart_id": "cart", "sku": "s"})
    for other in ({"$set": {"user_id": ":s"}}, {"$push": {"tags": {"id": ":s"}}}, {"$push": {"lines": ":s"}}):
        update = {"update": "carts", "updates": [{"q": {"_id": ":id"}, "u": other}]}
        assert pushed_row(parse_command(Statement.parse(command_text(update))), LAYOUT) is None


def test_paths_lead_through_hosts():
    assert LAYOUT.path("notes", "text") == "lines.notes.text"
    assert LAYOUT.path("notes", "line_id") == "lines.id"
    assert LAYOUT.path("lines", "cart_id") == "_id"
    assert LAYOUT.arrays("notes") == ("lines", "lines.notes")
    assert LAYOUT.arrays("labels") == ()
    assert [table.key for table in LAYOUT.roots] == ["carts"]
    with pytest.raises(KeyError):
        LAYOUT.path("notes", "nothing")
    assert replace(LAYOUT, documents=Documents()).collection("notes") == "notes"

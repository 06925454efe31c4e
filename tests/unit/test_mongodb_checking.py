"""Commands that are told to be wrong before anything is made: of the wrong form, or with names that nothing has."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.engines.mongodb.checking import misfit
from loadlab.engines.mongodb.commands import Command, parse_command
from loadlab.engines.mongodb.content import Places
from loadlab.engines.mongodb.layout import Layout
from loadlab.errors import InputError
from loadlab.schema.model import Column, ForeignKey, LogicalType, Schema, Table
from loadlab.schema.nesting import Documents, Placement
from loadlab.spec.native import command_text
from loadlab.spec.statement import Statement

_LONG, _TEXT = LogicalType("integer", bits=64), LogicalType("text")
COMPANIES = Table("companies", (Column("id", _LONG, nullable=False), Column("name", _TEXT)), primary_key=("id",))
AUTHORS = Table(
    "authors",
    (
        Column("id", _LONG, nullable=False),
        Column("created_at", LogicalType("timestamp", timezone=True)),
        Column("status", _TEXT),
        Column("balance", LogicalType("numeric", precision=12, scale=2)),
        Column("employer_id", _LONG),
        Column("tags", LogicalType("array", element=_TEXT)),
    ),
    primary_key=("id",),
    foreign_keys=(ForeignKey("authors_employer", ("employer_id",), "companies", ("id",)),),
)
NOTES = Table(
    "notes",
    (Column("id", _LONG, nullable=False), Column("author_id", _LONG, nullable=False), Column("text", _TEXT)),
    primary_key=("id",),
    foreign_keys=(ForeignKey("notes_author", ("author_id",), "authors", ("id",)),),
)
NOTHING = Table("nothing", ())
_INSIDE = Placement("notes", "embed", host="authors", relation="author_id", field="remarks", columns=("id", "text"))
PLACES = Places.of(Layout(Schema((AUTHORS, COMPANIES, NOTES, NOTHING), "postgresql"), Documents((_INSIDE,))))
SORTED = {"$sort": {"created_at": -1}}
LOOKED_UP = {"$lookup": {"from": "companies", "localField": "employer_id", "foreignField": "_id", "as": "c"}}


def command(document: dict[str, Any]) -> Command:
    return parse_command(Statement.parse(command_text(document)))


@pytest.mark.parametrize(
    "document, message",
    [
        (
            {"aggregate": "t", "pipeline": {"$match": {"a": ":a"}}},
            "pipeline must be a list of stages, as pipeline: [{$match: {…}}, …]; it is a mapping of $match",
        ),
        ({"aggregate": "t"}, "pipeline must be a list of stages"),
        ({"aggregate": "t", "pipeline": ["$match"]}, "pipeline[0] must be a mapping of one stage"),
        ({"aggregate": "t", "pipeline": [{"$match": {}, "$sort": {"a": 1}}]}, "it is a mapping of $match, $sort"),
        ({"aggregate": "t", "pipeline": [{}]}, "pipeline[0] must be a mapping of one stage"),
        ({"aggregate": "t", "pipeline": [{"$match": [1]}]}, "pipeline[0].$match must be a mapping; it is a list"),
        ({"aggregate": "t", "pipeline": [{"$facet": {"x": {"$limit": 1}}}]}, "pipeline[0].$facet.x must be a list"),
        ({"aggregate": "t", "pipeline": [{"$unionWith": {"coll": "u", "pipeline": "$match"}}]}, ".pipeline must be a"),
        (
            {"aggregate": "t", "pipeline": [{"$lookup": {"foreignField": 1}}]},
            "foreignField must name a field; it is the",
        ),
        ({"find": "t", "filter": [{"a": 1}]}, "filter must be a mapping, as filter: {FIELD: …}; it is a list"),
        ({"find": "t", "filter": None}, "filter must be a mapping, as filter: {FIELD: …}; it is not there"),
        ({"find": "t", "projection": ["a"]}, "projection must be a mapping"),
        ({"find": "t", "sort": "a"}, "sort must be a mapping, as sort: {FIELD: …}; it is the text 'a'"),
        ({"find": "t", "filter": {"$contains": ":x"}}, "it is $contains without the field that it is about"),
        ({"count": "t", "query": 1}, "query must be a mapping"),
        ({"distinct": "t"}, "key must name the field"),
        ({"insert": "t"}, "documents must be a list with something in it"),
        ({"insert": "t", "documents": {"a": 1}}, "documents must be a list"),
        ({"insert": "t", "documents": [1]}, "documents[0] must be a mapping; it is the value 1"),
        ({"update": "t", "updates": {"q": {}, "u": {}}}, "updates must be a list"),
        ({"update": "t", "updates": ":x"}, "updates must be a list with something in it"),
        ({"update": "t", "updates": ["q"]}, "updates[0] must be a mapping"),
        ({"update": "t", "updates": [{"q": {}}]}, "updates[0] has no u; write updates: [{q: {…}, u: {$set: {…}}}]"),
        ({"update": "t", "updates": [{"q": [], "u": {"a": 1}}]}, "updates[0].q must be a mapping"),
        ({"update": "t", "updates": [{"q": {}, "u": "x"}]}, "updates[0].u must be a mapping of operators"),
        ({"update": "t", "updates": [{"q": {}, "u": {"$set": 1}}]}, "updates[0].u.$set must be a mapping"),
        ({"update": "t", "updates": [{"q": {}, "u": {"$set": {"a": 1}, "b": 1}}]}, "the field b side by side"),
        ({"update": "t", "updates": [{"q": {}, "u": [1]}]}, "updates[0].u[0] must be a mapping of one stage"),
        ({"delete": "t", "deletes": {"q": {}}}, "deletes must be a list"),
        ({"delete": "t", "deletes": [{"q": {}}]}, "deletes[0] has no limit"),
        ({"findAndModify": "t", "query": {}}, "findAndModify takes one of update"),
        ({"findAndModify": "t", "query": {}, "update": 3}, "update must be a mapping of operators"),
    ],
)
def test_a_part_of_the_wrong_form_is_named(document: dict[str, Any], message: str) -> None:
    with pytest.raises(InputError) as caught:
        command(document)
    assert message in caught.value.remedy
    assert "\n" not in caught.value.remedy


@pytest.mark.parametrize(
    "document",
    [
        {"find": "t", "filter": {"$json": ":f"}, "sort": {}},
        {"insert": "t", "documents": [{"$json": ":d"}]},
        {"aggregate": "t", "pipeline": []},
        {"update": "t", "updates": [{"q": {}, "u": {"a": 1}}, {"q": {}, "u": [{"$set": {"a": 1}}]}]},
        {"findAndModify": "t", "query": {}, "remove": True},
    ],
)
def test_a_parameter_may_be_a_document(document: dict[str, Any]) -> None:
    assert command(document).collection == "t"


@pytest.mark.parametrize(
    "stages, message",
    [
        (
            [{"$match": {"status": "a"}}, {"$sort": {"createdAt": -1}}],
            "stage 2 ($sort) names the field createdAt, which documents of authors do not have; did you mean created_",
        ),
        ([{"$mtach": {}}], "stage 1 ($mtach) is no stage; did you mean $match?"),
        ([{"$group": {"_id": "$statuss"}}], "stage 1 ($group) names the field statuss"),
        ([{"$match": {"$expr": {"$gt": ["$balanc", 0]}}}], "names the field balanc"),
        ([{"$match": {"$expr": {"$gt": ["$$ROOT.balanc", 0]}}}], "names the field balanc"),
        ([{"$lookup": {"from": "companys", "as": "c"}}], "names the collection companys, which is not there; did you"),
        ([{"$lookup": {"from": "notes", "as": "n"}}], "which is not there: notes stands in authors as remarks"),
        ([{"$lookup": {**LOOKED_UP["$lookup"], "localField": "employer"}}], "names the field employer, which"),
        (
            [{"$lookup": {**LOOKED_UP["$lookup"], "foreignField": "id"}}],
            "names the field id, which documents of compan",
        ),
        (
            [{"$lookup": {"from": "companies", "pipeline": [{"$match": {"nmae": 1}}], "as": "c"}}],
            "stage 1 ($lookup), stage 1 ($match) names the field nmae, which documents of companies do not have; did",
        ),
        ([{"$unionWith": "companys"}], "names the collection companys"),
        ([{"$unwind": "$tag"}, SORTED], "stage 1 ($unwind) names the field tag"),
        ([{"$unwind": "$tags"}, {"$sort": {"status_": 1}}], "stage 2 ($sort) names the field status_"),
        (
            [{"$group": {"_id": "$status", "n": {"$sum": 1}}}, {"$sort": {"m": 1}}],
            "stage 2 ($sort) names the field m, which documents behind $group do not have; known are _id, n",
        ),
        ([{"$project": {"status": 1}}, SORTED], "names the field created_at, which documents behind $project do not"),
        ([{"$project": {"statu": 1}}], "names the field statu,"),
        (
            [{"$facet": {"a": [SORTED], "b": [{"$count": "n"}, {"$sort": {"k": 1}}]}}],
            "stage 1 ($facet), stage 2 ($sort)",
        ),
        ([{"$match": {"status": {"$gtt": 1}}}], "has the operator $gtt, which there is not; did you mean $gt?"),
        ([{"$match": {"$orr": []}}], "has the operator $orr"),
        (
            [{"$bucket": {"groupBy": "$balance", "boundaries": [0, 1]}}, SORTED],
            "behind $bucket do not have; known are _id",
        ),
        ([{"$bucket": {"groupBy": "$balanced", "boundaries": [0, 1]}}], "names the field balanced"),
    ],
)
def test_a_pipeline_is_followed_stage_by_stage(stages: list[Any], message: str) -> None:
    assert message in misfit(command({"aggregate": "authors", "pipeline": stages}), PLACES)


@pytest.mark.parametrize(
    "stages",
    [
        [LOOKED_UP, {"$unwind": "$c"}, {"$sort": {"c.name": 1}}, {"$project": {"_id": 0, "n": "$c.name"}}],
        [{"$addFields": {"rich": {"$gt": ["$balance", 9]}}}, {"$match": {"rich": True}}, SORTED],
        [{"$unwind": "$remarks"}, {"$sort": {"remarks.text": 1}}],
        [{"$replaceWith": "$remarks"}, {"$match": {"text": "a", "whatever": 1}}],
        [{"$replaceWith": {"a": "$status"}}, {"$sort": {"a": 1}}],
        [{"$project": {"a": {"b": "$status"}}}, {"$sort": {"a.b": 1}}],
        [{"$project": {"tags": 0}}, SORTED],
        [{"$project": {"at": "$created_at", "text": {"$literal": "$no"}}}, {"$sort": {"_id": 1, "at": 1}}],
        [{"$group": {"_id": {"s": "$status"}, "n": {"$sum": 1}}}, {"$sort": {"_id.s": 1, "n": -1}}],
        [{"$group": {"_id": "$status"}}, {"$count": "n"}, {"$match": {"n": {"$gt": 1}}}],
        [{"$lookup": {"from": "companies", "let": {"e": "$employer_id"}, "pipeline": [
            {"$match": {"$expr": {"$eq": ["$_id", "$$e"]}}}, {"$project": {"name": 1}}], "as": "c"}}],
        [{"$match": {"remarks.text": {"$regex": "a", "$options": "i"}, "tags": {"$elemMatch": {"$in": ["a"]}}}}],
        [{"$setWindowFields": {"partitionBy": "$status", "sortBy": {"created_at": 1},
            "output": {"sum": {"$sum": "$balance", "window": {"documents": ["unbounded", "current"]}}}}},
            {"$sort": {"sum": 1}}],
        [{"$out": "elsewhere"}],
    ],
)  # fmt: skip
def test_what_stages_make_is_known_and_behind_others_nothing_is_claimed(stages: list[Any]) -> None:
    assert misfit(command({"aggregate": "authors", "pipeline": stages}), PLACES) == ""


@pytest.mark.parametrize(
    "document, message",
    [
        ({"find": "authors", "limits": 1}, "has the option limits, which find does not; did you mean limit?"),
        ({"find": "authors", "filter": {"$expr": {"$gt": ["$balanc", 0]}}}, "names the field balanc"),
        ({"find": "authors", "projection": {"s": "$statuss"}}, "names the field statuss"),
        ({"find": "notes"}, "names the collection notes, which is not there: notes stands in authors as remarks"),
        (
            {"update": "authors", "updates": [{"q": {}, "u": {"$st": {"status": "a"}}}]},
            "has the operator $st, which there is not; did you mean $set?",
        ),
        ({"update": "authors", "updates": [{"q": {}, "u": {"status": 1}, "mutli": True}]}, "has updates[0].mutli"),
        ({"update": "authors", "updates": [{"q": {}, "u": {"statuss": 1}}]}, "names the field statuss"),
        ({"update": "authors", "updates": [{"q": {}, "u": [{"$match": {}}]}]}, "stage 1 ($match) is none of an update"),
        ({"findAndModify": "authors", "query": {}, "update": {"$inc": {"balanc": 1}}}, "names the field balanc"),
        (
            {"findAndModify": "authors", "query": {}, "remove": True, "fields": {"statuss": 1}},
            "names the field statuss",
        ),
        ({"distinct": "authors", "key": "statuss"}, "names the field statuss"),
        ({"find": "authors", "projection": {"tags": {"$slice": 1}}, "hint": "x", "maxTimeMS": 5, "comment": "c"}, ""),
        ({"find": "nothing", "filter": {"a": 1}}, ""),
    ],
)
def test_words_and_names_that_nothing_has_are_told(document: dict[str, Any], message: str) -> None:
    found = misfit(command(document), PLACES)
    assert message in found if message else not found

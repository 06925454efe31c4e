"""Commands as the profiler keeps them (MongoDB 8), brought to one form each without anybody's data."""

from __future__ import annotations

from typing import Any

import pytest

from loadlab.engines.mongodb.commands import parse_command
from loadlab.engines.mongodb.profiler import text_of
from loadlab.measure.plans.live import with_parameters
from loadlab.spec.statement import Statement

FIND = {
    "op": "query",
    "ns": "shop.orders",
    "command": {
        "find": "orders", "filter": {"status": "paid", "total": {"$gt": 5, "$exists": True}, "id": {"$in": [1, 2]}},
        "sort": {"at": -1}, "limit": 20, "lsid": {"id": 1}, "$db": "shop",
    },
}  # fmt: skip
UPDATE = {
    "op": "update",
    "ns": "shop.orders",
    "command": {"q": {"_id": 7}, "u": {"$set": {"note": "secret"}}, "multi": False},
}
REMOVE = {"op": "remove", "ns": "shop.orders", "command": {"q": {"_id": 7}, "limit": 1}}
PIPELINE = [
    {"$match": {"at": {"$gte": "2025"}, "deleted": None}},
    {"$lookup": {"from": "users", "localField": "user", "foreignField": "_id", "as": "u"}},
    {"$group": {"_id": "$user", "n": {"$sum": 1}}},
]


@pytest.mark.parametrize(
    "entry, text",
    [
        (
            FIND,
            '{"find": "orders", "filter": {"status": $1, "total": {"$gt": $2, "$exists": true}, "id": {"$in": $3}},'
            ' "sort": {"at": -1}, "limit": 20}',
        ),
        (UPDATE, '{"update": "orders", "updates": [{"q": {"_id": $1}, "u": {"$set": {"note": $2}}, "multi": false}]}'),
        (REMOVE, '{"delete": "orders", "deletes": [{"q": {"_id": $1}, "limit": 1}]}'),
        (
            {"op": "command", "ns": "shop.orders", "command": {"aggregate": "orders", "pipeline": PIPELINE}},
            '{"aggregate": "orders", "pipeline": [{"$match": {"at": {"$gte": $1}, "deleted": null}},'
            ' {"$lookup": {"from": "users", "localField": "user", "foreignField": "_id", "as": "u"}},'
            ' {"$group": {"_id": "$user", "n": {"$sum": 1}}}]}',
        ),
    ],
)
def test_commands_of_one_form_are_one_text(entry: dict[str, Any], text: str) -> None:
    assert text_of(entry) == text
    assert "secret" not in text
    assert parse_command(with_parameters(Statement((text,), ()))).collection == "orders"


def _aggregate(*stages: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"op": "command", "ns": "shop.o", "command": {"aggregate": "o", "pipeline": list(stages), **more}}


@pytest.mark.parametrize(
    "entry, part",
    [
        (
            _aggregate({"$geoNear": {"near": {"type": "secret"}, "key": "place"}}),
            '{"near": {"type": $1}, "key": "place"}',
        ),
        (_aggregate({"$addFields": {"a": {"$literal": "secret"}}}), '{"a": {"$literal": $1}}'),
        (
            _aggregate({"$match": {"$expr": {"$eq": ["$a", "$$v"]}}}, let={"v": "secret"}),
            '{"$eq": ["$a", "$$v"]}}}], "let": {"v": $1}',
        ),
        (_aggregate({"$match": {"price": {"$in": ["$secret", "x"]}, "s": "$secret"}}), '{"$in": $1}, "s": $2}'),
        (_aggregate({"$set": {"a": {"$cond": [{"$in": ["$s", ["secret", "x"]]}, 1, 2]}}}), '{"$in": ["$s", $1]}'),
        (
            _aggregate({"$set": {"a": {"$cond": [{"$eq": [{"$toLower": "$b"}, "secret"]}, "secret", {"$abs": 1}]}}}),
            '{"$cond": [{"$eq": [{"$toLower": "$b"}, $1]}, $2, {"$abs": 1}]}',
        ),
        (_aggregate({"$addFields": {"a": "secret", "b": "$c"}}), '{"$addFields": {"a": $1, "b": "$c"}}'),
        (_aggregate({"$set": {"a": {"$cond": {"if": "$b", "then": "secret"}}}}), '{"if": "$b", "then": $1}'),
        (
            _aggregate({"$sort": {"u": 1, "filter": -1}}, {"$unset": ["q"]}),
            '{"u": 1, "filter": -1}}, {"$unset": ["q"]}',
        ),
        (
            _aggregate({"$sort": {"then": 1, "find": -1, "default": 1}}),
            '{"$sort": {"then": 1, "find": -1, "default": 1}}',
        ),
        (
            _aggregate({"$set": {"a": {"$switch": {"branches": [{"case": "$b", "then": "secret"}], "default": 7}}}}),
            '{"branches": [{"case": "$b", "then": $1}], "default": $2}',
        ),
        (
            _aggregate({"$set": {"a": {"$replaceOne": {"input": "$b", "find": "secret", "replacement": "x"}}}}),
            '{"input": "$b", "find": $1, "replacement": $2}',
        ),
        (
            {**UPDATE, "command": {**UPDATE["command"], "arrayFilters": [{"e.name": "secret"}]}},
            '"arrayFilters": [{"e.name": $3}]',
        ),
    ],
)
def test_constants_are_values_wherever_they_stand_and_names_are_none(entry: dict[str, Any], part: str) -> None:
    text = text_of(entry)
    assert text is not None
    assert part in text
    assert "secret" not in text


@pytest.mark.parametrize(
    "entry",
    [
        {"op": "command", "ns": "shop.orders", "command": {"aggregate": "orders", "pipeline": [{"$indexStats": {}}]}},
        {"op": "command", "ns": "shop", "command": {"explain": {"find": "orders"}}},
        {"op": "query", "ns": "shop.system.views", "command": {"find": "system.views"}},
        {**FIND, "appName": "loadlab"},
    ],
)
def test_what_tools_ask_is_no_load(entry: dict[str, Any]) -> None:
    assert text_of(entry) is None

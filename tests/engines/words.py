"""The suite's statements in the words of an engine that does not speak SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping

from loadlab.spec.statement import Statement

# Where a table's columns stand in documents is said in loadlab/engines/mongodb/paths.py: `id` is `_id`.
_WORK = "author_id rating copies price weight sold title document picture published opens written changed"
_MANY = "rating price title published written changed sold copies"


def _find(table: str, condition: str, *shown: str, more: str = "") -> str:
    projection = json.dumps({"_id": int("_id" in shown)} | dict.fromkeys(shown, 1))
    return f'{{"find": "{table}", "filter": {condition}, "projection": {projection}{more}}}'


def _insert(table: str, fields: str) -> str:
    return f'{{"insert": "{table}", "documents": [{{{fields}}}]}}'


def _by(names: str) -> str:
    return ", ".join(f'"{name}": :{name}' for name in names.split())


_AUTHORS = [
    {"$group": {"_id": "$email", "n": {"$sum": 1}, "low": {"$min": "$_id"}, "high": {"$max": "$_id"}}},
    {
        "$group": {
            "_id": None,
            "n": {"$sum": "$n"},
            "low": {"$min": "$low"},
            "high": {"$max": "$high"},
            "distinct": {"$sum": 1},
        }
    },
    {"$project": {"_id": 0, "n": 1, "low": 1, "high": 1, "distinct": 1}},
]
_JOIN = """\
{"aggregate": "works", "cursor": {}, "pipeline": [
  {"$match": {"weight": {"$gt": :x}}},
  {"$lookup": {"from": "authors", "localField": "author_id", "foreignField": "_id", "as": "author"}}]}
"""
MONGODB: Mapping[str, str] = {
    "SELECT title FROM works WHERE id = :id": _find("works", '{"_id": :id}', "title"),
    "SELECT id FROM authors WHERE email = :email": _find("authors", '{"email": :email}', "_id"),
    "SELECT sallary FROM authors WHERE id = :id": _find("authors", '{"_id": :id}', "sallary"),
    "INSERT INTO authors (id, email) VALUES (:id, :email)": _insert(
        "authors", '"_id": {"$numberLong": :id}, "email": :email'
    ),
    "SELECT 1 FROM nowhere": '{"find": "nowhere", "filter": {}}',
    "SELECT weight FROM works ORDER BY id": _find("works", "{}", "weight", more=', "sort": {"_id": 1}'),
    "SELECT weight FROM works": _find("works", "{}", "weight"),
    "INSERT INTO authors (id, email) VALUES (:a, :b)": _insert("authors", '"_id": {"$numberLong": :a}, "email": :b'),
    "INSERT INTO works (id, author_id, rating) VALUES (:k, :a, 1)": _insert(
        "works", '"_id": :k, "author_id": {"$numberLong": :a}, "rating": 1'
    ),
    "INSERT INTO works (id, author_id, rating) VALUES (:k, 1, :r)": _insert(
        "works", '"_id": :k, "author_id": {"$numberLong": "1"}, "rating": :r'
    ),
    "INSERT INTO works (id, author_id, rating, title, sold) VALUES (:k, 1, 1, :t, :s)": _insert(
        "works", '"_id": :k, "author_id": {"$numberLong": "1"}, "rating": 1, "title": :t, "sold": :s'
    ),
    "DELETE FROM authors WHERE id = :id": '{"delete": "authors", "deletes": [{"q": {"_id": :id}, "limit": 0}]}',
    "SELECT author_id FROM works": _find("works", "{}", "author_id"),
    "SELECT id FROM authors ORDER BY id": _find("authors", "{}", "_id", more=', "sort": {"_id": 1}'),
    "SELECT count(*) FROM authors": '{"count": "authors", "query": {}}',
    "SELECT count(*), min(id), max(id), count(DISTINCT email) FROM authors": json.dumps(
        {"aggregate": "authors", "pipeline": _AUTHORS, "cursor": {}}
    ),
    "SELECT id FROM authors": _find("authors", "{}", "_id"),
    "SELECT id FROM authors WHERE id < :n": _find("authors", '{"_id": {"$lt": :n}}', "_id"),
    "SELECT id FROM authors WHERE id = :n": _find("authors", '{"_id": :n}', "_id"),
    "SELECT id FROM authors WHERE id >= 100": _find("authors", '{"_id": {"$gte": 100}}', "_id"),
    "UPDATE works SET rating = 2 WHERE rating = :a OR rating = :b OR rating = :a": (
        '{"update": "works", "updates": [{"q": {"rating": {"$in": [:a, :b, :a]}}, "u": {"$set": {"rating": 2}},'
        ' "multi": true}]}'
    ),
    "INSERT INTO authors (id, email) VALUES (:id, :email) RETURNING id": _insert(
        "authors", '"_id": {"$numberLong": :id}, "email": :email'
    ),
    "SELECT id FROM authors WHERE id = :b OR id = :a OR id = :b + 1": _find(
        "authors", '{"$expr": {"$in": ["$_id", [:b, :a, {"$add": [:b, 1]}]]}}', "_id"
    ),
    "SELECT id FROM works WHERE " + " AND ".join(f"{name} = :{name}" for name in ("id", *_MANY.split())): _find(
        "works", f'{{"_id": :id, {_by(_MANY)}}}', "_id"
    ),
    "UPDATE authors SET born = NULL WHERE id = :id": (
        '{"update": "authors", "updates": [{"q": {"_id": :id}, "u": {"$unset": {"born": ""}}}]}'
    ),
    "SELECT title FROM works AS w WHERE w.author_id = :a ORDER BY w.changed DESC": _find(
        "works", '{"author_id": :a}', "title", more=', "sort": {"changed": -1}'
    ),
    "SELECT w.title FROM works AS w WHERE w.weight > :x": _find("works", '{"weight": {"$gt": :x}}', "title"),
    "SELECT email FROM authors WHERE id = :id": _find("authors", '{"_id": :id}', "email"),
    "UPDATE works SET rating = 1 WHERE weight = :x": (
        '{"update": "works", "updates": [{"q": {"weight": :x}, "u": {"$set": {"rating": 1}}, "multi": true}]}'
    ),
    "SELECT a.email FROM works AS b JOIN authors AS a ON a.id = b.author_id WHERE b.weight > :x": _JOIN,
    f"SELECT id, {', '.join(_WORK.split())} FROM works ORDER BY id": _find(
        "works", "{}", "_id", *_WORK.split(), more=', "sort": {"_id": 1}'
    ),
}
WORDS: Mapping[str, Mapping[str, str]] = {"mongodb": MONGODB}


def asked(engine: str, sql: str) -> Statement:
    """A statement of the suite for an engine. Raises KeyError for one that has no words for it."""
    return Statement.parse(WORDS[engine][sql] if engine in WORDS else sql)

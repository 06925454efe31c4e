"""Every engine under test, each with an address of a new empty database."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from importlib import import_module
from pathlib import Path
from urllib.parse import unquote

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Engine


@dataclass(frozen=True, slots=True)
class EngineUnderTest:
    """`new_url` makes the address of an empty database, `unreachable_url` has nobody behind it.

    `ddl` is the same schema in each engine's words, with a column of every logical type that the engines share.
    `execute` runs a script at an address with nothing but the driver. `server_fixture` keeps a server
    running over all tests, where there is one. `endless` counts to :most, which takes for ever when that is large.
    `bad_ddl` has its mistake in line 3. Loaders beside the test load `rows_of_loaders`. The others say what an engine
    does without: values that it computes itself, references that it watches over, chunks that are in as a whole or not
    at all whenever a loader is killed, and statistics that are collected. `gaps` are, by test, what an engine of
    another package cannot do: the exception and the reason, as tests/engines/conftest.py has them of LoadLab's own.
    """

    name: str
    new_url: Callable[[Path], str]
    unreachable_url: str
    ddl: str
    execute: Callable[[str, str], None]
    server_fixture: str | None = None
    endless: str = (
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :most) SELECT count(*) FROM n"
    )
    bad_ddl: str = "CREATE TABLE fine (a integer);\n\nCREATE TABEL wrong (b integer);\n"
    has_generated_columns: bool = True
    enforces_references: bool = True
    loads_whole_chunks: bool = True
    has_statistics: bool = True
    rows_of_loaders: int = 20_000
    gaps: Mapping[str, tuple[type[BaseException], str]] = field(default_factory=dict)


_POSTGRESQL_DDL = """\
CREATE TABLE authors (
    id bigint PRIMARY KEY,
    email varchar(60) NOT NULL UNIQUE,
    born date
);
CREATE TABLE works (
    id uuid PRIMARY KEY,
    author_id bigint NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
    rating smallint NOT NULL CONSTRAINT works_rating_range CHECK (rating BETWEEN 1 AND 5),
    copies bigint,
    price numeric(12, 2),
    weight double precision,
    sold boolean,
    title text,
    document jsonb,
    picture bytea,
    published date,
    opens time,
    written timestamp,
    changed timestamptz,
    price_twice numeric(13, 2) GENERATED ALWAYS AS (price * 2) STORED
);
CREATE INDEX works_author_id_changed_idx ON works (author_id, changed DESC);
CREATE INDEX works_lower_title_idx ON works (lower(title));
CREATE UNIQUE INDEX works_sold_title_key ON works (title) WHERE sold AND title <> '';
"""
_SQLITE_DDL = """\
CREATE TABLE authors (
    id INTEGER NOT NULL PRIMARY KEY,
    email VARCHAR(60) NOT NULL UNIQUE,
    born DATE
);
CREATE TABLE works (
    id UUID NOT NULL PRIMARY KEY,
    author_id INTEGER NOT NULL REFERENCES authors (id) ON DELETE CASCADE,
    rating SMALLINT NOT NULL CONSTRAINT works_rating_range CHECK (rating BETWEEN 1 AND 5),
    copies BIGINT,
    price NUMERIC(12, 2),
    weight DOUBLE PRECISION,
    sold BOOLEAN,
    title TEXT,
    document JSON,
    picture BLOB,
    published DATE,
    opens TIME,
    written TIMESTAMP,
    changed TIMESTAMPTZ,
    price_twice NUMERIC(13, 2) GENERATED ALWAYS AS (price * 2) STORED
);
CREATE INDEX works_author_id_changed_idx ON works (author_id, changed DESC);
CREATE INDEX works_lower_title_idx ON works (lower(title));
CREATE UNIQUE INDEX works_sold_title_key ON works (title) WHERE sold AND title <> '';
"""


_MYSQL_DDL = """\
CREATE TABLE authors (
    id BIGINT PRIMARY KEY,
    email VARCHAR(60) NOT NULL UNIQUE,
    born DATE
) COLLATE utf8mb4_nopad_bin;
CREATE TABLE works (
    id UUID PRIMARY KEY,
    author_id BIGINT NOT NULL,
    rating SMALLINT NOT NULL,
    copies BIGINT,
    price DECIMAL(12, 2),
    weight DOUBLE,
    sold BOOLEAN,
    title TEXT,
    document JSON,
    picture LONGBLOB,
    published DATE,
    opens TIME(6),
    written DATETIME(6),
    changed DATETIME(6),
    price_twice DECIMAL(13, 2) GENERATED ALWAYS AS (price * 2) STORED,
    sold_title VARCHAR(100) GENERATED ALWAYS AS (CASE WHEN sold AND title <> '' THEN left(title, 100) END) VIRTUAL,
    CONSTRAINT works_rating_range CHECK (rating BETWEEN 1 AND 5),
    CONSTRAINT works_author FOREIGN KEY (author_id) REFERENCES authors (id) ON DELETE CASCADE
) COLLATE utf8mb4_nopad_bin;
CREATE INDEX works_author_id_changed_idx ON works (author_id, changed DESC);
CREATE INDEX works_lower_title_idx ON works (title(50));
CREATE UNIQUE INDEX works_sold_title_key ON works (sold_title);
"""


_MONGODB_DDL = """\
[
{"create": "authors", "validator": {"$jsonSchema": {
    "bsonType": "object", "required": ["_id", "email"],
    "properties": {
        "_id": {"bsonType": "long", "title": "id"},
        "email": {"bsonType": "string", "maxLength": 60},
        "born": {"bsonType": "date", "description": "date"}}}}},
{"create": "works", "validator": {"$and": [{"$jsonSchema": {
    "bsonType": "object", "required": ["_id", "author_id", "rating"],
    "properties": {
        "_id": {"bsonType": "binData", "title": "id", "description": "uuid"},
        "author_id": {"bsonType": "long", "description": "references authors._id"},
        "rating": {"bsonType": "int", "description": "integer(16)"},
        "copies": {"bsonType": "long"},
        "price": {"bsonType": "decimal", "description": "numeric(12, 2)"},
        "weight": {"bsonType": "double"},
        "sold": {"bsonType": "bool"},
        "title": {"bsonType": "string"},
        "document": {"description": "json"},
        "picture": {"bsonType": "binData"},
        "published": {"bsonType": "date", "description": "date"},
        "opens": {"bsonType": "string", "description": "time"},
        "written": {"bsonType": "date", "description": "timestamp"},
        "changed": {"bsonType": "date"}}}},
    {"$expr": {"$and": [{"$gte": ["$rating", 1]}, {"$lte": ["$rating", 5]}]}, "$comment": "works_rating_range"}]}},
{"createIndexes": "authors", "indexes": [{"key": {"email": 1}, "name": "authors_email_key", "unique": true}]},
{"createIndexes": "works", "indexes": [
    {"key": {"author_id": 1, "changed": -1}, "name": "works_author_id_changed_idx"},
    {"key": {"title": 1}, "name": "works_lower_title_idx", "collation": {"locale": "en", "strength": 2}},
    {"key": {"title": 1}, "name": "works_sold_title_key", "unique": true,
     "partialFilterExpression": {"sold": true, "title": {"$gt": ""}}}]}
]
"""


# Of the ledger's one document become :most, up to ten, and of each ten again and again where :most is above ten: the
# clock of the tests' server does not look into a stage, which may make millions.
_TENFOLD = """\
{"$addFields": {"j": {"$range": [0, {"$max": [1, {"$min": [10, {"$subtract": [:most, 9]}]}]}]}}}, {"$unwind": "$j"},
"""
_MONGODB_ENDLESS = (
    '{"aggregate": "loadlab_ledger", "cursor": {}, "pipeline": [{"$limit": 1},'
    '{"$project": {"i": {"$range": [0, {"$min": [10, :most]}]}}}, {"$unwind": "$i"},'
    f'{9 * _TENFOLD} {{"$count": "n"}}]}}'
)


def _execute_postgresql(url: str, script: str) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(script.encode())


def _execute_sqlite(url: str, script: str) -> None:
    with closing(sqlite3.connect(unquote(url.removeprefix("sqlite:///")))) as connection:
        connection.executescript(script)


def _execute_mysql(url: str, script: str) -> None:
    from loadlab.engines.mysql.address import Address
    from loadlab.engines.mysql.connection import Connection

    connection = Connection(Address.parse(url))
    for statement in script.split(";\n"):
        if statement.strip():
            connection.run(statement)
    connection.close()


def _execute_mongodb(url: str, script: str) -> None:
    import pymongo
    from bson import json_util

    with pymongo.MongoClient(url) as client:
        for command in json_util.loads(script):
            client.get_default_database().command(command)


ENGINES = (
    EngineUnderTest(
        "postgresql",
        lambda _: "embedded:",
        "postgresql://someone:s3cret@127.0.0.1:1/nothing",
        _POSTGRESQL_DDL,
        _execute_postgresql,
        server_fixture="embedded_server",
    ),
    EngineUnderTest(
        "mysql",
        lambda _: "mysql://",
        "mysql://someone:s3cret@127.0.0.1:1/nothing",
        _MYSQL_DDL,
        _execute_mysql,
        server_fixture="mariadb_server",
        # Recursion ends after 1,000 steps there unless it is told otherwise.
        endless="SELECT count(*) FROM seq_1_to_10000000000 WHERE seq <= :most",
    ),
    EngineUnderTest(
        "mongodb",
        lambda _: "mongodb://",
        "mongodb://someone:s3cret@127.0.0.1:1/nothing?serverSelectionTimeoutMS=300",
        _MONGODB_DDL,
        _execute_mongodb,
        server_fixture="mongo_server",
        endless=_MONGODB_ENDLESS,
        bad_ddl='{"create": "fine"}\n\n{"craete": "wrong"}\n',
        has_generated_columns=False,
        enforces_references=False,
        loads_whole_chunks=False,
        has_statistics=False,
        rows_of_loaders=8_000,
    ),
    EngineUnderTest(
        "sqlite",
        lambda folder: f"sqlite:///{folder}/engine.db",
        "sqlite:////no/such/folder/x.db",
        _SQLITE_DDL,
        _execute_sqlite,
    ),
)


SQL_ENGINES = tuple(item for item in ENGINES if item.name != "mongodb")
"""For tests that ask in SQL, or run the migrations of frameworks that know nothing else."""


def started(request: pytest.FixtureRequest) -> EngineUnderTest:
    """The engine that a fixture is asked for, with its server running."""
    found: EngineUnderTest = request.param
    if found.server_fixture is not None:
        request.getfixturevalue(found.server_fixture)
    return found


def of_another_package() -> tuple[EngineUnderTest, ...]:
    """The engine that `LOADLAB_ENGINE_UNDER_TEST=MODULE:NAME` gives to the suite (docs/adding-an-engine.md)."""
    module, _, name = os.environ.get("LOADLAB_ENGINE_UNDER_TEST", "").partition(":")
    return (getattr(import_module(module), name),) if module else ()


@pytest.fixture(params=of_another_package() or ENGINES, ids=lambda under_test: under_test.name)
def under_test(request: pytest.FixtureRequest) -> EngineUnderTest:
    """One engine after the other."""
    return started(request)


@pytest.fixture
def engine(under_test: EngineUnderTest, tmp_path: Path) -> Iterator[Engine]:
    """An open, empty database."""
    with open_database(under_test.new_url(tmp_path)) as opened:
        yield opened

"""Schemas, rows and expressions in PostgreSQL's words, for the engines that translate them."""

from __future__ import annotations

import datetime as dt
import json
from decimal import Decimal
from pathlib import Path
from uuid import UUID

from loadlab.data.dataset import Dataset
from loadlab.data.plan.planner import DataRequest
from loadlab.engines.protocol import Chunk
from loadlab.spec.shapes import DataShape
from tests.engines.books import batch, meant, read

SOURCE = "postgresql"
ROOT = Path(__file__).resolve().parents[2]

EVERY_TYPE = """\
CREATE TYPE mood AS ENUM ('glad', 'it''s fine', 'sad');
CREATE SCHEMA shop;
CREATE EXTENSION ltree;
CREATE TABLE shop.owners (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, name varchar(8) NOT NULL);
CREATE TABLE things (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner_id bigint REFERENCES shop.owners (id) ON DELETE SET NULL DEFERRABLE INITIALLY DEFERRED,
    whole numeric(18),
    price numeric(10, 2) NOT NULL DEFAULT 1.50,
    tax numeric(10, 2) NOT NULL DEFAULT 0,
    total numeric(12, 2) NOT NULL,
    huge numeric(30, 6),
    loose numeric,
    ratio real,
    feeling mood DEFAULT 'glad'::mood,
    tags text[],
    seen timestamptz DEFAULT now() - interval '1 day',
    pause interval,
    address inet,
    path ltree,
    document jsonb NOT NULL DEFAULT '{"a": 1}',
    active boolean NOT NULL DEFAULT true,
    code char(3),
    gross numeric(12, 2) GENERATED ALWAYS AS (price + tax) STORED,
    words tsvector GENERATED ALWAYS AS (to_tsvector('english', coalesce(code, ''))) STORED,
    CONSTRAINT adds_up CHECK (total = price + tax),
    CONSTRAINT code_format CHECK (code ~ '^[A-Z]+$'),
    CONSTRAINT code_known CHECK (code IN ('abc', 'ABC', 'X')),
    CONSTRAINT not_before CHECK (seen IS NULL OR seen >= '2020-01-01 00:00:00+02'::timestamptz),
    CONSTRAINT price_code_key UNIQUE (price, code),
    CONSTRAINT no_overlap EXCLUDE USING gist (address inet_ops WITH =)
);
CREATE INDEX things_seen_idx ON things USING brin (seen);
CREATE INDEX things_code_hash ON things USING hash (code);
CREATE INDEX things_tags_idx ON things USING gin (tags);
CREATE INDEX things_covering ON things (owner_id, seen DESC) INCLUDE (total) WHERE active;
CREATE UNIQUE INDEX things_lower_code ON things (lower(code)) INCLUDE (id) WHERE feeling = 'sad';
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER touch_things BEFORE UPDATE ON things FOR EACH ROW EXECUTE FUNCTION touch();
"""


def thing(number: int, **values: object) -> dict[str, object]:
    price, tax = Decimal(number) / 10, Decimal("0.20")
    fixed = {"id": UUID(int=number), "price": price, "tax": tax, "total": price + tax, "document": "{}", "active": True}
    return fixed | values


FULL = thing(
    1,
    owner_id=1,
    whole=Decimal(10**18 - 1),
    huge=Decimal("123456789012345678901234.567891"),
    loose=Decimal("-0.000001"),
    ratio=0.5,
    feeling="it's fine",
    tags=["a", "", None, 'q"ü'],
    seen=dt.datetime(2024, 2, 29, 23, 59, 59, 999999, tzinfo=dt.UTC),
    pause=dt.timedelta(days=-1, microseconds=5),
    address="10.0.0.0/8",
    path="top.science",
    document='{"a": [1, 2]}',
    active=False,
    code="ABC",
)


def assert_stored(column, stored, expected) -> None:
    """What a driver gives back for a value of `things`, where arrays are JSON and intervals microseconds."""
    match column.type.kind if stored is not None else None:
        case "array":
            assert json.loads(stored) == expected, column.name
        case "interval":
            assert dt.timedelta(microseconds=stored) == expected, column.name
        case _:
            assert meant(column.type, stored) == meant(column.type, expected), column.name


def load_things(engine, rows):
    owners, table = (engine.manifest().schema.table(key) for key in ("shop.owners", "things"))
    engine.load(owners, [batch(owners, [{"id": 1, "name": "Ann"}])], Chunk(owners.key, 0, 1))
    engine.load(table, [batch(table, rows)], Chunk(table.key, 0, len(rows)))


COLUMNS = "a int, b int, at timestamp, day date, doc jsonb, name text, ok boolean"
ROWS = """
INSERT INTO t VALUES (7, 2, '2024-02-29 13:14:15.678000', '2024-02-29', '{"k": {"n": 5}, "s": "x"}', 'Ann', true);
INSERT INTO t VALUES (8, NULL, '2023-12-31 23:00:00.000000', '2023-12-31', '{"s": null}', 'bob', false);
"""
EXPRESSIONS = [
    "date_trunc('month', at)",
    "date_trunc('week', at)",
    "date_trunc('hour', at)",
    "at - interval '30 days'",
    "at + interval '1 day 2 hours'",
    "at + b * interval '1 hour'",
    "at + make_interval(days => b)",
    "'1 year'::interval + '2024-01-01'::timestamptz",
    "at::date - 7",
    "extract(year from at)",
    "extract(dow from at)",
    "extract(doy from day)",
    "round(extract(epoch from (at - '2024-02-29 13:00:00'::timestamp)))",
    "extract(epoch from '2024-01-01 00:00:00'::timestamp)::bigint",
    "at < now() AND now() - interval '1 minute' < now()",
    "a / b",
    "a::numeric / b",
    "doc->'k'->>'n'",
    "(doc->'k'->>'n')::int + 1",
    "name ILIKE 'an%'",
    "concat(name, NULL, '!')",
    "left(name, 2) || right(name, 1)",
    "greatest(a, b)",
    "a IS DISTINCT FROM NULL",
    "name = ANY (ARRAY['Ann'::text, 'Eve'])",
    "ok AND NOT false",
    "'x'::varchar(5)",
    "char_length(name)",
    "coalesce(nullif(b, 2), 9)",
    "CASE WHEN ok THEN 'yes' ELSE 'no' END",
    "doc || '{\"z\": 1}'::jsonb",
    "'2024-05-01 10:00+02'::timestamptz",
    "(a, b) > (7, 1)",
    "a BETWEEN SYMMETRIC 9 AND 1",
    "length(gen_random_uuid()::text)",
]


def plain(answer, expected):
    """An answer in the terms in which the other engine gives it."""
    match expected:
        case dt.datetime():
            return answer if isinstance(answer, str) else answer.replace(tzinfo=None).isoformat(" ", "microseconds")
        case dt.date():
            return str(answer)[:10]
        case dict():
            return json.loads(answer) if isinstance(answer, str) else answer
        case str():
            return str(answer)  # ->> gives a document's number as number or as text
        case _:
            return float(answer)


# The marketplace -----------------------------------------------------------------------------------------------------


def marketplace(source):
    """Sixty rows everywhere; `source` is a server of the engine whose words its schema is in."""
    ddl = (ROOT / "scenarios" / "marketplace" / "schema.sql").read_text()
    request = DataRequest(DataShape(), 1.0, 3, lambda _: None, {}, rows_everywhere=60)
    return Dataset.plan_for(source.preview(ddl, {}), request, owns_tables=True)


def assert_reads_back(engine, dataset, *, order: str | None = None):
    """Load it all, then read it all; in the `order` of loading, or by primary key."""
    engine.create(dataset.manifest)
    for key in dataset.tables:
        rows = dataset.row_count(key)
        assert engine.load(dataset.table(key), [dataset.batch(key, 0, rows)], Chunk(key, 0, rows)) == rows
    engine.finish(dataset.manifest, lambda _: None)
    for key in dataset.tables:
        table = dataset.table(key)
        columns = table.stored_columns
        expected = dataset.batch(key, 0, dataset.row_count(key)).to_pylist()
        keys = table.primary_key
        names = ", ".join(column.name for column in columns)
        stored = read(engine, f"SELECT {names} FROM {key} ORDER BY {order or ', '.join(keys)}")
        if order is None:
            expected.sort(key=lambda row: tuple(row[name] for name in keys))
            stored.sort(key=lambda row: tuple(_key(row[_place(columns, name)]) for name in keys))
        assert len(stored) == len(expected) > 0
        for row, want in zip(stored, expected, strict=True):
            for column, item in zip(columns, row, strict=True):
                assert _same(column, item, want[column.name]), (key, column.name, item, want[column.name])


def _place(columns, name):
    return next(place for place, column in enumerate(columns) if column.name == name)


def _key(value):
    try:
        return UUID(value).bytes if isinstance(value, str) else value
    except ValueError:
        return value


def _same(column, stored, expected):
    if expected is None or stored is None:
        return stored is expected
    if column.type.kind == "uuid":
        expected = UUID(bytes=expected)
    if column.type.kind == "array":
        return json.loads(stored) == expected
    return meant(column.type, stored) == meant(column.type, expected)

"""Schemas and statements in another engine's words, executed by SQLite: same rows, same rules, the rest named."""

from __future__ import annotations

import datetime as dt
import sqlite3
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadlab.engines import open_database
from loadlab.engines.protocol import Manifest
from loadlab.engines.sqlite.ddl import stored_type, translate
from loadlab.engines.sqlite.dialect import render, translate_expression
from loadlab.engines.translation import UntranslatableError
from loadlab.errors import ConstraintError, InputError
from loadlab.schema.model import Check, Column, LogicalType, Schema, Table
from loadlab.spec.statement import Statement
from tests.engines.books import read
from tests.engines.foreign import (
    COLUMNS,
    EVERY_TYPE,
    EXPRESSIONS,
    FULL,
    ROWS,
    SOURCE,
    assert_reads_back,
    assert_stored,
    load_things,
    marketplace,
    plain,
    thing,
)

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def schema(source):
    return source.preview(EVERY_TYPE, {})


@pytest.fixture
def things(tmp_path, schema):
    """A SQLite database with the tables of `EVERY_TYPE`, unfinished."""
    with open_database(f"sqlite:///{tmp_path}/things.db") as engine:
        engine.create(Manifest("f", {}, schema, owns_tables=True))
        yield engine


def test_every_type_keeps_its_values(things):
    load_things(things, [FULL, thing(2)])
    things.finish(things.manifest(), lambda _: None)
    table = things.manifest().schema.table("things")
    for column in table.stored_columns:
        (full,), (bare,) = read(things, f"SELECT {column.name} FROM things ORDER BY id")
        assert_stored(column, full, FULL[column.name])
        assert_stored(column, bare, thing(2).get(column.name))
    assert read(things, 'SELECT name FROM "shop.owners"') == [("Ann",)]
    assert read(things, "SELECT gross FROM things ORDER BY id") == [(pytest.approx(0.3),), (pytest.approx(0.4),)]


def test_what_is_left_out_is_named(things, schema):
    notes = things.notes()
    assert notes == translate(schema).notes
    named = {note.partition(":")[0] for note in notes}
    assert named == {
        "generated column things.words",
        "check things.code_format",
        "constraint things.no_overlap",
        "trigger things.touch_things",
        "index things.things_seen_idx",
        "index things.things_code_hash",
        "index things.things_tags_idx",
        "columns included in things.things_lower_code",
    }
    assert all("\n" not in note for note in notes)
    told: list[str] = []
    things.finish(things.manifest(), told.append)
    assert set(notes) <= set(told)


def test_everything_else_is_there(things):
    things.finish(things.manifest(), lambda _: None)
    table = things.reflect().table("things")
    assert {check.name for check in table.checks} >= {"adds_up", "code_known", "not_before"}
    assert {index.name for index in table.indexes if index.constraint is None} == {
        "things_seen_idx",
        "things_code_hash",
        "things_covering",
        "things_lower_code",
    }
    covering = next(index for index in table.indexes if index.name == "things_covering")
    assert covering.keys == ("owner_id", "seen", "total")
    assert '"seen" DESC' in covering.definition
    assert covering.predicate == "active"
    (key,) = table.foreign_keys
    assert (key.target, key.on_delete, key.deferrable) == ("shop.owners", "SET NULL", True)
    assert ("price", "code") in table.unique_keys


@pytest.mark.parametrize(
    "broken",
    [
        {"feeling": "angry"},
        {"tags": "no list"},
        {"document": "{"},
        {"active": 2},
        {"code": "ABCD"},
        {"code": "xyz"},
        {"seen": dt.datetime(2019, 12, 31, tzinfo=dt.UTC)},
        {"total": Decimal("9.99")},
        {"owner_id": 77},
        {"price": "dear"},
        {"id": None},
        {"whole": Decimal("0.5")},
    ],
    ids=lambda broken: next(iter(broken)),
)
def test_what_a_type_promised_still_holds(things, broken):
    load_things(things, [])
    things.finish(things.manifest(), lambda _: None)
    statement = things.insert_statement(things.manifest().schema.table("things"))
    with closing(things.connect(timeout_s=1)) as session:
        handle = session.prepare(statement)
        row = dict.fromkeys(statement.names) | thing(5)
        with pytest.raises(ConstraintError):
            session.execute(handle, session.encode_row(handle, row | broken))
        assert session.execute(handle, session.encode_row(handle, row)) == 1


def test_defaults_go_on_working(things):
    with closing(things.connect(timeout_s=1)) as session:
        session.execute(session.prepare(Statement.parse("INSERT INTO things (total) VALUES (1.5)")), ())
    columns = "id, price, tax, feeling, seen, document, active, gross"
    ((key, price, tax, feeling, seen, document, active, gross),) = read(things, f"SELECT {columns} FROM things")
    assert UUID(key).version == 4
    assert (price, tax, feeling, document, active, gross) == (1.5, 0, "glad", '{"a": 1}', 1, 1.5)
    age = dt.datetime.now(dt.UTC).replace(tzinfo=None) - dt.datetime.fromisoformat(seen)
    assert dt.timedelta(days=1) <= age < dt.timedelta(days=1, minutes=1)
    assert len(seen) == len("2024-01-01 00:00:00.000000")


_CENTS = st.integers(-(10**9), 10**9).map(lambda cents: Decimal(cents) / 100)
_MONEY = LogicalType("numeric", precision=12, scale=2)


@given(price=_CENTS, tax=_CENTS, quantity=st.integers(-100, 100))
def test_checks_on_decimals_hold_exactly_as_in_exact_arithmetic(price, tax, quantity):
    columns = [Column(name, _MONEY) for name in ("price", "tax", "total", "line")]
    columns.append(Column("quantity", LogicalType("integer", bits=32)))
    checks = (Check("sum", "total = price + tax"), Check("product", "line = (price * (quantity)::numeric)"))
    ddl = translate(Schema((Table("t", tuple(columns), checks=checks),), SOURCE)).ddl
    row = [price, tax, price + tax, price * quantity]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(ddl)
        insert = "INSERT INTO t (price, tax, total, line, quantity) VALUES (?, ?, ?, ?, ?)"
        connection.execute(insert, (*map(float, row), quantity))
        for place in (2, 3):
            wrong = [*row[:place], row[place] + Decimal("0.01"), *row[place + 1 :]]
            with pytest.raises(sqlite3.IntegrityError):
                connection.execute(insert, (*map(float, wrong), quantity))


def test_the_kept_type_of_a_numeric_follows_its_digits():
    for (precision, scale), kept in {(18, 0): "INTEGER", (15, 2): "REAL", (16, 2): "ANY", (19, 0): "ANY"}.items():
        assert stored_type(LogicalType("numeric", precision=precision, scale=scale)) == kept
    assert stored_type(LogicalType("numeric")) == "ANY"


# The marketplace -----------------------------------------------------------------------------------------------------


def test_the_marketplace_reads_back_as_its_dataset(source, tmp_path):
    dataset = marketplace(source)
    with open_database(f"sqlite:///{tmp_path}/market.db") as engine:
        assert_reads_back(engine, dataset, order="rowid")


# Statements ----------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def rows():
    # Declared as text, which is how times and documents are kept.
    plain = COLUMNS.replace("timestamp", "text").replace("date", "text").replace("jsonb", "text")
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(f"CREATE TABLE t ({plain});{ROWS}")
        yield connection


@pytest.fixture(scope="module")
def source_rows(source):
    """The same rows in the engine whose words the expressions are in: it knows what they mean."""
    with psycopg.connect(source.url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(f"CREATE TEMPORARY TABLE t ({COLUMNS});{ROWS}")
        yield connection


@pytest.mark.parametrize("expression", EXPRESSIONS)
def test_expressions_mean_the_same(rows, source_rows, expression):
    (expected,) = source_rows.execute(f"SELECT {expression} FROM t WHERE a = 7").fetchone()
    (answer,) = rows.execute(f"SELECT {translate_expression(expression, SOURCE)} FROM t WHERE a = 7").fetchone()
    assert plain(answer, expected) == plain(expected, expected)


@pytest.mark.parametrize(
    "sql, values, answer",
    [
        ("SELECT a FROM public.t WHERE day = :d::date FOR UPDATE SKIP LOCKED", {"d": "2024-02-29"}, [(7,)]),
        ("SELECT a FROM t WHERE a = ANY(:list) ORDER BY a DESC", {"list": "[7, 8, 9]"}, [(8,), (7,)]),
        ("SELECT DISTINCT ON (ok) ok, a FROM t ORDER BY ok, a DESC", {}, [(0, 8), (1, 7)]),
        ("SELECT count(*) FILTER (WHERE ok)::int, string_agg(name, ',') FROM t WHERE a > :a", {"a": 7}, [(0, "bob")]),
        ("SELECT a FROM t ORDER BY b LIMIT :n OFFSET :n - 1", {"n": 1}, [(8,)]),
        ("SELECT array_agg(a), json_build_object('n', min(a)) FROM t", {}, [("[7,8]", '{"n":7}')]),
    ],
)
def test_statements_answer_the_same(rows, sql, values, answer):
    statement = Statement.parse(sql, dialect=SOURCE)
    found = rows.execute(render(statement), [values[name] for name in statement.names]).fetchall()
    assert found == answer


def test_an_upsert_returns_its_row(rows):
    rows.execute("CREATE TABLE IF NOT EXISTS u (k TEXT PRIMARY KEY, n INTEGER)")
    sql = "INSERT INTO u (k, n) VALUES (:k, :n) ON CONFLICT (k) DO UPDATE SET n = u.n + excluded.n RETURNING n"
    statement = Statement.parse(sql, dialect=SOURCE)
    assert [rows.execute(render(statement), ("x", 2)).fetchall() for _ in range(2)] == [[(2,)], [(4,)]]


def test_the_order_of_nulls_does_not_keep_an_index_from_serving(rows):
    rows.execute("CREATE INDEX IF NOT EXISTS newest ON t (ok, at DESC)")
    statement = Statement.parse("SELECT a FROM t WHERE ok = :ok ORDER BY at DESC", dialect=SOURCE)
    plan = [row[3] for row in rows.execute(f"EXPLAIN QUERY PLAN {render(statement)}", (1,))]
    assert plan == ["SEARCH t USING INDEX newest (ok=?)"]


@pytest.mark.parametrize(
    "expression",
    [
        "ends <= starts + 7",
        "(ends - starts) < 5",
        "tags[1]",
        "at AT TIME ZONE 'Europe/Berlin'",
        "'a_seq'::regclass",
        "date_trunc('quarter', at)",
        "extract(week from at)",
        "now() + '1 fortnight'::interval",
        "'infinity'::timestamptz",
        "(((",
    ],
)
def test_what_has_no_counterpart_is_refused(expression):
    with pytest.raises(UntranslatableError) as caught:
        translate_expression(expression, SOURCE, {n: Column(n, LogicalType("date")) for n in ("starts", "ends")})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT words FROM things", r"no such column: words \(generated column things.words: left out"),
        ("SELECT id FROM things WHERE document @> :d::jsonb", "unrecognized token"),
        ("SELECT id FROM things WHERE code ~* 'a'", "REGEXP"),
        ("SELECT seen - now() FROM things", "calculates with seen, which SQLite keeps as text"),
        ("SELECT tags[1] FROM things", "the element of an array has no counterpart"),
        ("SELECT id FROM", "Expected table name|Invalid expression|Required keyword"),
    ],
)
def test_an_operation_that_cannot_be_translated_is_named_with_the_remedy(things, sql, said):
    message = rf"^operation slow: .*(?:{said}).*; give it a text for this engine: sql: "
    with pytest.raises(InputError, match=message) as caught:
        things.check_statements({"slow": Statement.parse(sql, dialect=SOURCE)})
    assert "\n" not in str(caught.value)


def test_a_session_takes_statements_of_either_dialect(things):
    with closing(things.connect(timeout_s=1)) as session:
        foreign = session.prepare(Statement.parse("SELECT :x::int + 1", dialect=SOURCE))
        own = session.prepare(Statement.parse("SELECT :x + 1", dialect="sqlite"))
        assert session.query(foreign, (1,)) == session.query(own, (1,)) == [(2,)]
        with pytest.raises(InputError, match="give it a text for this engine"):
            session.prepare(Statement.parse("SELECT tags[1] FROM things", dialect=SOURCE))
    plan = things.explain(Statement.parse("SELECT 1 FROM things WHERE id = :id::uuid", dialect=SOURCE))
    assert plan.full_scans == ()

"""Schemas and statements in another engine's words, executed by MariaDB: same rows, same rules, the rest named."""

from __future__ import annotations

from contextlib import closing

import psycopg
import pytest

from loadlab.engines import open_database
from loadlab.engines.protocol import Manifest
from loadlab.errors import ConstraintError, InputError
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

pytestmark = pytest.mark.usefixtures("mariadb_server")
# `a / b` of whole numbers: which columns are whole, an expression alone does not tell.
DIFFERENT = {"a / b"}


@pytest.fixture(scope="module")
def things(source, mariadb_server):
    """The tables of `EVERY_TYPE` with two rows, finished."""
    schema = source.preview(EVERY_TYPE, {})
    with open_database("mysql://") as engine:
        engine.create(Manifest("f", {}, schema, owns_tables=True))
        load_things(engine, [FULL, thing(2)])
        engine.finish(engine.manifest(), lambda _: None)
        yield engine


def test_every_type_keeps_its_values(things):
    table = things.manifest().schema.table("things")
    stored = read(things, f"SELECT {', '.join(column.name for column in table.stored_columns)} FROM things ORDER BY id")
    for column, full, bare in zip(table.stored_columns, *stored, strict=True):
        assert_stored(column, full, FULL.get(column.name))
        assert_stored(column, bare, thing(2).get(column.name))
    assert read(things, "SELECT name FROM `shop.owners`") == [("Ann",)]


def test_what_is_left_out_is_named(things):
    notes = things.notes()
    for what in ("generated column things.words", "trigger things.touch_things", "index things.no_overlap"):
        assert any(note.startswith(f"{what}: left out") for note in notes), what
    assert "index things.things_seen_idx: made as a b-tree instead of brin" in notes
    assert any("things_covering: made over all rows" in note for note in notes)
    assert not any("_loadlab_scratch" in note or "\n" in note for note in notes)


def test_hidden_columns_stay_hidden(things):
    table = things.reflect().table("things")
    assert not [name for name in table.column_names if name.startswith("_loadlab")]
    assert len(read(things, "SELECT * FROM things")[0]) == len(table.columns)


def test_an_index_of_an_expression_serves_the_statement(things):
    found = things.explain(Statement.parse("SELECT id FROM things t WHERE lower(t.code) = lower(:c)", dialect=SOURCE))
    assert found.full_scans == ()
    assert "things_lower_code" in found.indexes


def test_a_partial_unique_index_holds_where_it_should(things):
    insert = "INSERT INTO things (id, price, total, code, feeling) VALUES (uuid(), :price, :price, 'X', :feeling)"
    with closing(things.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(insert))
        for price, feeling in ((101, "glad"), (102, "glad"), (103, "sad")):
            session.execute(handle, session.encode_row(handle, {"price": price, "feeling": feeling}))
        with pytest.raises(ConstraintError) as caught:
            session.execute(handle, session.encode_row(handle, {"price": 104, "feeling": "sad"}))
    assert caught.value.constraint == "things_lower_code"


@pytest.mark.parametrize("broken", [{"total": 9}, {"code": "abcd"}, {"code": "zzz"}, {"seen": "2019-01-01"}])
def test_what_a_check_promised_still_holds(things, broken):
    values = {"price": 1, "total": 1, "tax": 0} | broken
    names = ", ".join(values)
    sql = f"INSERT INTO things (id, {names}) VALUES (uuid(), {', '.join(f':{name}' for name in values)})"
    with closing(things.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(sql))
        with pytest.raises(Exception, match=r"CONSTRAINT|Data too long"):
            session.execute(handle, session.encode_row(handle, values))


def test_the_marketplace_reads_back_as_its_dataset(source):
    dataset = marketplace(source)
    with open_database("mysql://") as engine:
        assert_reads_back(engine, dataset)
        assert any("FULLTEXT index of name, description" in note for note in engine.notes())
        search = "SELECT id FROM products WHERE MATCH (name, description) AGAINST (:words)"
        assert "products_search_vector_idx" in engine.explain(Statement.parse(search)).indexes


@pytest.fixture(scope="module")
def rows(mariadb_server):
    with open_database("mysql://") as engine:
        columns = COLUMNS.replace("timestamp", "datetime(6)").replace("jsonb", "json")
        engine._connection.run(f"CREATE TABLE t ({columns}) COLLATE utf8mb4_nopad_bin")
        for insert in ROWS.strip().split(";\n"):
            engine._connection.run(insert.rstrip(";"))
        yield engine


@pytest.fixture(scope="module")
def source_rows(source):
    """The same rows in the engine whose words the expressions are in: it knows what they mean."""
    with psycopg.connect(source.url) as connection:
        connection.execute("SET TIME ZONE 'UTC'")
        connection.execute(f"CREATE TEMPORARY TABLE t ({COLUMNS});{ROWS}")
        yield connection


@pytest.mark.parametrize("expression", [item for item in EXPRESSIONS if item not in DIFFERENT])
def test_expressions_mean_the_same(rows, source_rows, expression):
    (expected,) = source_rows.execute(f"SELECT {expression} FROM t WHERE a = 7").fetchone()
    with closing(rows.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(f"SELECT {expression} FROM t WHERE a = 7", dialect=SOURCE))
        ((answer,),) = session.query(handle, ())
    assert plain(answer, expected) == plain(expected, expected)


@pytest.mark.parametrize(
    "sql, values, answer",
    [
        ("SELECT a FROM public.t WHERE day = :d::date FOR UPDATE SKIP LOCKED", {"d": "2024-02-29"}, [(7,)]),
        ("SELECT a FROM t WHERE a = ANY(:list) ORDER BY a DESC", {"list": [7, 8, 9]}, [(8,), (7,)]),
        ("SELECT a FROM t WHERE a = ANY(:list)", {"list": []}, []),
        ("SELECT DISTINCT ON (ok) ok, a FROM t ORDER BY ok, a DESC", {}, [(0, 8), (1, 7)]),
        ("SELECT count(*) FILTER (WHERE ok)::int, string_agg(name, ',') FROM t WHERE a > :a", {"a": 7}, [(0, "bob")]),
        ("SELECT a FROM t ORDER BY b LIMIT :n OFFSET :n - 1", {"n": 1}, None),
        ("SELECT a FROM t WHERE name ~* '^AN' AND name !~ 'b'", {}, [(7,)]),
        ("SELECT a FROM t WHERE doc @> :part::jsonb", {"part": '{"s": "x"}'}, [(7,)]),
    ],
)
def test_statements_answer_the_same(rows, sql, values, answer):
    with closing(rows.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(sql, dialect=SOURCE))
        if answer is None:
            # Only a whole number may stand there, and no expression.
            with pytest.raises(Exception, match="syntax"):
                session.query(handle, session.encode_row(handle, values))
        else:
            assert session.query(handle, session.encode_row(handle, values)) == answer


def test_an_upsert_changes_its_row(rows):
    rows._connection.run("CREATE TABLE IF NOT EXISTS u (k VARCHAR(5) PRIMARY KEY, n INTEGER)")
    sql = "INSERT INTO u (k, n) VALUES (:k, :n) ON CONFLICT (k) DO UPDATE SET n = u.n + excluded.n"
    with closing(rows.connect(timeout_s=5)) as session:
        handle = session.prepare(Statement.parse(sql, dialect=SOURCE))
        for _ in range(2):
            session.execute(handle, session.encode_row(handle, {"k": "x", "n": 2}))
    assert read(rows, "SELECT n FROM u") == [(4,)]


@pytest.mark.parametrize(
    "sql, said",
    [
        ("SELECT words FROM things", r"Unknown column 'words'.*\(generated column things.words: left out"),
        ("SELECT tags[1] FROM things", "the element of an array has no counterpart"),
        ("SELECT seen AT TIME ZONE 'Europe/Berlin' FROM things", "other than UTC"),
        ("SELECT id FROM", "Expected table name|Invalid expression|Required keyword"),
    ],
)
def test_an_operation_that_cannot_be_translated_is_named_with_the_remedy(things, sql, said):
    message = rf"^operation slow: .*(?:{said}).*; give it a text for this engine: sql: "
    with pytest.raises(InputError, match=message) as caught:
        things.check_statements({"slow": Statement.parse(sql, dialect=SOURCE)})
    assert "\n" not in str(caught.value)
